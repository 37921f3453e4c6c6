import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { encodeOutOfFold } from '#ml';
import { FileObjectStore } from '#object-store';
import { answerQuestion, type ModelQuestion } from '../../../../../appserver/server/verification/questions.ts';
import { sha256 } from '../../../../support/boosting-engine.ts';
import { fitModels } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';

describe('a question about a committed model', function () {
  this.timeout(30_000);
  let folder: string;
  let store: FileObjectStore;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-committed-'));
    store = new FileObjectStore(folder);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('is answered from the files that were committed, and refused by name where one is another', async () => {
    const table = mixedTable(200);
    const plan = await planOf(table, { target: 'binary', featureNames: [...MIXED_FEATURES] });
    const [model, other] = await fitModels(table, plan);
    if (model === undefined || other === undefined) expect.fail('no two models');
    const manifestBytes = Buffer.from(JSON.stringify(model.manifest));
    const question = (at: string): ModelQuestion => ({
      kind: 'out-of-fold',
      files: { path: at, manifestSha256: sha256(manifestBytes) },
      target: plan.target,
      insight: 'lift',
      query: {},
    });

    await store.write('models/a/manifest.json', manifestBytes);
    await store.write('models/a/out-of-fold.bin', encodeOutOfFold(model.outOfFold));
    const answer = await answerQuestion(question('models/a'), store);
    expect(answer).to.have.property('rowCount').that.is.above(0);

    await store.write('models/b/manifest.json', manifestBytes);
    await store.write('models/b/out-of-fold.bin', encodeOutOfFold(other.outOfFold));
    const spoiled = await appErrorOf('ARTIFACT_INVALID', () => answerQuestion(question('models/b'), store));
    expect(spoiled.message).to.equal('models/b/out-of-fold.bin is not what was committed');

    await store.write('models/c/manifest.json', Buffer.from(JSON.stringify(other.manifest)));
    const replaced = await appErrorOf('ARTIFACT_INVALID', () => answerQuestion(question('models/c'), store));
    expect(replaced.message).to.equal('models/c/manifest.json is not what was committed');
  });
});
