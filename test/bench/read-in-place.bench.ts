/**
 * What reading Parquet by mini files and CSV by pieces costs against reading a snapshot of the same rows:
 * `node test/bench/read-in-place.bench.ts [rows]`. Prints CPU seconds of the whole process (all threads) and bytes read, the
 * median of the rounds; exits 1 where a budget is missed. The network is left out. Figures and what follows from them:
 * `docs/adr/0016-parquet-in-place.md`, `docs/adr/0068-csv-in-place.md`.
 */
import { readdirSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import path from 'node:path';
import type { BatchSource } from '#contracts';
import { DEFAULT_INGEST_LIMITS, openInPlace, registerInPlace } from '#tables';
import { LocalFiles } from '../support/local-files.ts';
import { TableLab } from '../support/tables.ts';

const ROWS = Number(process.argv[2] ?? 300_000);
const ROUNDS = 3;
const NUMBERS = 30;
const TEXTS = 10;
const PIECE_BYTES = 16 * 1024 * 1024;
/** CPU of reading in place against the snapshot of the same rows. */
const RATIO_MAX = { parquet: 2, csv: 8 } as const;

const lab = await TableLab.open(1_000_000_000, 1);
try {
  console.log(`${ROWS} rows, ${NUMBERS} numbers, ${TEXTS} texts, DuckDB on one thread, Node ${process.version}, ${cpus().length} cores`); // prettier-ignore
  await compare('parquet', '(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)');
  await compare('csv', '(FORMAT csv, HEADER)');
} finally {
  await lab.close();
}

async function compare(format: 'parquet' | 'csv', written: string): Promise<void> {
  const file = lab.at('in', `bench.${format}`);
  const columns = [
    ...Array.from({ length: NUMBERS }, (_, i) => `(hash(i + ${i}) % 1000000)::DOUBLE / 7 AS n${i}`),
    ...Array.from({ length: TEXTS }, (_, i) => `'text ' || (hash(i * ${i + 1}) % 2000) AS t${i}`),
  ];
  await lab.duckdb.execute(`COPY (SELECT ${columns.join(', ')} FROM range(${ROWS}) AS r(i)) TO '${file}' ${written}`);
  const ingesting = process.cpuUsage();
  const snapshot = lab.source((await lab.ingestFile(file, `bench.${format}`)).table, undefined, false);
  const ingested = cpuSeconds(ingesting);
  const files = new LocalFiles();
  const place = { files, duckdb: lab.duckdb, scratchDirectory: lab.at('scratch'), pieceBytes: PIECE_BYTES };
  const registering = process.cpuUsage();
  const { table } = await registerInPlace({
    ...place,
    registered: [LocalFiles.registered(file)],
    format,
    options: {},
    limits: DEFAULT_INGEST_LIMITS,
  });
  const registered = cpuSeconds(registering);
  console.log(`${format} ${(statSync(file).size / 1e6).toFixed(0)} MB: snapshot made in ${ingested.toFixed(2)} cpu-s, registered in ${registered.toFixed(3)}, ${files.bytesRead} bytes read`); // prettier-ignore
  const inPlace = openInPlace(table, place);
  let worst = 0;
  for (const [what, numbers, texts] of [
    ['all columns', NUMBERS, TEXTS],
    ['10 of 40', 8, 2],
    ['1 of 40', 1, 0],
  ] as const) {
    const direct = await median(() => drain(snapshot, numbers, texts));
    const before = files.bytesRead;
    let disk = 0;
    const pieces = await median(() => drain(inPlace, numbers, texts, () => (disk = Math.max(disk, diskBytes()))));
    const read = (files.bytesRead - before) / ROUNDS;
    // Of one column of Parquet fixed costs are all there is to see; of text the whole file is scanned for any.
    if (numbers === NUMBERS) worst = Math.max(worst, pieces / direct);
    console.log(`${what}: snapshot ${direct.toFixed(2)} cpu-s, in place ${pieces.toFixed(2)}, ratio ${(pieces / direct).toFixed(2)}; ${(read / 1e6).toFixed(1)} MB read, ${(disk / 1e6).toFixed(1)} MB of disk at most`); // prettier-ignore
  }
  if (worst > RATIO_MAX[format]) {
    console.error(`${format}: ratio ${worst.toFixed(2)}, budget ${RATIO_MAX[format]}`);
    process.exitCode = 1;
  }
}

function diskBytes(): number {
  const folder = lab.at('scratch');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(path.join(entry.parentPath, entry.name)).size, 0);
}

async function drain(source: BatchSource, numbers: number, texts: number, onBatch?: () => void): Promise<void> {
  const request = [
    ...Array.from({ length: numbers }, (_, i) => ({ name: `n${i}`, view: 'number' as const })),
    ...Array.from({ length: texts }, (_, i) => ({ name: `t${i}`, view: 'dictionary' as const })),
  ];
  let rows = 0;
  for await (const { rowCount } of source.batches(request)) {
    rows += rowCount;
    onBatch?.();
  }
  if (rows !== ROWS) throw new Error(`expected ${ROWS} rows, found ${rows}`);
}

async function median(work: () => Promise<void>): Promise<number> {
  const seconds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const from = process.cpuUsage();
    await work();
    seconds.push(cpuSeconds(from));
  }
  return seconds.sort((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? NaN;
}

function cpuSeconds(from: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(from);
  return (user + system) / 1e6;
}
