import { FALSE_ALARMS_DEFAULT, type AlertFamily, type AlertFinding } from '#contracts';
import { fitAlarmRule, type AlarmRule, type Finding } from '#statistics';
import type { AlertLook, AlertRecord, AlertSettings, AlertWatch } from '#store';

export const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** Of deployments of which nothing was set: they are watched, and what is found is shown. */
const SETTINGS_DEFAULT: AlertSettings = {
  enabled: true,
  falseAlarmsPerMonth: FALSE_ALARMS_DEFAULT,
  channels: [],
  mutedFeatures: [],
};

export const settingsOfWatch = ({ settings }: Pick<AlertWatch, 'settings'>): AlertSettings =>
  settings ?? SETTINGS_DEFAULT;

/** How far back looks are kept, to which thresholds are fitted. */
export const PAST_MS = 60 * DAY_MS;

const DAYS_A_MONTH = 365.25 / 12;

/** What is looked at together: how long a time, how often in a month, and after how long without an alarm one is over. */
export const FAMILIES: Readonly<
  Record<AlertFamily, { readonly widthMs: number; readonly looksAMonth: number; readonly quietMs: number }>
> = {
  hour: { widthMs: HOUR_MS, looksAMonth: 24 * DAYS_A_MONTH, quietMs: 3 * HOUR_MS },
  day: { widthMs: DAY_MS, looksAMonth: DAYS_A_MONTH, quietMs: DAY_MS },
  service: { widthMs: HOUR_MS, looksAMonth: 24 * DAYS_A_MONTH, quietMs: 3 * HOUR_MS },
};

/** Each family has the same part of a deployment's budget. */
export const budgetOf = ({ falseAlarmsPerMonth }: AlertSettings): number =>
  falseAlarmsPerMonth / Object.keys(FAMILIES).length;

/** The signal that a finding is of. */
export const signalOf = ({ kind, feature }: Pick<AlertFinding, 'kind' | 'feature'>): string =>
  feature === null ? kind : `${kind} ${feature}`;

/** What the rule of a family rests on. */
export interface Past {
  readonly looks: readonly AlertLook[];
  /** Alarms of that time, the newest first. */
  readonly alerts: readonly AlertRecord[];
}

/**
 * The rule of a family. What is taken for a true alarm is left out of the past, for what is true must not become usual: alarms that are open, those that
 * somebody has called true, and of all others as many looks as the budget has false alarms, the newest. That many true ones nobody needs to speak of; were
 * there more, most of them were false, and what raised them is usual.
 */
export function ruleOf(family: AlertFamily, settings: AlertSettings, past: Past): AlarmRule {
  const budget = budgetOf(settings);
  const { widthMs, looksAMonth } = FAMILIES[family];
  const { taken, unspokenCount } = truthsOf(family, budget, past);
  const truths = Map.groupBy(taken, ({ finding }) => signalOf(finding));
  const muted = new Set(settings.mutedFeatures);
  const looks = past.looks.map(({ endedAt, findings }) => {
    const kept: Finding[] = [];
    for (const finding of findings) {
      const signal = signalOf(finding);
      const isTrue = truths.get(signal)?.some((alert) => overlaps(alert, endedAt - widthMs, endedAt)) ?? false;
      if (!isTrue && !(finding.feature !== null && muted.has(finding.feature))) kept.push({ ...finding, signal });
    }
    return kept;
  });
  return fitAlarmRule(looks, { falseAlarms: budget, looks: looksAMonth }, unspokenCount);
}

/** Alarms that are taken for true, and at how many looks of the family those began of which nobody has spoken. */
function truthsOf(
  family: AlertFamily,
  budget: number,
  { alerts, looks }: Past,
): { readonly taken: readonly AlertRecord[]; readonly unspokenCount: number } {
  const [first] = looks;
  const months = first === undefined ? 0 : ((looks.at(-1)?.endedAt ?? 0) - first.endedAt) / (DAYS_A_MONTH * DAY_MS);
  const isUnspoken = (alert: AlertRecord) =>
    alert.family === family && alert.closedAt !== null && alert.isFalse === null;
  const begins = new Set(alerts.filter(isUnspoken).map(({ openedAt }) => openedAt));
  const trusted = new Set([...begins].slice(0, Math.max(1, Math.round(budget * months))));
  const taken = alerts.filter((alert) => alert.isFalse !== true && (!isUnspoken(alert) || trusted.has(alert.openedAt)));
  return { taken, unspokenCount: trusted.size };
}

const overlaps = ({ openedAt, lastAt, family }: AlertRecord, from: number, to: number): boolean =>
  openedAt - FAMILIES[family].widthMs < to && lastAt > from;
