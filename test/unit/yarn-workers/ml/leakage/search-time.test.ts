import { expect } from 'chai';
import type { LeakageFacts, TrainTask } from '#contracts';
import { fitModel, type FitIo, type FitResult } from '#ml';
import { createRandom } from '#statistics';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { memorySource, numberRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const ROWS = 1_200;
const NAMES = Array.from({ length: 8 }, (_, index) => `x${index}`);

/** Eight numbers, the last of which is the target with noise. */
function table(): MemoryColumn[] {
  const random = createRandom(3);
  const y = Array.from({ length: ROWS }, () => random.below(2));
  const column = (name: string, cellOf: (row: number) => number): MemoryColumn => ({
    ...{ name, parse: numberRule },
    cells: y.map((_, row) => String(cellOf(row))),
  });
  return [
    ...NAMES.map((name) => column(name, (row) => random.uniform() + (name === 'x7' ? 5 * (y[row] ?? 0) : 0))),
    column('group', (row) => row % 150),
    column('y', (row) => y[row] ?? 0),
  ];
}

const TABLE = table();

/** A clock that goes on by 10 ms whenever it is looked at; by `readMs` while the target is read. */
function slowClock(readMs = 10): Partial<FitIo> {
  let now = 0;
  let looks = 0;
  return {
    now: () => {
      looks += 1;
      now += looks <= 3 ? readMs : 10;
      return now;
    },
  };
}

async function search(changes: Partial<TrainTask>, io: Partial<FitIo> = {}, batchRows = 100) {
  const plan = await planOf(TABLE, { target: 'y', featureNames: NAMES });
  const task = trainTask(TABLE, plan, { blueprintId: 'baseline', findsLeakage: true, ...changes });
  const fit: FitResult = await fitModel(task, memorySource(TABLE, batchRows), testEngine(), freeIo(io));
  return { fit, leakage: fit.leakage ?? expect.fail('nothing was looked for') };
}

const groupColumns = [{ name: 'group', levelCount: 150 }];
const high = ({ findings }: LeakageFacts) => findings.filter(({ risk }) => risk === 'high').map((one) => one.features);

describe('ml leakage: the time of a search', () => {
  it('is that of the task: it ends early, says what it has not looked at, and is repeated without a clock', async () => {
    const whole = await search({ leakageSearch: { groupColumns } }, slowClock());
    expect(whole.leakage.leftOut).to.equal(undefined);
    expect(high(whole.leakage)).to.deep.equal([['x7']]);
    expect(whole.fit.stops).to.deep.equal({});
    const places = new Set<string>();
    for (const msMax of [0, 10, 16, 40, 105, 115, 200]) {
      const timed = await search({ leakageSearch: { groupColumns, msMax } }, slowClock(1));
      for (const place of Object.keys(timed.fit.stops)) places.add(place);
      expect(timed.leakage.leftOut, `${msMax} ms`).to.not.equal(undefined);
      expect(timed.fit.contentHash).to.equal(whole.fit.contentHash);
      expect(timed.fit.stoppedByDeadline).to.equal(false);
      const noClock = { now: () => 0 };
      const again = await search({ leakageSearch: { groupColumns }, stops: timed.fit.stops }, noClock, 333);
      expect(again.leakage, `${msMax} ms`).to.deep.equal(timed.leakage);
      expect(again.fit.stops).to.deep.equal(timed.fit.stops);
    }
    expect([...places].sort()).to.deep.equal([
      'leakage-columns',
      'leakage-features',
      'leakage-groups',
      'leakage-pairs',
      'leakage-rows',
    ]);
  });

  it('reads as many features as there is time for by what the target has taken, and then counts no equal rows', async () => {
    // The target's pass takes 10 ms of this clock: of 60 % of 60 ms are three columns.
    const { leakage } = await search({ leakageSearch: { groupColumns, msMax: 60 } }, slowClock());
    expect(leakage.leftOut).to.deep.include({ duplicates: true, groupColumnCount: 1 });
    expect(leakage.leftOut?.featureCount).to.be.within(5, 8);
    expect(leakage.duplicates).to.equal(undefined);
  });

  it('is half of what is left of the task’s at most', async () => {
    let now = 0;
    const io = { now: () => (now += 10), remainingMs: () => 2_000 - now };
    const { leakage, fit } = await search({ leakageSearch: { groupColumns } }, io);
    expect([leakage.leftOut, fit.stops]).to.deep.equal([undefined, {}]);
    now = 1_700;
    const late = await search({ leakageSearch: { groupColumns } }, io);
    expect(late.leakage.leftOut).to.not.equal(undefined);
    expect(late.fit.scores).to.not.equal(null);
  });
});
