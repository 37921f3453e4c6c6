import { expect } from 'chai';
import type { AlertFinding } from '#contracts';
import { createRandom } from '#statistics';
import type { AlertLook, AlertRecord, AlertSettings } from '#store';
import { alarmsIn } from '../../../../../appserver/server/alerts/raise.ts';
import { FAMILIES, HOUR_MS, PAST_MS, ruleOf, signalOf } from '../../../../../appserver/server/alerts/settings.ts';

const MONTH = 730;
const SETTINGS: AlertSettings = { enabled: true, falseAlarmsPerMonth: 6, channels: [], mutedFeatures: [] };

/** Looks and the alarms that they raise, as a deployment lives on, an hour after the other. */
function live(findingsOf: (hour: number) => AlertFinding[], months: number): AlertRecord[] {
  const looks: AlertLook[] = [];
  const alerts: AlertRecord[] = [];
  for (let hour = 1; hour <= months * MONTH; hour += 1) {
    const endedAt = hour * HOUR_MS;
    const look: AlertLook = { family: 'hour', endedAt, modelId: 'm', findings: findingsOf(hour) };
    const kept = looks.filter((one) => one.endedAt > endedAt - PAST_MS);
    const rule = look.findings.length === 0 ? null : ruleOf('hour', SETTINGS, { looks: kept, alerts });
    for (const finding of rule === null ? [] : alarmsIn(look, rule, SETTINGS)) {
      const open = alerts.findIndex((one) => one.closedAt === null && signalOf(one.finding) === signalOf(finding));
      const known = alerts[open];
      if (known === undefined)
        alerts.unshift({
          ...{ id: `a${hour}`, modelId: 'm', family: 'hour', openedAt: endedAt, lastAt: endedAt },
          ...{ closedAt: null, finding, threshold: 1, isFalse: null },
        });
      else alerts[open] = { ...known, lastAt: endedAt };
    }
    alerts.forEach((one, index) => {
      if (one.closedAt === null && endedAt - one.lastAt >= FAMILIES.hour.quietMs)
        alerts[index] = { ...one, closedAt: endedAt };
    });
    looks.push(look);
  }
  return alerts;
}

const finding = (feature: string, excess: number): AlertFinding => ({
  ...{ kind: 'feature-drift', feature, excess, pValue: 1e-12, facts: {} },
});

describe('alerts that nobody speaks of', function () {
  this.timeout(60_000);

  it('of a restless signal come down to the budget', () => {
    const random = createRandom(5);
    const alerts = live(() => (random.uniform() < 0.05 ? [finding('restless', 1 / (1 - random.uniform()))] : []), 8);
    const since = (month: number) => alerts.filter(({ openedAt }) => openedAt > month * MONTH * HOUR_MS).length;
    // Two a month are the part of the family; what rings before the past is known does not count.
    expect(since(3) / 5, 'a month').to.be.below(3);
    expect(since(0) - since(1), 'in the first month').to.be.below(15);
  });

  it('do not make the platform deaf: a feature that breaks twice in eight months is told twice', () => {
    const random = createRandom(6);
    const breaks = (hour: number) => [2_000, 5_000].some((from) => hour >= from && hour < from + 20);
    const alerts = live(
      (hour) => [
        ...(breaks(hour) ? [finding('broken', 20)] : []),
        ...(random.uniform() < 0.02 ? [finding('restless', 1 + random.uniform())] : []),
      ],
      8,
    );
    const broken = alerts.filter((one) => one.finding.feature === 'broken').map(({ openedAt }) => openedAt / HOUR_MS);
    expect(broken.toSorted((a, b) => a - b)).to.deep.equal([2_000, 5_000]);
  });
});
