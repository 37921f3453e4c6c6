import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import {
  parse,
  planParts,
  stagedFileName,
  TaskOutcome,
  type BatchGatherTask,
  type BatchPredictOutcome,
  type BatchPredictTask,
  type HdfsFormat,
  type RegisteredFile,
  type StagedOutput,
  type StoredTable,
} from '#contracts';
import { levelWarnings, mergeUnseenLevels } from '#scoring';
import { runBatchGather } from '../../../yarn-workers/worker/tasks/batch-gather.ts';
import { runBatchPredict } from '../../../yarn-workers/worker/tasks/batch-predict.ts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { sharedHadoopCluster } from '../../support/hadoop/index.ts';
import { churnCsv, churnTask, openWorkbench, type Workbench } from '../worker/support.ts';

const ROWS = 9_000;
const FOLDER = '/user/alice/batch-parts';

/** Several tasks predict parts of a table, and what they wrote is put together. */
describe('batch predictions in parts, on HDFS', function () {
  this.timeout(180_000);
  let bench: Workbench;
  let artifact: Pick<BatchPredictTask, 'artifactPath' | 'manifestSha256'>;
  let lines: readonly string[];
  let count = 0;

  const local = (name: string): string => path.join(bench.context.workDir, name);
  const put = async (content: Uint8Array | string, target: string): Promise<void> => {
    await bench.context.hdfs().create(target, Buffer.from(content), { overwrite: true });
  };
  const names = async (folder: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const entry of bench.context.hdfs().list(folder)) found.push(entry.path.slice(folder.length + 1));
    return found;
  };
  const contentOf = async (file: string): Promise<string> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bench.context.hdfs().open(file)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  /** A table of files in HDFS that is read where it lies. */
  async function registered(format: HdfsFormat, files: readonly string[]): Promise<StoredTable> {
    const found = await Promise.all(
      files.map(async (name): Promise<RegisteredFile> => {
        const { path: file, sizeBytes, modifiedAt } = await bench.context.hdfs().status(`${FOLDER}/${name}`);
        return { path: file, sizeBytes, modifiedAt: modifiedAt.getTime() };
      }),
    );
    const input = { type: 'hdfs', format, files: found, inPlace: true } as const;
    const outcome = await runIngest(bench.run({ kind: 'ingest', datasetId: 'ds_1', input, options: {} }));
    if (outcome.kind !== 'ingest') expect.fail(outcome.kind);
    return outcome.table;
  }
  const newOutput = (format: StagedOutput['format'] = 'csv'): StagedOutput => {
    count += 1;
    return { format, stagingPath: `${FOLDER}/staging-${count}` };
  };
  const spec = (table: StoredTable, output: StagedOutput): BatchPredictTask => ({
    kind: 'batch-predict',
    batchPredictionId: 'bp_1',
    modelId: 'm_1',
    ...artifact,
    datasetId: 'ds_1',
    table,
    passthroughColumns: ['id'],
    output,
  });
  async function predicted(task: BatchPredictTask): Promise<BatchPredictOutcome> {
    const outcome = parse(TaskOutcome, await runBatchPredict(bench.run(task)), 'outcome');
    if (outcome.kind !== 'batch-predict') expect.fail(outcome.kind);
    return outcome;
  }
  /** All parts of a table, in any order. */
  async function inParts(table: StoredTable, output: StagedOutput, cellsMin: number): Promise<BatchPredictOutcome[]> {
    const parts = planParts(table, { rowCells: 1, cellsMin, countMax: 64 });
    const outcomes: BatchPredictOutcome[] = [];
    for (const planned of parts.toReversed()) outcomes.unshift(await predicted({ ...spec(table, output), ...planned }));
    return outcomes;
  }
  const gathering = (outcomes: readonly BatchPredictOutcome[], output: StagedOutput): BatchGatherTask => ({
    kind: 'batch-gather',
    batchPredictionId: 'bp_1',
    datasetId: 'ds_1',
    output,
    rowCount: ROWS,
    parts: outcomes.flatMap(({ staged }) => staged ?? []),
  });
  /** Rows of all files of a folder by the order of their names, the row of names of each left out. */
  async function rowsOf(folder: string): Promise<string[]> {
    const files = (await names(folder)).filter((name) => name !== '_SUCCESS').sort();
    const texts = await Promise.all(files.map((name) => contentOf(`${folder}/${name}`)));
    return texts.flatMap((text) => text.trimEnd().split('\r\n').slice(1));
  }

  before(async () => {
    const cluster = await sharedHadoopCluster('plain');
    const flags = { 'objectStore.driver': 'file', 'hadoop.confDir': cluster.confDir, 'hadoop.user': 'alice' };
    bench = await openWorkbench(flags);
    lines = churnCsv(ROWS).replaceAll('plus', '"p,lus"').trimEnd().split('\n');
    const [header = '', ...rows] = lines;
    const text = (from: number, to: number): string => `${[header, ...rows.slice(from, to)].join('\n')}\n`;
    writeFileSync(local('all.csv'), text(0, ROWS));
    const all = `read_csv('${local('all.csv')}', types = {'label': 'VARCHAR'}, parallel = false)`;
    for (const [name, from, to] of [
      ['0.parquet', 0, 5_000],
      ['1.parquet', 5_000, 5_500],
      ['2.parquet', 5_500, ROWS],
    ] as const) {
      await bench.context.duckdb.execute(
        `COPY (SELECT * FROM ${all} OFFSET ${from} LIMIT ${to - from}) TO '${local('part')}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`,
      );
      await put(readFileSync(local('part')), `${FOLDER}/${name}`);
    }
    await put(text(0, 4_000), `${FOLDER}/0.csv`);
    await put(gzipSync(text(4_000, 4_100)), `${FOLDER}/1.csv.gz`);
    await put(text(4_100, ROWS).replaceAll('\n', '\r\n'), `${FOLDER}/2.csv`);
    // The plan of the first thousand rows is all that the model has seen.
    await put(text(0, 1_000).replaceAll('"p,lus"', 'pro'), `${FOLDER}/train.csv`);
    const run = bench.run(churnTask(await registered('csv', ['train.csv']), 'lightgbm-fast'));
    await runTrain(run);
    const manifest = run.attempt.files.find(({ name }) => name === 'manifest.json');
    artifact = { artifactPath: run.attempt.path, manifestSha256: manifest?.sha256 ?? '' };
  });
  after(() => bench.close());

  for (const [format, files, partCount] of [
    ['parquet', ['0.parquet', '1.parquet', '2.parquet'], 9],
    ['csv', ['0.csv', '1.csv.gz', '2.csv'], 3],
  ] as const)
    it(`give the rows and the warnings of one task, in order by the names of files: ${format}`, async () => {
      const table = await registered(format, files);
      const output = newOutput();
      const whole = await predicted(spec(table, output));
      const expected = await rowsOf(whole.staged?.path ?? '');
      expect(expected.length).to.equal(ROWS);
      expect(expected.map((row) => row.split(',')[0])).to.deep.equal(lines.slice(1).map((row) => row.split(',')[0]));

      const outcomes = await inParts(table, output, 1_000);
      expect(outcomes.length).to.equal(partCount);
      expect(outcomes.reduce((sum, { rowCount }) => sum + rowCount, 0)).to.equal(ROWS);
      const run = bench.run(gathering(outcomes, output));
      const gathered = parse(TaskOutcome, await runBatchGather(run), 'outcome');
      if (gathered.kind !== 'batch-gather') expect.fail(gathered.kind);
      const folder = `${output.stagingPath}/rows`;
      expect(gathered.staged.path).to.equal(folder);
      expect(await names(folder)).to.deep.equal(['_SUCCESS', ...gathered.staged.files.map(({ name }) => name)]);
      expect(gathered.staged.files.map(({ name }) => name)).to.deep.equal(
        gathered.staged.files.map(({ name }) => name).sort(),
      );
      expect(await rowsOf(folder)).to.deep.equal(expected);
      expect(JSON.parse(await contentOf(`${folder}/_SUCCESS`))).to.deep.equal({
        batchPredictionId: 'bp_1',
        rowCount: ROWS,
        fileCount: gathered.staged.files.length,
      });
      const [first] = outcomes;
      const unseen = mergeUnseenLevels(outcomes.map(({ unseenLevels = [] }) => unseenLevels));
      expect(unseen).to.have.length(1);
      expect([...(first?.warnings ?? []), ...levelWarnings(unseen)]).to.deep.equal(whole.warnings);
      expect(outcomes.every(({ processorSeconds = 0 }) => processorSeconds > 0)).to.be.true;
    });

  it('gathers on where another attempt was killed, whatever that one still does', async () => {
    const output = newOutput('parquet');
    const outcomes = await inParts(await registered('parquet', ['0.parquet', '1.parquet', '2.parquet']), output, 2_000);
    const task = gathering(outcomes, output);
    const hdfs = bench.context.hdfs();
    const [one, two] = outcomes.flatMap(({ staged }) => staged ?? []);
    const name = stagedFileName('parquet', 0, { index: 0 });
    await hdfs.mkdirs(`${output.stagingPath}/rows`);
    await hdfs.rename(`${one?.path ?? ''}/${name}`, `${output.stagingPath}/rows/${name}`);
    const first = await runBatchGather(bench.run(task));
    const again = await runBatchGather(bench.run(task));
    expect(again).to.deep.equal(first);
    expect(await names(`${output.stagingPath}/rows`)).to.have.length(
      1 + task.parts.flatMap(({ files }) => files).length,
    );

    await hdfs.delete(`${output.stagingPath}/rows/${stagedFileName('parquet', 0, { index: 1 })}`);
    const lost = await appErrorOf('HDFS_FILE_MISSING', () => runBatchGather(bench.run(task)));
    expect(lost.message).to.include(two?.path);
  });

  it('are refused when their rows are not those of the table', async () => {
    const output = newOutput();
    const outcomes = await inParts(await registered('parquet', ['0.parquet', '2.parquet']), output, 3_000);
    const refused = await appErrorOf('DATA_READ_TRUNCATED', () =>
      runBatchGather(bench.run(gathering(outcomes, output))),
    );
    expect(refused.message).to.match(/expected 9000 rows; its parts wrote 8500/);
  });

  it('name rows as the whole table does, and read no file but their own', async () => {
    const table = await registered('parquet', ['0.parquet', '1.parquet', '2.parquet']);
    await bench.context.hdfs().delete(`${FOLDER}/0.parquet`);
    const [planned] = planParts(table, { rowCells: 1, cellsMin: 3_000, countMax: 64 }).slice(-1);
    const run = bench.run({ ...spec(table, newOutput()), ...planned });
    const outcome = await runBatchPredict(run);
    if (outcome.kind !== 'batch-predict') expect.fail(outcome.kind);
    const rowCount = outcome.rowCount;
    expect(rowCount).to.be.within(1, 3_500);
    expect(run.told.log[0]).to.equal(`part 3 of 3: rows ${ROWS - rowCount + 1} to ${ROWS}`);
    expect(outcome.unseenLevels?.[0]?.row).to.be.greaterThan(ROWS - rowCount);
  });
});
