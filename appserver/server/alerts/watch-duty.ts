import type { Config } from '#runtime';
import {
  alertsSince,
  findDeployment,
  forgetAlerts,
  insertLook,
  listDeploymentIds,
  readAlertWatch,
  readClock,
  readLooks,
  saveAlertWatch,
  stillLeads,
  type AlertLook,
  type AlertSettings,
  type Database,
  type DeploymentRecord,
  type Transaction,
} from '#store';
import type { AppContext } from '../context.ts';
import { createDuty, type Duty, type DutyContext } from '../duties/index.ts';
import { lookAt } from './look.ts';
import { raiseAlarms, tell } from './raise.ts';
import { DAY_MS, HOUR_MS, PAST_MS, settingsOfWatch } from './settings.ts';

/** Hours that one run looks at, of one deployment. */
const HOURS_A_RUN = 48;
/** Nobody is told of what ended so long ago: the platform was away, or has only begun to watch. */
const TOLD_MS_MAX = 26 * HOUR_MS;

/** Looks at each hour of each deployment once, when it is over and what was told of it has had time to arrive. */
export function alertsDuty({ monitoring }: Pick<AppContext, 'monitoring'>, { alerts }: Pick<Config, 'alerts'>): Duty {
  return createDuty({
    name: 'alerts',
    intervalMs: alerts.checkMs,
    async run(context) {
      const { database, logger, signal } = context;
      const due = floorTo(HOUR_MS, (await readClock(database)) - alerts.graceMs);
      for (const id of await listDeploymentIds(database)) {
        if (signal.aborted) return;
        try {
          await watchDeployment(context, monitoring, id, due);
        } catch (err) {
          logger.warn('alerts_failed', 'a deployment could not be looked at', { deploymentId: id, err });
        }
      }
    },
  });
}

const floorTo = (step: number, value: number): number => Math.floor(value / step) * step;

async function watchDeployment(
  context: DutyContext,
  monitoring: AppContext['monitoring'],
  id: string,
  due: number,
): Promise<void> {
  const { database, signal } = context;
  const deployment = await findDeployment(database, id);
  const watch = await readAlertWatch(database, id);
  const settings = settingsOfWatch(watch);
  if (deployment === undefined || !settings.enabled) return;
  const created = floorTo(HOUR_MS, deployment.createdAt);
  const watchedFrom = watch.watchedFrom ?? Math.max(created, due - DAY_MS);
  const first = Math.max(watch.watchedTo ?? created, due - PAST_MS);
  for (let hour = first; hour < due && hour < first + HOURS_A_RUN * HOUR_MS; hour += HOUR_MS) {
    if (signal.aborted) return;
    const looks = await monitoring.read((store) => lookAt({ database, store }, deployment, hour));
    // No monitor has counted anything yet.
    if (looks === null) return;
    const expected = hour === first ? watch.watchedTo : hour;
    if (!(await keepLooks(context, deployment, settings, { looks, watchedFrom, expected, watchedTo: hour + HOUR_MS })))
      return;
  }
}

interface Kept {
  readonly looks: readonly AlertLook[];
  readonly watchedFrom: number;
  /** Up to when was looked before; null: never. */
  readonly expected: number | null;
  readonly watchedTo: number;
}

/** Keeps what was found with the alarms and messages that follow from it, once. False: another app server leads, or has done it. */
async function keepLooks(
  { database, leadership }: DutyContext,
  deployment: DeploymentRecord,
  settings: AlertSettings,
  { looks, watchedFrom, expected, watchedTo }: Kept,
): Promise<boolean> {
  const isPast = watchedTo <= watchedFrom;
  const pasts = isPast ? [] : await Promise.all(looks.map((look) => looksBefore(database, deployment.id, look)));
  return database.transaction(async (trx) => {
    if (!(await stillLeads(trx, leadership))) return false;
    if ((await readAlertWatch(trx, deployment.id)).watchedTo !== expected) return false;
    for (const look of looks) await insertLook(trx, deployment.id, look);
    await saveAlertWatch(trx, deployment.id, { watchedFrom, watchedTo });
    if (!isPast) await raiseAll(trx, deployment, settings, looks, pasts);
    if (watchedTo % DAY_MS === 0) await forgetAlerts(trx, deployment.id, watchedTo - PAST_MS);
    return true;
  });
}

/** Looks of the same family before it, of the same model: how requests are served is not the model's alone. */
async function looksBefore(
  database: Database,
  deploymentId: string,
  { family, endedAt, modelId }: AlertLook,
): Promise<AlertLook[]> {
  const looks = await readLooks(database, deploymentId, family, { from: endedAt - PAST_MS, to: endedAt });
  return looks.filter((look) => family === 'service' || look.modelId === modelId);
}

async function raiseAll(
  trx: Transaction,
  deployment: DeploymentRecord,
  settings: AlertSettings,
  looks: readonly AlertLook[],
  pasts: readonly (readonly AlertLook[])[],
): Promise<void> {
  const nowMs = await readClock(trx);
  for (const [index, look] of looks.entries()) {
    // What the look before this one, of the same hour, has opened counts.
    const alerts = await alertsSince(trx, deployment.id, look.endedAt - PAST_MS);
    const { opened, closed } = await raiseAlarms(trx, deployment, settings, look, {
      looks: pasts[index] ?? [],
      alerts,
    });
    if (look.endedAt < nowMs - TOLD_MS_MAX) continue;
    if (opened.length > 0) await tell(trx, deployment, settings, 'alerts.opened', { alerts: opened, atMs: nowMs });
    if (closed.length > 0) await tell(trx, deployment, settings, 'alerts.closed', { alerts: closed, atMs: nowMs });
  }
}
