import { expect } from 'chai';
import { parse, TaskOutcome, type EnsembleTask, type SealedFile, type StoredTable, type TrainTask } from '#contracts';
import { runEnsemble } from '../../../yarn-workers/worker/tasks/ensemble.ts';
import { openStoredArtifact } from '../../../yarn-workers/worker/tasks/stored-artifact.ts';
import { runTrain } from '../../../yarn-workers/worker/tasks/train.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { churnTable, churnTask, openWorkbench, type Workbench } from './support.ts';

const ROWS = 600;

describe('worker: ensemble task', function () {
  this.timeout(30_000);
  let bench: Workbench;
  let table: StoredTable;
  let task: EnsembleTask;

  before(async () => {
    bench = await openWorkbench();
    table = await churnTable(bench, ROWS);
    const members = [];
    for (const blueprintId of ['lightgbm-fast', 'linear', 'baseline']) {
      const member: TrainTask = churnTask(table, blueprintId, { modelId: `m_${blueprintId}` });
      const run = bench.run(member);
      await runTrain(run);
      const manifestSha256 = sha256In(run.attempt.files, 'manifest.json');
      members.push({
        modelId: member.modelId,
        blueprintId,
        artifactPath: run.attempt.path,
        manifestSha256,
        weight: null,
      });
    }
    const { projectId, datasetId, target, features, metric, seed } = churnTask(table, 'linear');
    const own = {
      kind: 'ensemble',
      modelId: 'm_e',
      projectId,
      datasetId,
      table,
      target,
      features,
      metric,
      seed,
    } as const;
    task = { ...own, members, membersMax: 3, stepsMax: 20, refitOf: null };
  });
  after(() => bench.close());

  const sha256In = (files: readonly SealedFile[], wanted: string): string =>
    files.find(({ name }) => name === wanted)?.sha256 ?? '';

  it('writes an artefact that needs none of its members, with the manifest last, and says what it chose', async () => {
    const run = bench.run(task);
    const outcome = parse(TaskOutcome, await runEnsemble(run), 'outcome');
    await run.attempt.verify();
    expect(run.attempt.files.map(({ name }) => name)).to.deep.equal(['blob', 'out-of-fold.bin', 'manifest.json']);
    if (outcome.kind !== 'ensemble') expect.fail(outcome.kind);
    expect(outcome.scores?.crossValidation?.['auc']).to.be.greaterThan(0.9);
    expect(outcome.scores?.holdout).to.not.equal(null);
    expect(outcome.predictMicrosPerRow).to.be.within(0.05, 5_000);
    expect(outcome.peakMemoryBytes).to.be.greaterThan(50 * 1024 ** 2);
    expect(run.told.log[0]).to.equal(
      `ensemble of at most 3 of 3 models for binary, at most 20 steps, seed ${task.seed}`,
    );
    expect(run.told.log[1]).to.match(/^weights: \d\.\d{3} lightgbm-fast \(m_lightgbm-fast\)/);
    expect(run.told.log[2]).to.include(`logLoss ${String(outcome.scores?.crossValidation?.['logLoss'])}, each row`);
    expect(run.told.log.join('\n')).to.not.include(String(outcome.scores?.holdout?.['logLoss']));
    const fractions = run.told.progress.map(({ fraction }) => fraction);
    expect(fractions).to.deep.equal([...fractions].sort((a, b) => a - b));
    expect(run.told.progress.map(({ phase }) => phase)).to.include.members([
      'reading',
      'selecting',
      'blending',
      'writing',
    ]);

    const again = await runEnsemble(bench.run(task));
    expect(again).to.deep.include({
      contentHash: outcome.contentHash,
      scores: outcome.scores,
      ensemble: outcome.ensemble,
    });

    const { store } = bench.context;
    const blobOfFirst = `${task.members[0]?.artifactPath ?? ''}/blob`;
    const bytes = await store.readAll(blobOfFirst, { maxBytes: 2 ** 26 });
    await store.delete(blobOfFirst);
    await store.write(
      blobOfFirst,
      bytes.map((byte, at) => (at === 40 ? byte ^ 1 : byte)),
    );
    const altered = await appErrorOf('ARTIFACT_INVALID', () => runEnsemble(bench.run(task)));
    expect(altered.message).to.include('blob has another SHA-256');

    for (const { artifactPath } of task.members.slice(0, 1))
      for (const name of ['manifest.json', 'blob', 'out-of-fold.bin']) await store.delete(`${artifactPath}/${name}`);
    const place = { artifactPath: run.attempt.path, manifestSha256: sha256In(run.attempt.files, 'manifest.json') };
    const scorer = await openStoredArtifact(store, place);
    const answer = scorer.createPrediction();
    scorer.scoreRow({ age: '40', plan: 'pro', since: '2026-03-15' }, answer);
    expect(answer.probabilities[1]).to.be.within(0.5, 1);
    const gone = await appErrorOf('ARTIFACT_INVALID', () => runEnsemble(bench.run(task)));
    expect(gone.message).to.include('out-of-fold.bin is not there');
  });

  it('gives up when its time is over', async () => {
    await appErrorOf('TASK_DEADLINE', () => runEnsemble(bench.run({ ...task, members: task.members.slice(1) }, 0)));
  });
});
