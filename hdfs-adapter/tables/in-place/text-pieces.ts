import path from 'node:path';
import { isAppError, type InPlaceFile, type InPlaceText, type RowSpan, type StoredTable } from '#contracts';
import { csvRelation, type CopiedCsv } from '../ingest/csv-relation.ts';
import { namesOf, readHead } from '../ingest/csv-head.ts';
import { DEFAULT_INGEST_LIMITS, type IngestLimits } from '../ingest/limits.ts';
import { scanPieces, type TextPiece } from '../ingest/scan-pieces.ts';
import { textForm } from '../ingest/text-form.ts';
import { ChosenCells, chosenRuns } from './chosen-cells.ts';
import { differentNames } from './different-names.ts';
import { notRegistered } from './not-registered.ts';
import { openText } from './open-text.ts';
import { partitionValues } from './partition-columns.ts';
import type { LocalPiece, PieceOptions, WantedColumns } from './pieces.ts';
import { placedFiles } from './row-span.ts';

/** The name of the cell that says which record of a piece it is. */
const ROW_NUMBER = 'file_row_number';
/** Cells were measured when the files were registered: here a quote that never ends must not fill the disk. */
const LIMITS: IngestLimits = { ...DEFAULT_INGEST_LIMITS, cellBytesMax: DEFAULT_INGEST_LIMITS.rowBytesMax };

/**
 * Text by pieces: each file that begins in the span is read from its beginning to its end, its records are checked again, and the wanted cells of some
 * of them at a time become a local file in a form that leaves nothing to guess. A file must have the names, the rows and the
 * CRC-32 that it was registered with: what is damaged, cut or another file ends the read, at the latest after its last row. Memory:
 * a few chunks of text.
 *
 * @throws DATASET_CHANGED; DATA_READ_TRUNCATED for fewer bytes than the file has
 * @see docs/adr/0068-csv-in-place.md
 */
export async function* textPieces(
  table: StoredTable,
  form: InPlaceText,
  rows: RowSpan,
  columns: WantedColumns,
  folder: string,
  options: PieceOptions,
  signal: AbortSignal,
): AsyncGenerator<LocalPiece> {
  const names = table.columns.filter(({ isPartition }) => isPartition !== true).map(({ name }) => name);
  const runs = chosenRuns(names.length, new Set(columns.stored.map(({ position }) => position)));
  let count = 0;
  const newSink = (): Promise<ChosenCells> => {
    count += 1;
    const file = path.join(folder, `${count}.csv`);
    return ChosenCells.create({ runs, file, delimiter: form.delimiter, bytesMax: options.pieceBytes });
  };
  for (const { registered, firstRow } of placedFiles(table)) {
    if (firstRow < rows.from || firstRow >= rows.to) continue;
    for await (const { sink, ...piece } of scanned(registered, { form, names, newSink }, options, signal)) {
      const relation = textRelation({ ...piece, file: sink.path, delimiter: form.delimiter }, registered, columns);
      yield { local: sink.path, rowCount: piece.rowCount, registered, relation: () => Promise.resolve(relation) };
    }
  }
}

/** SQL of a piece's rows with its columns in the form that the table says, and `file_row_number`. */
function textRelation(
  copied: CopiedCsv & { readonly file: string },
  registered: InPlaceFile,
  { stored, partitions }: WantedColumns,
): string {
  const cells = stored.map(({ position }) => `c${position}`);
  const values = stored.flatMap((column) => {
    const { value, twin } = textForm(column, true);
    const { position, hasTwin } = column;
    return [`${value} AS c${position}`, ...(hasTwin && twin !== null ? [`${twin} AS v${position}`] : [])];
  });
  const selected = [...values, ...partitionValues(registered, partitions), ROW_NUMBER];
  return `(SELECT ${selected.join(', ')} FROM ${csvRelation(copied.file, [...cells, ROW_NUMBER], copied)})`;
}

interface Scanning {
  readonly form: InPlaceText;
  readonly names: readonly string[];
  readonly newSink: () => Promise<ChosenCells>;
}

/** The records of one file, which is found to be the registered one. */
async function* scanned(
  registered: InPlaceFile,
  scanning: Scanning,
  { files }: PieceOptions,
  signal: AbortSignal,
): AsyncGenerator<TextPiece<ChosenCells>> {
  const { path: fileName } = registered;
  const expected = `${registered.rowCount} rows`;
  const file = await files.open(registered, signal);
  const { text, crc32 } = openText(file, { encoding: scanning.form.encoding, signal });
  let rowCount = 0;
  try {
    for await (const piece of records(text, fileName, scanning)) {
      rowCount += piece.rowCount;
      if (rowCount > registered.rowCount) throw notRegistered(fileName, expected, 'more');
      yield piece;
    }
  } catch (err) {
    // It was whole when it was registered.
    if (!isAppError(err) || err.kind !== 'invalid') throw err;
    throw notRegistered(fileName, 'text that reads as it did', err.code, err);
  } finally {
    await text.return(undefined);
  }
  await file.confirm(signal);
  const found = crc32();
  if (found !== registered.crc32) throw notRegistered(fileName, `CRC-32 ${registered.crc32 ?? 'none'}`, String(found));
  if (rowCount !== registered.rowCount) throw notRegistered(fileName, expected, String(rowCount));
}

async function* records(
  text: AsyncGenerator<Buffer>,
  fileName: string,
  { form, names, newSink }: Scanning,
): AsyncGenerator<TextPiece<ChosenCells>> {
  const head = await readHead(text, false, { fileName, limits: LIMITS, options: { delimiter: form.delimiter } });
  if (head === null) return;
  const difference = differentNames(names, namesOf(head, form.header).names);
  if (difference !== null) throw notRegistered(fileName, difference.expected, difference.found);
  yield* scanPieces(head, form.header, text, { fileName, columnNames: names, limits: LIMITS, newSink });
}
