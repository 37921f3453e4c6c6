import { expect } from 'chai';
import { parse, TaskOutcome, toAppError, type StoredTable, type TrainOutcome } from '#contracts';
import { openStoredArtifact, sha256 } from '../../../yarn-workers/worker/tasks/stored-artifact.ts';
import { predictTable } from '../../../yarn-workers/worker/tasks/predict-table.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { churnTable, churnTask, objectNames, openWorkbench, type Workbench } from './support.ts';

const ROWS = 600;
const BLUEPRINT = 'lightgbm-fast';

describe('worker: train task', function () {
  this.timeout(30_000);
  let bench: Workbench;
  let table: StoredTable;
  before(async () => {
    bench = await openWorkbench();
    table = await churnTable(bench, ROWS);
  });
  after(() => bench.close());

  it('writes an artefact that verifies, with the manifest last, and says what it cost', async () => {
    const run = bench.run(churnTask(table, BLUEPRINT));
    const outcome = parse(TaskOutcome, await runTrain(run), 'outcome');
    await run.attempt.verify();
    expect(run.attempt.files.map(({ name }) => name)).to.deep.equal(['blob', 'out-of-fold.bin', 'manifest.json']);
    expect((await objectNames(bench.context, run.attempt.path)).sort()).to.deep.equal([
      'blob',
      'manifest.json',
      'out-of-fold.bin',
    ]);
    if (outcome.kind !== 'train') expect.fail(outcome.kind);
    expect(outcome.scores?.crossValidation?.['auc']).to.be.greaterThan(0.9);
    expect(outcome.scores?.holdout).to.not.equal(null);
    expect(outcome.iterations).to.be.greaterThan(0);
    expect(outcome.predictMicrosPerRow).to.be.within(0.05, 1_000);
    expect(outcome.peakMemoryBytes).to.be.greaterThan(50 * 1024 ** 2);
    expect(outcome.sizeBytes).to.be.greaterThan(1_000);
    expect(run.told.progress.some(({ phase, iteration }) => phase === 'boosting' && (iteration ?? 0) > 1)).to.be.true;
    expect(run.told.log[0]).to.equal(
      `${BLUEPRINT} for binary on ${ROWS} rows, 3 features, stratified cv, seed ${run.task.spec.seed}, 1 threads`,
    );
    expect(run.told.log[1]).to.include(
      `logLoss ${String(outcome.scores?.crossValidation?.['logLoss'])} (cross-validation)`,
    );
    expect(run.told.log.join('\n')).to.not.include(String(outcome.scores?.holdout?.['logLoss']));
    expect(run.told.progress.some(({ message }) => message === `reading the features, row ${ROWS} of ${ROWS}`)).to.be
      .true;
    expect(run.told.progress.some(({ message }) => message === 'fold 2 of 3: iteration 7 of 150')).to.be.true;
    const fractions = run.told.progress.map(({ fraction }) => fraction);
    expect(fractions).to.deep.equal([...fractions].sort((a, b) => a - b));

    const again = bench.run(churnTask(table, run.task.spec.blueprintId));
    const repeated = await runTrain(again);
    expect(repeated).to.deep.include({ contentHash: outcome.contentHash, scores: outcome.scores });
    expect(bench.context.cache.datasetIds).to.deep.equal(['ds_1']);
  });

  it('what is predicted batch by batch equals what is predicted row by row from the same cells, exactly', async () => {
    const run = bench.run(churnTask(table, BLUEPRINT));
    await runTrain(run);
    const manifestSha256 = run.attempt.files.find(({ name }) => name === 'manifest.json')?.sha256 ?? '';
    const scorer = await openStoredArtifact(bench.context.store, { artifactPath: run.attempt.path, manifestSha256 });
    const passthroughColumns = table.columns.map(({ name }) => name);
    const out = scorer.createPrediction();
    let seen = 0;
    for await (const batch of predictTable(scorer, bench.context.openDataset('ds_1', table), {
      table,
      passthroughColumns,
    })) {
      for (let row = 0; row < batch.rowCount; row += 1) {
        const cells = Object.fromEntries(passthroughColumns.map((name, index) => [name, batch.columns[index]?.[row]]));
        scorer.scoreRow(cells, out, row);
        const [prediction, no, yes] = batch.columns.slice(passthroughColumns.length).map((column) => column[row]);
        expect([prediction, no, yes]).to.deep.equal([out.prediction, out.probabilities[0], out.probabilities[1]]);
        seen += 1;
      }
    }
    expect(seen).to.equal(ROWS);
  });

  it('a refit has no out-of-fold predictions', async () => {
    const spec = churnTask(table, BLUEPRINT, {
      refit: { of: 'm_1', iterations: 5 },
    });
    const run = bench.run(spec);
    const outcome = await runTrain(run);
    expect(run.attempt.files.map(({ name }) => name)).to.deep.equal(['blob', 'manifest.json']);
    expect(outcome).to.deep.include({ scores: null, iterations: 5, rowCount: ROWS });
  });

  it('goes on from what an earlier attempt left, and makes the same artefact', async () => {
    const often = await openWorkbench({ 'worker.checkpointMs': 0, 'objectStore.root': bench.storeRoot });
    try {
      const spec = churnTask(table, 'lightgbm-default', {
        parameters: { maxIterations: 120, earlyStoppingRounds: 120 },
      });
      const first = often.run(spec);
      const outcome = await runTrain(first);
      expect(first.attempt.files.map(({ name }) => name)).to.deep.equal(['blob', 'out-of-fold.bin', 'manifest.json']);
      expect(first.told.checkpoints).to.have.length(9);
      const left = first.told.checkpoints[3] ?? expect.fail('no checkpoint');
      const { file, position } = left;
      const path = first.attempt.pathOf(file.name);
      const second = often.run(spec, null, { path, sizeBytes: file.sizeBytes, sha256: file.sha256, position });
      const { contentHash, scores } = outcome as TrainOutcome; // of a train task
      expect(await runTrain(second)).to.deep.include({ contentHash, scores });
      expect(second.told.log[1]).to.equal('resumed at iteration 50 of fold 2 of 3');
      const fileOf = (run: typeof first, name: string) => run.attempt.files.find((each) => each.name === name)?.sha256;
      for (const name of ['blob', 'out-of-fold.bin']) expect(fileOf(second, name)).to.equal(fileOf(first, name));
    } finally {
      await often.close();
    }
  });

  it('fails by its deadline when there is no time at all, and writes nothing', async () => {
    const run = bench.run(churnTask(table, BLUEPRINT), 1);
    const error = await runTrain(run).then(
      () => null,
      (err: unknown) => toAppError(err),
    );
    expect(error?.code).to.equal('TASK_DEADLINE');
    expect(await objectNames(bench.context, run.attempt.path)).to.deep.equal([]);
  });

  it('an artefact that was altered, or is not there, does not open', async () => {
    const run = bench.run(churnTask(table, 'baseline'));
    await runTrain(run);
    const artifactPath = run.attempt.path;
    const codeOf = (manifestSha256: string, folder = artifactPath) =>
      openStoredArtifact(bench.context.store, { artifactPath: folder, manifestSha256 }).then(
        () => 'opened',
        (err: unknown) => toAppError(err).code,
      );
    expect(await codeOf(run.attempt.files.at(-1)?.sha256 ?? '')).to.equal('opened');
    expect(await codeOf(sha256(new Uint8Array(1)))).to.equal('ARTIFACT_INVALID');
    expect(await codeOf(sha256(new Uint8Array(1)), 'models/none/1-x')).to.equal('ARTIFACT_INVALID');
  });
});
