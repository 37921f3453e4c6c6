import { rm } from 'node:fs/promises';
import { AppError, type HdfsFormat, type InPlaceFile, type InPlaceText, type StoredColumn } from '#contracts';
import type { ColumnNames } from '../ingest/column-names.ts';
import { namesOf, readHead, type CsvHead } from '../ingest/csv-head.ts';
import { nullMarkersOf } from '../ingest/null-markers.ts';
import { GroupFiles } from '../ingest/record-sink.ts';
import { scanPieces, type TextPiece } from '../ingest/scan-pieces.ts';
import { columnGroups, makeScratchFolder } from '../ingest/scratch.ts';
import { assertCount, stagedRelation, stageGroup } from '../ingest/staged.ts';
import { decideTallied, newTally, tallyGroup, type ColumnTally } from '../ingest/tally.ts';
import { textForm } from '../ingest/text-form.ts';
import { differentNames } from './different-names.ts';
import { oneAhead } from './one-ahead.ts';
import { openText } from './open-text.ts';
import type { RegisterOptions } from './register.ts';
import { registeredTable, requireColumnCount, type RegisteredTable } from './registered-table.ts';

/** The columns of all files, by the first one with a record. */
interface TextColumns extends ColumnNames {
  readonly path: string;
  readonly delimiter: string;
}

/** What was found so far. */
interface Found {
  readonly files: InPlaceFile[];
  columns: TextColumns | null;
  bytes: number;
}

/**
 * What is recorded of CSV or TSV files that stay where they are, by one pass over all of their bytes: columns with exactly the
 * types and warnings that a snapshot of the same rows has, and rows and CRC-32 of each file. All files have the same names in the
 * same order; of a file without a record nothing is expected.
 *
 * Rows become pieces in the scratch folder, one of which is looked at while the next one is read. Memory: what is known of
 * the columns, a few chunks of text. Disk: two pieces, and one group of columns of one as Parquet.
 *
 * @throws DATASET_CHANGED; DATASET_SCHEMAS_DIFFER naming both files, what was expected and found; DATASET_NO_ROWS,
 *   DATASET_RAGGED, DATASET_ENCODING, DATASET_UNREADABLE, DATASET_TRUNCATED, DATASET_CELL_TOO_LARGE, DATASET_TOO_WIDE,
 *   UNSUPPORTED_FORMAT, DATA_READ_TRUNCATED, each naming the file; VALIDATION_FAILED for a delimiter; DISK_FULL
 */
export async function registerText(
  options: RegisterOptions,
  format: Exclude<HdfsFormat, 'jsonl' | 'parquet'>,
): Promise<RegisteredTable> {
  const { registered, files, signal } = options;
  await files.check(registered, signal);
  const folder = await makeScratchFolder(options.scratchDirectory, 'text-');
  const stop = new AbortController();
  const either = signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]);
  const found: Found = { files: [], columns: null, bytes: 0 };
  const pieces = oneAhead(piecesOf(found, format, folder, options, either));
  const tallies: ColumnTally[] = [];
  let rowCount = 0;
  try {
    for await (const piece of pieces) {
      while (tallies.length < (piece.sink.runs.at(-1)?.to ?? 0)) tallies.push(newTally());
      await addPiece(tallies, piece, rowCount, options);
      rowCount += piece.rowCount;
    }
  } finally {
    stop.abort();
    await pieces.return(undefined);
    await rm(folder, { recursive: true, force: true });
  }
  return tableOf(found, tallies, options);
}

