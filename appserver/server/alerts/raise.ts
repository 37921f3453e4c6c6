import type { AlertFinding, AlertMessage, AlertMessageType } from '#contracts';
import { newId } from '#runtime';
import { excessThreshold, isAlarm, type AlarmRule } from '#statistics';
import {
  insertAlert,
  insertMessages,
  updateAlert,
  type AlertLook,
  type AlertRecord,
  type AlertSettings,
  type DeploymentRecord,
  type Transaction,
} from '#store';
import { isoTime } from '../monitoring/time-range.ts';
import { FAMILIES, signalOf } from './settings.ts';
import { headlineOf, wordsOf } from './words.ts';

/** Findings of a look that are alarms; of features that are muted none is. */
export function alarmsIn(look: AlertLook, rule: AlarmRule, { mutedFeatures }: AlertSettings): AlertFinding[] {
  const muted = new Set(mutedFeatures);
  return look.findings.filter(
    (finding) =>
      !(finding.feature !== null && muted.has(finding.feature)) &&
      isAlarm({ ...finding, signal: signalOf(finding) }, rule),
  );
}

/**
 * Opens alarms of a look, and keeps those that still hold. A signal has one alarm open at a time, whatever family found it; and none is opened of a day
 * because of what an alarm within that day has told already.
 *
 * @param known alarms of the past, the newest first
 * @returns those that were opened
 */
export async function openAlarms(
  trx: Transaction,
  { id }: DeploymentRecord,
  { family, endedAt, modelId }: AlertLook,
  {
    alarms,
    rule,
    known,
  }: { readonly alarms: readonly AlertFinding[]; readonly rule: AlarmRule; readonly known: readonly AlertRecord[] },
): Promise<AlertRecord[]> {
  const newest = new Map<string, AlertRecord>();
  for (const alert of known) {
    const signal = signalOf(alert.finding);
    if (!newest.has(signal) && isOfModel(alert, modelId)) newest.set(signal, alert);
  }
  const opened: AlertRecord[] = [];
  for (const finding of alarms) {
    const signal = signalOf(finding);
    const last = newest.get(signal);
    if (last?.closedAt === null) {
      const isFurther = finding.excess > last.finding.excess;
      await updateAlert(trx, last.id, { lastAt: endedAt, ...(isFurther ? { finding } : {}) });
    } else if (last === undefined || last.lastAt <= endedAt - FAMILIES[family].widthMs) {
      const alert = { modelId, family, finding, openedAt: endedAt, lastAt: endedAt };
      opened.push(await insertAlert(trx, id, { ...alert, threshold: excessThreshold(signal, rule) }));
    }
  }
  return opened;
}

/**
 * Closes alarms that are over: nothing was found for long enough, also because nothing was asked, or another model is served.
 *
 * @param known open ones among them
 * @returns those that were closed
 */
export async function closeAlarms(
  trx: Transaction,
  { modelId }: Pick<DeploymentRecord, 'modelId'>,
  known: readonly AlertRecord[],
  atMs: number,
): Promise<AlertRecord[]> {
  const over = known.filter(
    (alert) =>
      alert.closedAt === null && (!isOfModel(alert, modelId) || atMs - alert.lastAt >= FAMILIES[alert.family].quietMs),
  );
  for (const { id } of over) await updateAlert(trx, id, { closedAt: atMs });
  return over;
}

/** How requests are served is not the model's alone. */
const isOfModel = (alert: AlertRecord, modelId: string): boolean =>
  alert.family === 'service' || alert.modelId === modelId;

/** Alarms that a message names. */
const NAMED_MAX = 50;

/** Puts one message on its way, in the transaction of what it tells of. */
export async function tell(
  trx: Transaction,
  deployment: DeploymentRecord,
  { channels }: AlertSettings,
  type: AlertMessageType,
  { alerts, atMs }: { readonly alerts: readonly AlertRecord[]; readonly atMs: number },
): Promise<void> {
  const furthest = alerts.toSorted((a, b) => b.finding.excess - a.finding.excess);
  const entries = furthest.slice(0, NAMED_MAX).map(({ id, finding, family, openedAt, lastAt, threshold }) => ({
    ...{ id, kind: finding.kind, feature: finding.feature },
    ...{ from: isoTime(openedAt - FAMILIES[family].widthMs), to: isoTime(lastAt) },
    ...{ excess: finding.excess, threshold, facts: finding.facts, text: wordsOf(finding) },
  }));
  const texts = furthest.map(({ finding }) => wordsOf(finding));
  const body: AlertMessage = {
    ...{ id: newId('msg'), type, at: isoTime(atMs) },
    deployment: { id: deployment.id, name: deployment.name, modelId: deployment.modelId },
    ...{ alerts: entries, alertCount: alerts.length, text: headlineOf(deployment.name, texts, type) },
  };
  await insertMessages(trx, body, channels);
}
