import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import {
  parse,
  TaskOutcome,
  type HdfsFormat,
  type IngestOutcome,
  type RegisteredFile,
  type StoredTable,
} from '#contracts';
import { runFeatureType } from '../../../yarn-workers/worker/tasks/feature-type.ts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import type { ResultBatch } from '../../../yarn-workers/worker/tasks/predict-table.ts';
import { writeStaged } from '../../../yarn-workers/worker/tasks/staged-output.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { readTexts } from '../../support/tables.ts';
import { churnCsv, churnTask, objectNames, openWorkbench, type Workbench } from '../worker/support.ts';

const ROWS = 600;
const FOLDER = '/user/alice/tasks/churn';

/** Tasks of an end user on files of his own. */
describe('data in HDFS', function () {
  this.timeout(180_000);

  let cluster: HadoopCluster;
  let bench: Workbench;
  let flags: Record<string, unknown>;

  const local = (name: string): string => path.join(bench.context.workDir, name);
  const put = async (content: Uint8Array | string, target: string): Promise<void> => {
    await bench.context.hdfs().create(target, Buffer.from(content), { overwrite: true });
  };
  /** SQL of the churn table, its labels as texts. */
  const churn = (): string => {
    writeFileSync(local('all.csv'), churnCsv(ROWS));
    return `(SELECT * FROM read_csv('${local('all.csv')}', types = {'label': 'VARCHAR'}, parallel = false))`;
  };
  const parquetOf = async (query: string): Promise<Uint8Array> => {
    await bench.context.duckdb.execute(`COPY (${query}) TO '${local('part')}' (FORMAT parquet, ROW_GROUP_SIZE 2048)`);
    return readFileSync(local('part'));
  };
  /** Rows [from, to) of the churn table as Parquet. */
  const putParquet = async (from: number, to: number, target: string): Promise<void> =>
    put(await parquetOf(`SELECT * FROM ${churn()} OFFSET ${from} LIMIT ${to - from}`), target);
  /** Where the DataNode keeps the one block of a file. */
  const blockOf = (content: Uint8Array): string => {
    const folder = path.join(cluster.folder, 'data', 'datanode');
    const found = readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => /\/blk_\d+$/.test(name))
      .map((name) => path.join(folder, name))
      .find((file) => statSync(file).size === content.length && readFileSync(file).equals(content));
    return found ?? expect.fail('no block has this content');
  };
  const contentOf = async (file: string): Promise<Buffer> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of bench.context.hdfs().open(file)) chunks.push(chunk);
    return Buffer.concat(chunks);
  };
  const registered = async (...names: readonly string[]): Promise<RegisteredFile[]> =>
    Promise.all(
      names.map(async (name) => {
        const status = await bench.context.hdfs().status(`${FOLDER}/${name}`);
        return { path: status.path, sizeBytes: status.sizeBytes, modifiedAt: status.modifiedAt.getTime() };
      }),
    );
  const ingestRun = (format: HdfsFormat, files: RegisteredFile[], more: { readonly inPlace?: true } = {}) =>
    bench.run({ kind: 'ingest', datasetId: 'ds_1', input: { type: 'hdfs', format, files, ...more }, options: {} });
  const ingested = async (...run: Parameters<typeof ingestRun>): Promise<IngestOutcome> => {
    const outcome = parse(TaskOutcome, await runIngest(ingestRun(...run)), 'outcome');
    if (outcome.kind !== 'ingest') expect.fail(outcome.kind);
    return outcome;
  };
  const trainedHash = async (table: StoredTable): Promise<string> => {
    const outcome = parse(TaskOutcome, await runTrain(bench.run(churnTask(table, 'lightgbm-fast'))), 'outcome');
    if (outcome.kind !== 'train') expect.fail(outcome.kind);
    return outcome.contentHash;
  };

  before(async () => {
    cluster = await sharedHadoopCluster('plain');
    flags = { 'objectStore.driver': 'file', 'hadoop.confDir': cluster.confDir, 'hadoop.user': 'alice' };
    bench = await openWorkbench(flags);
    for (const [name, from, to] of [
      ['part-0.parquet', 0, 250],
      ['part-1.parquet', 250, 600],
    ] as const)
      await putParquet(from, to, `${FOLDER}/${name}`);
  });
  after(() => bench.close());

  it('Parquet is profiled and modelled where it lies, with the model that the same rows as a snapshot give', async () => {
    const files = await registered('part-0.parquet', 'part-1.parquet');
    const run = ingestRun('parquet', files);
    const outcome = parse(TaskOutcome, await runIngest(run), 'outcome');
    if (outcome.kind !== 'ingest') expect.fail(outcome.kind);
    expect(outcome.table.files).to.deep.equal([]);
    expect(outcome.table.inPlaceFiles).to.deep.equal([
      { ...files[0], rowCount: 250 },
      { ...files[1], rowCount: 350 },
    ]);
    expect(await objectNames(bench.context, run.attempt.path), 'nothing is copied').to.deep.equal([]);

    await bench.context.store.write('uploads/u1', await parquetOf(`SELECT * FROM ${churn()}`));
    const copied = parse(
      TaskOutcome,
      await runIngest(
        bench.run({
          kind: 'ingest',
          datasetId: 'ds_2',
          input: { type: 'upload', objectPath: 'uploads/u1', fileName: 'all.parquet' },
          options: {},
        }),
      ),
      'outcome',
    );
    if (copied.kind !== 'ingest') expect.fail(copied.kind);
    expect(outcome.profile).to.deep.equal(copied.profile);
    expect(await trainedHash(outcome.table)).to.equal(await trainedHash(copied.table));
  });

  it('text is profiled and modelled where it lies, with the profile and the model of its snapshot', async () => {
    const [header = '', ...lines] = churnCsv(ROWS).trimEnd().split('\n');
    const part = (from: number, to: number): string => `${[header, ...lines.slice(from, to)].join('\n')}\n`;
    await put(`\ufeff${part(0, 200)}`, `${FOLDER}/in-place-a.csv`);
    await put(gzipSync(part(200, 400)), `${FOLDER}/in-place-b.csv.gz`);
    await put(part(400, ROWS).replaceAll('\n', '\r\n'), `${FOLDER}/in-place-c.csv`);
    const files = await registered('in-place-a.csv', 'in-place-b.csv.gz', 'in-place-c.csv');
    const run = ingestRun('csv', files, { inPlace: true });
    const found = parse(TaskOutcome, await runIngest(run), 'outcome');
    if (found.kind !== 'ingest') expect.fail(found.kind);
    expect(found.table.files).to.deep.equal([]);
    expect(found.table.inPlaceText).to.deep.equal({ delimiter: ',', header: true });
    expect(found.table.inPlaceFiles?.map(({ path: file, rowCount }) => [file, rowCount])).to.deep.equal(
      files.map(({ path: file }) => [file, 200]),
    );
    expect(await objectNames(bench.context, run.attempt.path), 'nothing is copied').to.deep.equal([]);
    expect(run.told.progress.some(({ phase, fraction }) => phase === 'read' && fraction > 0.4)).to.be.true;
    const copied = await ingested('csv', files);
    expect(copied.table.inPlaceText).to.equal(undefined);
    expect(found.table.columns).to.deep.equal(copied.table.columns);
    expect(found.profile).to.deep.equal(copied.profile);
    expect(await trainedHash(found.table)).to.equal(await trainedHash(copied.table));
  });

  it('what is damaged on the disk of the DataNode ends every way of reading, with no row less', async () => {
    const text = churnCsv(20_000);
    writeFileSync(local('large.csv'), text);
    const rows = `(SELECT *, hash(id) AS h FROM read_csv('${local('large.csv')}'))`;
    const flipped = (block: string): void => writeFileSync(block, readFileSync(block).fill(0x31, 50_000, 60_000));
    const cut = (block: string): void => truncateSync(block, 50_000);
    const kinds = [
      ['parquet', 'harmed.parquet', await parquetOf(`SELECT * FROM ${rows}`), flipped],
      ['csv', 'harmed.csv', Buffer.from(text), cut],
      ['csv', 'harmed.csv.gz', gzipSync(text), flipped],
    ] as const;
    const hasty = await openWorkbench({ ...flags, 'hadoop.retryAttemptsMax': 2, 'hadoop.retryMsMax': 2_000 });
    for (const [format, name, content, harm] of kinds) {
      await put(content, `${FOLDER}/${name}`);
      const files = await registered(name);
      const { table } = await ingested(format, files, { inPlace: true });
      expect(table.rowCount).to.equal(20_000);
      harm(blockOf(content));
      await appErrorOf('HDFS_READ_TRUNCATED', () => readTexts(hasty.context.openTable(table), ['since', 'id']));
      if (name !== 'harmed.csv') continue;
      const input = { type: 'hdfs', format, files, inPlace: true } as const;
      const again = hasty.run({ kind: 'ingest', datasetId: 'ds_1', input, options: {} });
      await appErrorOf('HDFS_READ_TRUNCATED', () => runIngest(again));
    }
    await hasty.close();
  });

  it('a feature of files in place is read as another type where they lie', async () => {
    const { table } = await ingested('parquet', await registered('part-0.parquet', 'part-1.parquet'));
    const spec = { kind: 'feature-type', datasetId: 'ds_3', table, feature: 'age', type: 'categorical' } as const;
    const outcome = parse(TaskOutcome, await runFeatureType(bench.run(spec)), 'outcome');
    if (outcome.kind !== 'feature-type') expect.fail(outcome.kind);
    const { column, feature } = outcome;
    expect(feature).to.include({ type: 'categorical', uniqueCount: 50 });
    const version = { ...table, columns: table.columns.with(column.position, column) };
    const features = [{ name: 'age', type: 'categorical', uniqueCount: 50 }] as const;
    const task = churnTask(version, 'lightgbm-fast', { features: [...features] });
    const trained = parse(TaskOutcome, await runTrain(bench.run(task)), 'outcome');
    expect(trained.kind).to.equal('train');
    const refused = { ...spec, feature: 'plan', type: 'date' } as const;
    const { message } = await appErrorOf('FEATURE_TYPE_REFUSED', () => runFeatureType(bench.run(refused)));
    expect(message).to.match(/"plan" cannot be made date: 573 of 573 values .* the first is "plus" in row 2/);
  });

  it('a file that changes or goes is an error that names it, before any row is used', async () => {
    await putParquet(0, 100, `${FOLDER}/moving.parquet`);
    const files = await registered('part-0.parquet', 'moving.parquet');
    const { table } = await ingested('parquet', files);
    await putParquet(0, 101, `${FOLDER}/moving.parquet`);
    const changed = await appErrorOf('DATASET_CHANGED', () => runTrain(bench.run(churnTask(table, 'baseline'))));
    expect(changed.message).to.match(/moving\.parquet changed.*expected \d+ bytes of 20.*found \d+ bytes of 20/);
    await bench.context.hdfs().delete(`${FOLDER}/moving.parquet`);
    const gone = await appErrorOf('DATASET_CHANGED', () => runIngest(ingestRun('parquet', files)));
    expect(gone.message).to.match(/moving\.parquet changed.*found nothing/);
  });

  it('what the user may not read is refused in his name', async () => {
    await putParquet(0, 10, `${FOLDER}/secret.parquet`);
    const files = await registered('secret.parquet');
    await bench.context.hdfs().setPermission(`${FOLDER}/secret.parquet`, '000');
    const denied = await appErrorOf('HDFS_PERMISSION_DENIED', () => runIngest(ingestRun('parquet', files)));
    expect(denied.message).to.match(/OPEN .*secret\.parquet as alice/);
  });

  it('text files become one exact snapshot: in order, gzip unpacked, names once, empty files skipped', async () => {
    const [header = '', ...lines] = churnCsv(ROWS).trimEnd().split('\n');
    const text = (from: number, to: number, end = '\n'): string =>
      `${[header, ...lines.slice(from, to)].join('\n')}${end}`;
    await put(`\ufeff${text(0, 200)}`, `${FOLDER}/a.csv`);
    await put(gzipSync(text(200, 400, '')), `${FOLDER}/b.csv.gz`);
    await put('', `${FOLDER}/c.csv`);
    await put(text(400, 600).replaceAll('\n', '\r\n'), `${FOLDER}/d.csv`);
    const { table } = await ingested('csv', await registered('a.csv', 'b.csv.gz', 'c.csv', 'd.csv'));
    expect(table.inPlaceFiles).to.equal(undefined);
    expect(table.rowCount).to.equal(ROWS);
    const ids = (await readTexts(bench.context.openTable(table), ['id'])).get('id');
    expect(ids).to.deep.equal(lines.map((line) => line.split(',')[0]));
  });

  it('text files with other names, damaged gzip and several files in UTF-16 are refused by name', async () => {
    await put('id,age\n1,2\n', `${FOLDER}/one.csv`);
    await put('id,size\n1,2\n', `${FOLDER}/two.csv`);
    const whole = gzipSync('id,age\n1,2\n'.repeat(1_000));
    await put(whole.subarray(0, whole.length - 12), `${FOLDER}/cut.csv.gz`);
    await put(Buffer.from('\ufeffid,age\n1,2\n', 'utf16le'), `${FOLDER}/wide.csv`);
    for (const [code, name] of [
      ['DATASET_SCHEMAS_DIFFER', 'two.csv'],
      ['DATASET_TRUNCATED', 'cut.csv.gz'],
      ['UNSUPPORTED_FORMAT', 'wide.csv'],
    ] as const) {
      const files = await registered('one.csv', name);
      const refused = await appErrorOf(code, () => runIngest(ingestRun('csv', files)));
      expect(refused.message).to.include(`${FOLDER}/${name}`);
    }
  });

  it('an output is part files of so many rows, in order, with a mark; one that breaks off leaves nothing', async () => {
    const stagingPath = '/user/alice/tasks/staging';
    const options = {
      client: bench.context.hdfs(),
      attemptName: '1-a',
      batchPredictionId: 'bp_1',
      duckdb: bench.context.duckdb,
      scratchDir: bench.context.workDir,
      rowsPerFile: 25,
    };
    const columns = [
      { name: 'id', kind: 'number' },
      { name: 'text', kind: 'text' },
    ] as const;
    async function* batches(failsAt: number | null): AsyncGenerator<ResultBatch> {
      for (let firstRow = 0; firstRow < 70; firstRow += 10) {
        if (firstRow === failsAt) throw new Error('the model fails');
        const ids = Float64Array.from({ length: 10 }, (_, row) => firstRow + row);
        yield { firstRow, rowCount: 10, columns: [ids, Array.from(ids, (id) => (id % 2 === 0 ? null : `t${id}`))] };
      }
    }
    for (const format of ['parquet', 'csv'] as const) {
      const output = { format, stagingPath: `${stagingPath}-${format}` };
      const staged = await writeStaged({ columns, batches: batches(null) }, { ...options, output });
      expect(staged.files.map(({ name, rowCount }) => [name, rowCount])).to.deep.equal([
        [`part-00000.${format}`, 30],
        [`part-00001.${format}`, 30],
        [`part-00002.${format}`, 10],
      ]);
      expect(JSON.parse(String(await contentOf(`${staged.path}/_SUCCESS`)))).to.deep.equal({
        batchPredictionId: 'bp_1',
        rowCount: 70,
        fileCount: 3,
      });
      const [last] = staged.files.slice(-1);
      const content = await contentOf(`${staged.path}/${last?.name ?? ''}`);
      expect(content.length).to.equal(last?.sizeBytes);
      writeFileSync(local(`back.${format}`), content);
      const reader = format === 'csv' ? 'read_csv' : 'read_parquet';
      const rows = await bench.context.duckdb.rows(`SELECT id, text FROM ${reader}('${local(`back.${format}`)}')`);
      expect(rows.slice(0, 2).map(([id, text]) => [Number(id), text])).to.deep.equal([
        [60, null],
        [61, 't61'],
      ]);
    }
    const output = { format: 'csv', stagingPath: `${stagingPath}-broken` } as const;
    const failing = writeStaged({ columns, batches: batches(40) }, { ...options, output });
    await failing.then(
      () => expect.fail('it must fail'),
      (err: unknown) => expect(String(err)).to.match(/the model fails/),
    );
    expect(await bench.context.hdfs().find(`${output.stagingPath}/1-a`)).to.equal(null);
  });
});
