import { availableParallelism } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { OtherTable, writeTable } from './write-table.ts';

const USAGE = `Usage: scripts/bench/generate FOLDER --rows N [--columns 40] [--files N] [--workers N] [--seed 1]

Makes a wide table of numbers, categories of 5 to 60,000 levels, texts, dates and flags, a third of the columns with missing cells, and a
binary target with a known signal, as Parquet files of FOLDER. The same options give the same rows, however many files and workers there are.
A run that was ended goes on with the files that lack; manifest.json is there when the table is whole.

  --rows      rows of the table; 50,000,000 of 40 columns are about 10 GB
  --columns   columns besides row_id and target, 1 to 2,000; a wider table begins with those of a narrower one
  --files     files that the rows are parted into (one for each million rows)
  --workers   files that are written at a time, each by one thread (one a processor)
  --seed      of everything that is drawn
  --help`;

const USAGE_EXIT = 64;
const ROWS_MAX = 1e11;
const COLUMNS_MAX = 2_000;
const FILES_MAX = 99_999;
const WORKERS_MAX = 256;
const ROWS_A_FILE = 1_000_000;

class UsageError extends Error {}

function wholeNumber(name: string, text: string, max: number): number {
  const value = /^\d+$/.test(text.replaceAll('_', '')) ? Number(text.replaceAll('_', '')) : NaN;
  if (!(value >= 1 && value <= max))
    throw new UsageError(`--${name}: expected a whole number from 1 to ${max}, found ${text}`);
  return value;
}

function readRequest() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      rows: { type: 'string' },
      columns: { type: 'string', default: '40' },
      files: { type: 'string' },
      workers: { type: 'string', default: String(availableParallelism()) },
      seed: { type: 'string', default: '1' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const [folder, ...rest] = positionals;
  if (folder === undefined || rest.length > 0)
    throw new UsageError(`expected one folder, found ${positionals.join(' ') || 'none'}`);
  if (values.rows === undefined) throw new UsageError('--rows: expected a number of rows, found nothing');
  const rowCount = wholeNumber('rows', values.rows, ROWS_MAX);
  return {
    folder: path.resolve(folder),
    rowCount,
    columnCount: wholeNumber('columns', values.columns, COLUMNS_MAX),
    fileCount:
      values.files === undefined
        ? Math.ceil(rowCount / ROWS_A_FILE)
        : wholeNumber('files', values.files, Math.min(FILES_MAX, rowCount)),
    workerCount: wholeNumber('workers', values.workers, WORKERS_MAX),
    seed: wholeNumber('seed', values.seed, 2 ** 31 - 1),
  };
}

async function main(): Promise<void> {
  const request = readRequest();
  if (request === null) return void process.stdout.write(`${USAGE}\n`);
  const { fileCount } = request;
  process.stdout.write(`writing ${request.rowCount} rows of ${request.columnCount} columns into ${request.folder}\n`);
  const { files, bestAuc, targetShare } = await writeTable({
    ...request,
    onFile: (done, name) => process.stdout.write(`${done} of ${fileCount}: ${name}\n`),
  });
  const gigabytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0) / 1e9;
  process.stdout.write(
    `${gigabytes.toFixed(2)} GB; target 1 in ${(100 * targetShare).toFixed(1)} % of the rows, best AUC ${bestAuc.toFixed(4)}\n`,
  );
}

try {
  await main();
} catch (err) {
  if (!(err instanceof UsageError || err instanceof OtherTable || (err instanceof TypeError && 'code' in err)))
    throw err;
  process.stderr.write(`generate: ${err.message}\n`);
  process.exitCode = USAGE_EXIT;
}
