import { FALSE_ALARMS_DEFAULT, type AlertFamily, type AlertFinding } from '#contracts';
import { fitAlarmRule, type AlarmRule } from '#statistics';
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
  /** Alarms that were open in that time. */
  readonly alerts: readonly AlertRecord[];
}

/**
 * The rule of a family. Signals that were in alarm at a look are left out of it: an alarm that nobody has called false was a true one, and
 * what is true must not become usual.
 */
export function ruleOf(family: AlertFamily, settings: AlertSettings, { looks, alerts }: Past): AlarmRule {
  const trusted = alerts.filter(({ falseAlarm }) => !falseAlarm);
  const past = looks.map(({ endedAt, findings }) =>
    findings
      .filter(
        (finding) => !trusted.some((alert) => wasOpen(alert, endedAt) && signalOf(alert.finding) === signalOf(finding)),
      )
      .map((finding) => ({ ...finding, signal: signalOf(finding) })),
  );
  return fitAlarmRule(past, { falseAlarms: budgetOf(settings), looks: FAMILIES[family].looksAMonth });
}

const wasOpen = ({ openedAt, lastAt }: AlertRecord, at: number): boolean => openedAt <= at && at <= lastAt;
