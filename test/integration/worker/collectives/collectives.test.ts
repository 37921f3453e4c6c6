import { expect } from 'chai';
import { testEngine } from '../../../support/boosting-engine.ts';
import { listeningAt } from '../../../support/listening.ts';
import { jobOf, startRanks, type GroupPlan } from './ranks.ts';
import { trainPart, type PartJob } from './train-part.ts';

const silent = { onIteration: () => undefined, onSegment: () => undefined };

/** Trains on all ranks; every one must have made the same model. */
async function trainedTogether(plan: GroupPlan) {
  const ranks = await startRanks(plan);
  const trained = await Promise.all(ranks.map((rank) => rank.until('trained')));
  expect(await Promise.all(ranks.map(({ ended }) => ended))).to.deep.equal(ranks.map(() => 0));
  const [first] = trained;
  if (first === undefined) expect.fail('no rank');
  for (const { textSha256, hashes } of trained) {
    expect(textSha256).to.equal(first.textSha256);
    expect(hashes).to.deep.equal(ranks.map(() => first.treesSha256));
  }
  for (const { events } of ranks) expect(events.filter(({ event }) => event === 'failure')).to.deep.equal([]);
  return first;
}

const trainedAlone = (size: number, job: Partial<PartJob> = {}) => trainPart(testEngine(), jobOf(size, job), silent);

/** Extra trees: each segment has a seed of its own, and begins at the scores of the ones before. */
const RANDOM: Partial<PartJob> = { blueprintId: 'lightgbm-extra-trees' };
const BAGGED: Partial<PartJob> = { changes: { rowFraction: 0.7, featureFraction: 0.6 } };

describe('worker: boosting on several ranks', function () {
  this.timeout(60_000);

  for (const size of [2, 3]) {
    it(`gives ${size} ranks one model, as good as that of one process with all rows`, async () => {
      const together = await trainedTogether({ size });
      const alone = await trainedAlone(size);
      expect(together.firstSplits).to.equal(alone.firstSplits);
      expect(together.auc).to.be.closeTo(alone.auc, 0.001);
      expect(alone.auc).to.be.greaterThan(0.9);
    });
  }

  it('gives one model with sampled rows and columns, the same again, and as good', async () => {
    const together = await trainedTogether({ size: 3, job: BAGGED });
    expect((await trainedTogether({ size: 3, job: BAGGED })).textSha256).to.equal(together.textSha256);
    expect(together.auc).to.be.closeTo((await trainedAlone(3, BAGGED)).auc, 0.001);
  });

  for (const [name, job] of Object.entries({ 'without random numbers': {}, 'with them': RANDOM })) {
    it(`goes on after a lost rank from the last segment, ${name}: the model of an undisturbed group`, async () => {
      const undisturbed = await trainedTogether({ size: 2, job });
      const ranks = await startRanks({ size: 2, job: { ...job, iterations: 1_000_000 } });
      const [first, second] = ranks;
      if (first === undefined || second === undefined) expect.fail('no rank');
      const { state } = await first.until('segment');
      await second.until('iteration', ({ iterations }) => iterations > 52);
      second.process.kill('SIGKILL');
      expect(await second.ended).to.equal('SIGKILL');
      const { reason, code } = await first.brokenEnd();
      expect(code).to.equal(75);
      expect(reason).to.match(/^rank 0 of 2: the connection to rank 1 broke \((it was closed|ECONNRESET|EPIPE)\)$/);
      const resumed = Buffer.from(state, 'base64');
      const again = await trainedTogether({ size: 2, job: { ...job, resumed }, epoch: 2 });
      expect(again.treesSha256).to.equal(undisturbed.treesSha256);
    });
  }

  it('opens no port but its own, at the address given, and none while it trains', async () => {
    const meeting: string[][] = [];
    let known: readonly string[][] = [];
    const ranks = await startRanks({
      size: 2,
      job: { iterations: 1_000_000 },
      onListening: (waiting, addresses) => {
        known = addresses.map(({ host, port }) => [`${host}:${port}`]);
        meeting.push(...waiting.map(({ pid }) => listeningAt(pid)));
      },
    });
    expect(meeting).to.deep.equal(known);
    for (const rank of ranks) {
      await rank.until('iteration');
      expect(listeningAt(rank.pid)).to.deep.equal([]);
    }
    for (const { process } of ranks) process.kill('SIGKILL');
    await Promise.all(ranks.map(({ ended }) => ended));
  });
});
