import { expect } from 'chai';
import { createRandom, excessThreshold, fitAlarmRule, isAlarm, poissonAtLeast, type Look } from '#statistics';

const HOURS = 730;

describe('poissonAtLeast', () => {
  it('is the upper tail', () => {
    expect(poissonAtLeast(0, 3)).to.equal(1);
    expect(poissonAtLeast(1, 3)).to.be.closeTo(1 - Math.exp(-3), 1e-15);
    expect(poissonAtLeast(3, 2)).to.be.closeTo(1 - Math.exp(-2) * (1 + 2 + 2), 1e-15);
    let [term, below] = [Math.exp(-10), 0];
    for (let count = 0; count < 30; count += 1) [below, term] = [below + term, (term * 10) / (count + 1)];
    expect(poissonAtLeast(30, 10)).to.be.closeTo(1 - below, 1e-14);
    expect(poissonAtLeast(5, 0)).to.equal(0);
  });

  it('of many events is that of fewer, which is no smaller', () => {
    expect(poissonAtLeast(60_000, 50_000)).to.be.within(0, 1e-12);
    expect(poissonAtLeast(100_000, 99_900)).to.be.within(0.37, 0.5);
    expect(() => poissonAtLeast(1.5, 1)).to.throw('Poisson');
    expect(() => poissonAtLeast(1, -1)).to.throw('Poisson');
  });
});

describe('fitAlarmRule', () => {
  const BUDGET = { falseAlarms: 2, looks: HOURS };

  it('rests on chance alone where there is no past', () => {
    const rule = fitAlarmRule([], BUDGET);
    expect(rule).to.deep.include({ multiplier: 1, lookCount: 0, isCertain: false });
    expect(rule.alpha).to.equal(2 / HOURS);
    expect(isAlarm({ signal: 'a', excess: 1.1, pValue: 0.002 }, rule)).to.equal(true);
    expect(isAlarm({ signal: 'a', excess: 1.1, pValue: 0.003 }, rule)).to.equal(false);
    expect(isAlarm({ signal: 'a', excess: 9, pValue: null }, rule), 'knows nothing but its past').to.equal(false);
    expect(fitAlarmRule([], { falseAlarms: 100, looks: 30 }).alpha, 'however large the budget').to.equal(0.01);
  });

  it('allows as many looks of the past to be above it as the budget does, and no more', () => {
    const past: Look[] = Array.from({ length: 2_000 }, (_, at) => [{ signal: 'a', excess: 1 + at / 1_000, pValue: 0 }]);
    const rule = fitAlarmRule(past, BUDGET);
    // floor(2 / 730 x 2001) - 1 = 4: the fifth largest.
    expect(rule.isCertain).to.equal(true);
    expect(past.filter((look) => look.some((finding) => isAlarm(finding, rule))).length).to.equal(4);
    expect(excessThreshold('a', rule)).to.be.closeTo(1 + 1_995 / 1_000, 1e-12);
    expect(fitAlarmRule(past.slice(0, 300), BUDGET).isCertain).to.equal(false);
  });

  it('does not make other signals deaf for one that is always out', () => {
    const random = createRandom(3);
    const past: Look[] = Array.from({ length: 1_000 }, () => [
      { signal: 'season', excess: 5 + random.uniform(), pValue: 0 },
    ]);
    const rule = fitAlarmRule(past, BUDGET);
    expect(isAlarm({ signal: 'season', excess: 5.9, pValue: 0 }, rule)).to.equal(false);
    expect(isAlarm({ signal: 'season', excess: 8, pValue: 0 }, rule)).to.equal(true);
    expect(isAlarm({ signal: 'other', excess: 1.5, pValue: 0 }, rule)).to.equal(true);
  });

  it('keeps the budget on what comes after, as long as that is as the past was', () => {
    // Restless signals of heavy tails: excess is 1 / u, above 1 at every tenth look of each.
    const random = createRandom(11);
    const look = (): Look =>
      ['a', 'b', 'c'].flatMap((signal) =>
        random.uniform() < 0.1 ? [{ signal, excess: 1 / (1 - random.uniform()), pValue: 1e-9 }] : [],
      );
    let alarms = 0;
    const MONTHS = 300;
    for (let month = 0; month < MONTHS; month += 1) {
      const rule = fitAlarmRule(Array.from({ length: 2 * HOURS }, look), BUDGET);
      for (let at = 0; at < HOURS; at += 1) if (look().some((finding) => isAlarm(finding, rule))) alarms += 1;
    }
    // 2 a month are allowed, of which floor(...) leaves some out; 1.5 and 2.1 are some four standard errors of the mean away.
    expect(alarms / MONTHS).to.be.within(0.9, 2.1);
  });

  it('says something of a signal without a test once its past is known', () => {
    const past = Array.from({ length: 30 }, (): Look => [{ signal: 'latency', excess: 0.5, pValue: null }]);
    const slow = { signal: 'latency', excess: 1.2, pValue: null };
    expect(isAlarm(slow, fitAlarmRule(past, BUDGET))).to.equal(true);
    expect(
      isAlarm(slow, fitAlarmRule([...past.slice(0, 23), ...Array.from({ length: 99 }, () => [])], BUDGET)),
    ).to.equal(false);
  });
});