/** Rows of all files in pieces, in order. */
async function* piecesOf(
  found: Found,
  format: HdfsFormat,
  folder: string,
  options: RegisterOptions,
  signal: AbortSignal,
): AsyncGenerator<TextPiece<GroupFiles> & { readonly delimiter: string }> {
  const total = options.registered.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const { header = true, encoding, delimiter: stated } = options.options;
  const onBytes = (count: number): void => {
    found.bytes += count;
    options.onProgress?.(found.bytes / total);
  };
  let count = 0;
  for (const entry of options.registered) {
    if (entry.sizeBytes === 0) {
      found.files.push({ ...entry, rowCount: 0, crc32: 0 });
      continue;
    }
    const file = await options.files.open(entry, signal);
    const { text, crc32 } = openText(file, { encoding, signal, onBytes });
    let rowCount = 0;
    try {
      const delimiter = found.columns?.delimiter ?? stated;
      const reading = { fileName: entry.path, limits: options.limits };
      const head = await readHead(text, format === 'tsv', {
        ...reading,
        options: { ...options.options, ...(delimiter === undefined ? {} : { delimiter }) },
      });
      if (head !== null) {
        const { names } = (found.columns = columnsOf(found.columns, head, header, entry.path, options));
        const groups = columnGroups(names.length);
        const newSink = (): Promise<GroupFiles> =>
          GroupFiles.create({
            ...{ groups, folder, delimiter: head.delimiter, bytesMax: options.pieceBytes },
            name: String((count += 1)),
          });
        for await (const piece of scanPieces(head, header, text, { ...reading, columnNames: names, newSink })) {
          rowCount += piece.rowCount;
          yield { ...piece, delimiter: head.delimiter };
        }
      }
    } finally {
      await text.return(undefined);
    }
    await file.confirm(signal);
    found.files.push({ ...entry, rowCount, crc32: crc32() });
  }
}

/** @throws DATASET_SCHEMAS_DIFFER, DATASET_TOO_WIDE */
function columnsOf(
  first: TextColumns | null,
  head: CsvHead,
  header: boolean,
  file: string,
  { limits }: RegisterOptions,
): TextColumns {
  const named = namesOf(head, header);
  if (first === null) {
    requireColumnCount(named.names.length, file, limits.columnsMax);
    return { ...named, path: file, delimiter: head.delimiter };
  }
  const difference = differentNames(first.names, named.names);
  if (difference === null) return first;
  const { expected, found } = difference;
  throw new AppError(
    'DATASET_SCHEMAS_DIFFER',
    `File ${file}: expected ${expected}, as in file ${first.path}, found ${found} (delimiter ${JSON.stringify(first.delimiter)})`,
    { details: { path: file, first: first.path } },
  );
}

async function addPiece(
  tallies: readonly ColumnTally[],
  { sink, ...piece }: TextPiece<GroupFiles> & { readonly delimiter: string },
  firstRow: number,
  { duckdb, options, signal }: RegisterOptions,
): Promise<void> {
  let nullCount = 0;
  for (const [index, group] of sink.runs.entries()) {
    const staged = `${sink.paths[index] ?? ''}.parquet`;
    await stageGroup(duckdb, { ...piece, groups: sink.runs, files: sink.paths }, index, staged, signal);
    await rm(sink.paths[index] ?? '', { force: true });
    const counted = await tallyGroup(tallies, firstRow, {
      ...{ duckdb, relation: stagedRelation(staged), group, rowCount: piece.rowCount, signal },
      nullMarkers: nullMarkersOf(options),
    });
    assertCount('rows', piece.rowCount, counted.rowCount);
    nullCount += counted.counts.reduce((sum, { kinds }) => sum + kinds.missing, 0);
    await rm(staged, { force: true });
  }
  assertCount('null cells', piece.nullCount, nullCount);
}

function tableOf(
  { files, columns: named }: Found,
  tallies: readonly ColumnTally[],
  options: RegisterOptions,
): RegisteredTable {
  const nullMarkers = nullMarkersOf(options.options);
  const names = named?.names ?? [];
  const { decisions, warnings } = decideTallied(tallies, { names }, nullMarkers);
  const columns = decisions.map(({ storage, parse, hasMarkers }, position): StoredColumn => {
    const hasTwin = textForm({ position, storage, parse }, hasMarkers).twin !== null;
    return { name: names[position] ?? '', position, storage, hasTwin, parse };
  });
  const table = registeredTable({ columns, files, nullMarkers, columnsMax: options.limits.columnsMax });
  const { header = true, encoding } = options.options;
  const inPlaceText: InPlaceText = {
    delimiter: named?.delimiter ?? ',',
    header,
    ...(encoding === undefined ? {} : { encoding }),
  };
  return { table: { ...table, inPlaceText }, warnings: [...(named?.warnings ?? []), ...warnings] };
}
