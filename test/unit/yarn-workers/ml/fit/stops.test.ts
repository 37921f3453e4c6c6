import { expect } from 'chai';
import type { FitStops, TrainTask } from '#contracts';
import { fitModel, type FitIo, type FitResult, type RankGroup } from '#ml';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { memorySource } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';
import { TEXT_FEATURES, textTable } from '../../../../support/text-table.ts';
import { countedStop, stopBook } from '../../../../../yarn-workers/ml/fit/stops.ts';

const TABLE = textTable(400, 5);

const fit = (task: TrainTask, io: Partial<FitIo> = {}): Promise<FitResult> =>
  fitModel(task, memorySource(TABLE, 100), testEngine(), freeIo(io));

/** A clock that goes on by 5 ms whenever it is looked at, and a deadline. */
function hurried(budgetMs: number): Partial<FitIo> {
  let now = 0;
  return { now: () => (now += 5), remainingMs: () => budgetMs - now };
}

describe('ml fit: stops by the deadline', function () {
  this.timeout(60_000);

  it('are noted as the clock decides them, and repeated without a clock', () => {
    let late = false;
    const live = stopBook(null);
    expect(live.ends('boost-0', 3, () => late)).to.equal(false);
    late = true;
    expect(live.ends('boost-0', 4, () => late)).to.equal(true);
    live.note('copies', 2);
    expect(live.noted()).to.deep.equal({ 'boost-0': 4, copies: 2 });
    const again = stopBook(live.noted());
    const asked = (): boolean => expect.fail('a replay asks no clock');
    expect([3, 4].map((done) => again.ends('boost-0', done, asked))).to.deep.equal([false, true]);
    expect(again.ends('boost-1', 1_000, asked)).to.equal(false);
    expect(again.noted()).to.deep.equal({ 'boost-0': 4 });
    expect(live.decided('schedule', () => null)).to.equal(null);
    expect(live.decided('schedule', () => 7)).to.equal(7);
    expect(live.noted()['schedule']).to.equal(7);
    const replay = stopBook(live.noted());
    expect(replay.decided('schedule', () => expect.fail('a replay asks no clock'))).to.equal(7);
    expect(replay.decided('another', () => 8)).to.equal(null);
    const counted = countedStop(stopBook({ path: 3 }), 'path', asked);
    expect([counted(), counted(), counted()]).to.deep.equal([false, false, true]);
  });

  it('of work that ranks do not do together are decided by one clock, or as another rank has, and noted with the others', () => {
    const asks = (): never => expect.fail('no rank is asked');
    const ranks: RankGroup = { rank: 1, size: 2, allgather: asks, gather: asks, joined: asks };
    const book = stopBook(null, ranks);
    book.note('leakage', 1);
    const own = book.apart(null);
    expect(own.ends('texts-0-0', 3, () => false)).to.equal(false);
    expect(own.ends('texts-0-0', 4, () => true)).to.equal(true);
    expect(own.noted(), 'by itself').to.deep.equal({ 'texts-0-0': 4 });
    const other = book.apart({ 'texts-0-1': 2 });
    expect([1, 2].map((done) => other.ends('texts-0-1', done, asks))).to.deep.equal([false, true]);
    expect(book.noted()).to.deep.equal({ leakage: 1, 'texts-0-0': 4, 'texts-0-1': 2 });
  });

  for (const [blueprintId, budgetMs, places] of [
    ['linear', 1_200, /^path-/],
    ['factorization-machine', 150, /^path-/],
    ['linear-text', 1_500, /^path-/],
    ['lightgbm-default', 2_000, /^(texts|boost)-/],
    ['lightgbm-slow', 3_000, /^(texts|boost)-/],
    ['lightgbm-dart', 3_000, /^(texts|boost)-/],
    ['lightgbm-linear-trees', 2_000, /^(texts|boost)-/],
    ['random-forest', 2_000, /^(texts|forest)-/],
    ['network', 600, /^network-/],
  ] as const)
    it(`make the same model again: ${blueprintId}`, async () => {
      const partitioning = { method: 'random' as const, folds: 3, holdoutFraction: 0 };
      const plan = await planOf(TABLE, { featureNames: [...TEXT_FEATURES, 'x'], partitioning, target: 'binary' });
      const task = trainTask(TABLE, plan, { blueprintId });
      const timed = await fit(task, hurried(budgetMs));
      expect(timed.stoppedByDeadline).to.equal(true);
      expect(
        Object.keys(timed.stops).some((place) => places.test(place)),
        JSON.stringify(timed.stops),
      ).to.equal(true);
      const whole = await fit(task);
      expect([whole.stops, whole.stoppedByDeadline]).to.deep.equal([{}, false]);
      expect(whole.contentHash, 'the deadline changed the model').to.not.equal(timed.contentHash);
      const again = await fit({ ...task, stops: timed.stops });
      expect(again.contentHash).to.equal(timed.contentHash);
      expect([again.stops, again.scores, again.iterations]).to.deep.equal([
        timed.stops,
        timed.scores,
        timed.iterations,
      ]);
    });

  it('are known of members that an earlier attempt finished', async () => {
    const partitioning = { method: 'random' as const, folds: 3, holdoutFraction: 0 };
    const plan = await planOf(TABLE, { featureNames: ['x'], partitioning, target: 'binary' });
    for (const [blueprintId, place] of [
      ['lightgbm-slow', 'boost-0'],
      ['lightgbm-dart', 'boost-0'],
      ['random-forest', 'forest-0'],
      ['network', 'network-schedule-0'],
    ] as const) {
      const task = trainTask(TABLE, plan, { blueprintId });
      const states: Uint8Array[] = [];
      const timed = await fit(task, {
        ...hurried(2_000),
        onCheckpoint: async ({ encode }) => void states.push(encode()),
      });
      const resumed = await fit(task, { ...hurried(2_000), resumeFrom: states.at(-1) ?? null });
      expect(resumed.contentHash, blueprintId).to.equal(timed.contentHash);
      const stops: FitStops = resumed.stops;
      expect(stops[place], blueprintId).to.be.a('number');
      expect((await fit({ ...task, stops })).contentHash, blueprintId).to.equal(timed.contentHash);
    }
  });

  for (const blueprintId of ['lightgbm-slow', 'network'])
    it(`leave out the copies of a refit that came too late: ${blueprintId}`, async () => {
      const plan = await planOf(TABLE, { featureNames: ['x'], target: 'binary' });
      const refit = { of: 'model-0', iterations: 60, copies: 3 };
      const task = trainTask(TABLE, plan, { blueprintId, refit });
      const budgets = Array.from({ length: 40 }, (_, step) => 300 + 40 * step);
      for (const budgetMs of budgets) {
        const timed = await fit(task, hurried(budgetMs)).catch(() => null);
        if (timed === null || timed.content.members.length === 3) continue;
        expect(timed.stops['copies']).to.equal(timed.content.members.length);
        expect((await fit({ ...task, stops: timed.stops })).contentHash).to.equal(timed.contentHash);
        return;
      }
      expect.fail('no budget left out a copy');
    });
});
