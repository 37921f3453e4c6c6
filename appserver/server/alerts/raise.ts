import type { AlertMessage, AlertMessageType } from '#contracts';
import { newId } from '#runtime';
import { excessThreshold, isAlarm } from '#statistics';
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
import { FAMILIES, ruleOf, signalOf, type Past } from './settings.ts';
import { headlineOf, wordsOf } from './words.ts';

/** What of a look has changed. */
export interface Raised {
  readonly opened: readonly AlertRecord[];
  readonly closed: readonly AlertRecord[];
}

/**
 * Opens alarms of a look, keeps those that still hold, closes those that are over. A signal has one alarm open at a time, whatever family found
 * it; and none is opened of a day because of what an alarm within that day has told already.
 *
 * @param past looks of the same family and model before it, and all alarms of that time; the newest first
 */
export async function raiseAlarms(
  trx: Transaction,
  deployment: DeploymentRecord,
  settings: AlertSettings,
  look: AlertLook,
  past: Past,
): Promise<Raised> {
  const { family, endedAt, modelId } = look;
  const rule = ruleOf(family, settings, past);
  const isMuted = (feature: string | null) => feature !== null && settings.mutedFeatures.includes(feature);
  const alarms = look.findings.filter(
    (finding) => !isMuted(finding.feature) && isAlarm({ ...finding, signal: signalOf(finding) }, rule),
  );
  const opened: AlertRecord[] = [];
  for (const finding of alarms) {
    const signal = signalOf(finding);
    const known = past.alerts.find((alert) => signalOf(alert.finding) === signal && isOfModel(alert, modelId));
    if (known !== undefined && (known.closedAt === null || known.lastAt > endedAt - FAMILIES[family].widthMs)) {
      const isFurther = finding.excess > known.finding.excess;
      await updateAlert(trx, known.id, { lastAt: endedAt, ...(isFurther ? { finding } : {}) });
    } else {
      const alert = { modelId, family, finding, openedAt: endedAt, lastAt: endedAt };
      opened.push(await insertAlert(trx, deployment.id, { ...alert, threshold: excessThreshold(signal, rule) }));
    }
  }
  const held = new Set(alarms.map(signalOf));
  const over = past.alerts.filter((alert) => alert.closedAt === null && isOver(alert, look, held));
  for (const { id } of over) await updateAlert(trx, id, { closedAt: endedAt });
  return { opened, closed: over };
}

/** Another model is served, or its own family has found nothing for long enough. */
function isOver(alert: AlertRecord, { family, endedAt, modelId }: AlertLook, held: ReadonlySet<string>): boolean {
  if (!isOfModel(alert, modelId)) return true;
  if (alert.family !== family || held.has(signalOf(alert.finding))) return false;
  return endedAt - alert.lastAt >= FAMILIES[family].quietMs;
}

/** How requests are served is not the model's alone. */
const isOfModel = (alert: AlertRecord, modelId: string): boolean =>
  alert.family === 'service' || alert.modelId === modelId;

/** Puts one message on its way, in the transaction of what it tells of. */
export async function tell(
  trx: Transaction,
  deployment: DeploymentRecord,
  { channels }: AlertSettings,
  type: AlertMessageType,
  { alerts, atMs }: { readonly alerts: readonly AlertRecord[]; readonly atMs: number },
): Promise<void> {
  const entries = alerts.map(
    ({ id, finding, family, openedAt, lastAt, threshold }): AlertMessage['alerts'][number] => ({
      ...{ id, kind: finding.kind, feature: finding.feature },
      ...{ from: isoTime(openedAt - FAMILIES[family].widthMs), to: isoTime(lastAt) },
      ...{ excess: finding.excess, threshold, facts: finding.facts, text: wordsOf(finding) },
    }),
  );
  const body: AlertMessage = {
    ...{ id: newId('msg'), type, at: isoTime(atMs) },
    deployment: { id: deployment.id, name: deployment.name, modelId: deployment.modelId },
    alerts: entries,
    text: headlineOf(
      deployment.name,
      entries.map(({ text }) => text),
      type,
    ),
  };
  await insertMessages(trx, body, channels);
}
