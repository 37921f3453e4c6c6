import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { AppError, isAppError, parse, TaskOutcome, toAppError } from '#contracts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';
import { blameOf } from '../../../yarn-workers/worker/blame.ts';
import { runIngest } from '../../../yarn-workers/worker/tasks/ingest.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { churnCsv, churnTask, objectNames, openWorkbench, type Workbench } from '../worker/support.ts';

describe('worker tasks on HDFS', function () {
  this.timeout(180_000);

  let cluster: HadoopCluster;
  let bench: Workbench;
  const copies = (): string[] => readdirSync(path.join(bench.context.workDir, 'objects'));

  before(async () => {
    cluster = await sharedHadoopCluster('plain');
    bench = await openWorkbench({
      'objectStore.driver': 'hdfs',
      'objectStore.root': '/user/trainyard/objects',
      'hadoop.confDir': cluster.confDir,
      'worker.objectCacheBytes': 1,
    });
  });
  after(() => bench.close());

  it('snapshot, profile and train with nothing but HDFS to keep them', async () => {
    await bench.context.store.write('uploads/u1', Buffer.from(churnCsv(600)));
    const ingestRun = bench.run({
      kind: 'ingest',
      datasetId: 'ds_1',
      input: { type: 'upload', objectPath: 'uploads/u1', fileName: 'table.csv' },
      options: {},
    });
    const ingested = parse(TaskOutcome, await runIngest(ingestRun), 'outcome');
    if (ingested.kind !== 'ingest') expect.fail(ingested.kind);
    await ingestRun.attempt.verify();
    expect(ingested.table.rowCount).to.equal(600);
    expect(await objectNames(bench.context, ingestRun.attempt.path)).to.deep.equal(['rows.parquet']);
    await bench.context.objects.settle();
    expect(copies(), 'the limit is one byte').to.have.length(0);

    const trainRun = bench.run(churnTask(ingested.table, 'lightgbm-fast'));
    const trained = parse(TaskOutcome, await runTrain(trainRun), 'outcome');
    await trainRun.attempt.verify();
    if (trained.kind !== 'train') expect.fail(trained.kind);
    expect(trained.scores?.crossValidation?.['auc']).to.be.greaterThan(0.9);
    expect(await cluster.fsAs('trainyard', '-ls', `/user/trainyard/objects/${trainRun.attempt.path}`)).to.match(
      /trainyard .*manifest\.json/,
    );
  });

  it('fetches an object once for all who ask together, and again when its copy had to go after the task', async () => {
    const { objects, store } = bench.context;
    await objects.settle();
    await store.write('a', Buffer.from('aaa'));
    await store.write('b', Buffer.from('bbb'));
    const [one, other] = await Promise.all([objects.file('a'), objects.file('a')]);
    expect(one).to.equal(other);
    await objects.file('b');
    expect(copies(), 'what the task has asked for stays').to.have.length(2);
    await objects.settle();
    expect(copies()).to.have.length(0);
    expect(readFileSync(await objects.file('a'), 'utf8')).to.equal('aaa');
  });

  it('fetches a copy again that was taken away, and does not blame the user for one that goes while it is read', async () => {
    const { objects, store } = bench.context;
    await objects.settle();
    await store.write('c', Buffer.from('ccc'));
    rmSync(await objects.file('c'));
    const file = await objects.file('c');
    expect(readFileSync(file, 'utf8')).to.equal('ccc');

    const { scratchDir } = bench.run(churnTask({ files: [], columns: [], rowCount: 0 }, 'lightgbm-fast'));
    const missing = new AppError('STORE_OBJECT_MISSING', 'Object c: not in the store');
    expect(await bench.context.explain(missing, scratchDir)).to.equal(missing);
    rmSync(file);
    const lost = await bench.context.explain(missing, scratchDir);
    expect(isAppError(lost, 'WORK_FOLDER_LOST'), String(lost)).to.be.true;
    expect(toAppError(lost).message).to.contain(file);
    expect(blameOf(lost)).to.equal('worker');
    await objects.settle();
    expect(await bench.context.explain(missing, scratchDir), 'nothing of this run is missing').to.equal(missing);
  });
});
