import { isAppError } from '#contracts';
import type { Config } from '#runtime';
import type { AlarmRule } from '#statistics';
import {
  alertsSince,
  findDeployment,
  forgetAlerts,
  insertLook,
  listDeploymentIds,
  readAlertWatch,
  readClock,
  saveAlertWatch,
  stillLeads,
  type AlertLook,
  type AlertRecord,
  type AlertSettings,
  type Database,
  type DeploymentRecord,
  type Transaction,
} from '#store';
import { createDuty, type Duty, type DutyContext } from '../duties/index.ts';
import { lookAt, type LookSource } from './look.ts';
import { readPast } from './past.ts';
import { alarmsIn, closeAlarms, openAlarms, tell } from './raise.ts';
import { DAY_MS, HOUR_MS, PAST_MS, ruleOf, settingsOfWatch } from './settings.ts';

/** Hours that one run looks at, of one deployment. */
const HOURS_A_RUN = 48;
/** What ended so long ago is the past, and no alarm: the platform was away, or has only begun to watch. */
const ALARM_MS_MAX = 26 * HOUR_MS;

/** Looks at each hour of each deployment once, when it is over and what was told of it has had time to arrive. */
export function alertsDuty(source: Omit<LookSource, 'database'>, { alerts }: Pick<Config, 'alerts'>): Duty {
  let forgottenAt = 0;
  return createDuty({
    name: 'alerts',
    intervalMs: alerts.checkMs,
    async run(context) {
      const { database, logger, signal } = context;
      const nowMs = await readClock(database);
      const isForgetting = nowMs - forgottenAt >= DAY_MS;
      for (const id of await listDeploymentIds(database)) {
        if (signal.aborted) return;
        try {
          if (isForgetting) await database.transaction((trx) => forgetAlerts(trx, id, nowMs - PAST_MS));
          await watchDeployment(context, source, id, { nowMs, due: floorTo(HOUR_MS, nowMs - alerts.graceMs) });
        } catch (err) {
          // It is away for the next deployment, too: the duty tries again later.
          if (isAppError(err, 'DATABASE_UNAVAILABLE')) throw err;
          logger.warn('alerts_failed', 'a deployment could not be looked at', { deploymentId: id, err });
        }
      }
      if (isForgetting) forgottenAt = nowMs;
    },
  });
}

const floorTo = (step: number, value: number): number => Math.floor(value / step) * step;

async function watchDeployment(
  context: DutyContext,
  source: Omit<LookSource, 'database'>,
  id: string,
  { nowMs, due }: { readonly nowMs: number; readonly due: number },
): Promise<void> {
  const { database, signal } = context;
  const deployment = await findDeployment(database, id);
  const watch = await readAlertWatch(database, id);
  if (deployment === undefined || !settingsOfWatch(watch).enabled) return;
  const created = floorTo(HOUR_MS, deployment.createdAt);
  const watchedFrom = watch.watchedFrom ?? Math.max(created, due - DAY_MS);
  const first = Math.max(watch.watchedTo ?? created, due - PAST_MS);
  for (let hour = first; hour < due && hour < first + HOURS_A_RUN * HOUR_MS; hour += HOUR_MS) {
    if (signal.aborted) return;
    const looks = await lookAt({ ...source, database }, deployment, hour);
    // No monitor has counted anything yet.
    if (looks === null) return;
    const expected = hour === first ? watch.watchedTo : hour;
    const kept = { looks, watchedFrom, expected, watchedTo: hour + HOUR_MS, nowMs };
    if (!(await keepLooks(context, deployment, kept))) return;
  }
}

interface Kept {
  readonly looks: readonly AlertLook[];
  readonly watchedFrom: number;
  /** Up to when was looked before; null: never. */
  readonly expected: number | null;
  readonly watchedTo: number;
  readonly nowMs: number;
}

/** Keeps what was found with the alarms and messages that follow from it, once. False: another app server leads, or has done it. */
async function keepLooks(
  { database, leadership }: DutyContext,
  deployment: DeploymentRecord,
  { looks, watchedFrom, expected, watchedTo, nowMs }: Kept,
): Promise<boolean> {
  const isPast = watchedTo <= Math.max(watchedFrom, nowMs - ALARM_MS_MAX);
  const settings = settingsOfWatch(await readAlertWatch(database, deployment.id));
  const judged = isPast ? [] : await judge(database, deployment, settings, looks);
  return database.transaction(async (trx) => {
    if (!(await stillLeads(trx, leadership))) return false;
    const watch = await readAlertWatch(trx, deployment.id);
    if (watch.watchedTo !== expected || !settingsOfWatch(watch).enabled) return false;
    for (const look of looks) await insertLook(trx, deployment.id, look);
    await saveAlertWatch(trx, deployment.id, { watchedFrom, watchedTo });
    await raise(trx, deployment, settingsOfWatch(watch), judged, { watchedTo, nowMs });
    return true;
  });
}

interface Judged {
  readonly look: AlertLook;
  readonly rule: AlarmRule;
  readonly alarms: ReturnType<typeof alarmsIn>;
}

/** Fits the rules and finds alarms: outside of the transaction, since it may take a while. */
async function judge(
  database: Database,
  deployment: DeploymentRecord,
  settings: AlertSettings,
  looks: readonly AlertLook[],
): Promise<Judged[]> {
  const judged: Judged[] = [];
  for (const look of looks) {
    // Most looks find nothing.
    if (look.findings.length === 0) continue;
    const rule = ruleOf(look.family, settings, await readPast(database, deployment.id, look));
    judged.push({ look, rule, alarms: alarmsIn(look, rule, settings) });
  }
  return judged;
}

async function raise(
  trx: Transaction,
  deployment: DeploymentRecord,
  settings: AlertSettings,
  judged: readonly Judged[],
  { watchedTo, nowMs }: { readonly watchedTo: number; readonly nowMs: number },
): Promise<void> {
  const knownNow = () => alertsSince(trx, deployment.id, watchedTo - PAST_MS);
  const opened: AlertRecord[] = [];
  for (const { look, ...found } of judged)
    // What another look of the same hour has opened counts.
    if (found.alarms.length > 0)
      opened.push(...(await openAlarms(trx, deployment, look, { ...found, known: await knownNow() })));
  const closed = await closeAlarms(trx, deployment, await knownNow(), watchedTo);
  if (opened.length > 0) await tell(trx, deployment, settings, 'alerts.opened', { alerts: opened, atMs: nowMs });
  if (closed.length > 0) await tell(trx, deployment, settings, 'alerts.closed', { alerts: closed, atMs: nowMs });
}
