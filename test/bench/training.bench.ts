/**
 * From snapshot to model, beside Python LightGBM in the same run: `node test/bench/training.bench.ts [ROWS] [ROUNDS]`.
 * Both read the same Parquet file (30 float64 features), train on the same 80 % of the rows with the same parameters
 * (100 trees x 63 leaves, two threads) and score the other 20 %. Start of the process and imports are left out on both
 * sides. Needs python3 with venv; lightgbm, numpy and pyarrow are installed into a venv in the cache folder.
 * Exits 1 when the median ratio of the walls or of the peaks is above its budget.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import type { StoredTable } from '#contracts';
import { MALLOC_ENVIRONMENT } from '#runtime';
import { DuckDb } from '#tables';
import { CHILD_FLAGS } from '../../yarn-workers/worker/supervisor/task-process.ts';
import { pythonOf } from '../support/python.ts';

const ROWS = Number(process.argv[2] ?? 2_000_000);
const ROUNDS = Number(process.argv[3] ?? 3);
const FEATURES = 30;
const TREES = 100;
const LEAVES = 63;
const THREADS = 2;
/** Budgets: ratios of the wall and of the peak, from so many rows on. */
const BUDGETS = [
  { rows: 10_000_000, wall: 1, memory: 0.35 },
  { rows: 0, wall: 1.1, memory: 0.65 },
] as const;

interface Measured {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
  readonly auc: number;
  /** Of the process, its start and imports too. */
  readonly peakBytes: number;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** A table with a known signal: the first ten features matter, with interactions and 2 % missing values in five. */
async function makeTable(folder: string): Promise<StoredTable> {
  const duckdb = await DuckDb.open({
    memoryLimitBytes: 2 * 1024 ** 3,
    threads: THREADS,
    tempDirectory: path.join(folder, 'spill'),
    tempDirectoryBytesMax: 4 * 1024 ** 3,
    allowedDirectories: [folder],
  });
  const uniform = (salt: number) => `(hash(i * 1009 + ${salt})::DOUBLE / 1.8446744073709552e19)`;
  const features = Array.from({ length: FEATURES }, (_, index) => {
    const value = `sqrt(-2 * ln(${uniform(index)} + 1e-12)) * cos(2 * pi() * ${uniform(100 + index)})`;
    return index % 6 === 5
      ? `CASE WHEN ${uniform(200 + index)} < 0.02 THEN NULL ELSE ${value} END AS c${index}`
      : `${value} AS c${index}`;
  });
  const logit = 'c0 - 0.8 * c1 + 0.7 * c2 * c3 + 0.5 * abs(c4) - 0.6 * sin(2 * c6) + 0.4 * c7 * c8';
  const file = path.join(folder, 'rows.parquet');
  await duckdb.execute(
    `COPY (SELECT * EXCLUDE (i), (1 / (1 + exp(-(${logit}))) > ${uniform(999)})::BIGINT AS c${FEATURES}, ` +
      `CASE WHEN ${uniform(1000)} < 0.8 THEN 'training' ELSE 'validation' END AS c${FEATURES + 1} ` +
      `FROM (SELECT i, ${features.join(', ')} FROM range(${ROWS}) t(i))) TO '${file}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`,
  );
  duckdb.close();
  const number = { kind: 'number' as const, nullMarkers: [] };
  const column = (position: number, name: string, storage: 'float64' | 'int64' | 'string') => ({
    name,
    position,
    storage,
    hasTwin: false,
    parse: storage === 'string' ? { kind: 'category' as const, keyRule: 'text' as const, nullMarkers: [] } : number,
  });
  const digest = createHash('sha256');
  await pipeline(createReadStream(file), digest);
  return {
    rowCount: ROWS,
    columns: [
      ...Array.from({ length: FEATURES }, (_, index) => column(index, `v${index}`, 'float64')),
      column(FEATURES, 'target', 'int64'),
      column(FEATURES + 1, 'part', 'string'),
    ],
    files: [{ path: 'rows.parquet', rowCount: ROWS, sizeBytes: statSync(file).size, sha256: digest.digest('hex') }],
  };
}

function measured(program: string, argv: readonly string[]): Measured {
  const output = execFileSync(program, argv, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...MALLOC_ENVIRONMENT, OMP_WAIT_POLICY: 'passive' },
  });
  return JSON.parse(output.trim().split('\n').at(-1) ?? '{}') as Measured; // both programs print this shape
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;

const python = pythonOf('bench-python', ['lightgbm==4.7.0', 'numpy', 'pyarrow', 'scipy']);
const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-training-'));
try {
  const table = await makeTable(folder);
  const settings = [TREES, LEAVES, THREADS].map(String);
  const pairs = Array.from({ length: ROUNDS }, (_, round) => {
    const ours = measured(process.execPath, [
      ...CHILD_FLAGS,
      here('training/train.ts'),
      folder,
      JSON.stringify(table),
      ...settings,
    ]);
    const rival = measured(python, [
      here('training/train.py'),
      path.join(folder, 'rows.parquet'),
      String(FEATURES),
      ...settings,
    ]);
    process.stdout.write(
      `round ${round + 1}: ours ${JSON.stringify(ours)}\n         python ${JSON.stringify(rival)}\n`,
    );
    return { ours, rival };
  });
  const wall = median(pairs.map(({ ours, rival }) => ours.wallSeconds / rival.wallSeconds));
  const cpu = median(pairs.map(({ ours, rival }) => ours.cpuSeconds / rival.cpuSeconds));
  const memory = median(pairs.map(({ ours, rival }) => ours.peakBytes / rival.peakBytes));
  const budget = BUDGETS.find(({ rows }) => ROWS >= rows) ?? BUDGETS[1];
  process.stdout.write(
    `${ROWS} x ${FEATURES}, ${TREES} trees x ${LEAVES} leaves: wall ratio ${wall.toFixed(3)} (budget ${budget.wall}), ` +
      `cpu ratio ${cpu.toFixed(3)}, memory ratio ${memory.toFixed(3)} (budget ${budget.memory})\n`,
  );
  process.exitCode = wall <= budget.wall && memory <= budget.memory ? 0 : 1;
} finally {
  rmSync(folder, { recursive: true, force: true });
}
