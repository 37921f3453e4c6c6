import {
  Alert,
  Alerts,
  AlertsQuery,
  AppError,
  Id,
  parse,
  PatchAlertRequest,
  PutAlertsRequest,
  strict,
  TestAlertAnswer,
} from '#contracts';
import { Baseline } from '#statistics';
import {
  alertsSince,
  findAlert,
  findModel,
  messageTotals,
  readAlertWatch,
  readBaseline,
  readClock,
  saveAlertWatch,
  seizeRow,
  updateAlert,
  type DeploymentRecord,
  type Transaction,
} from '#store';
import {
  alertsOf,
  alertViewOf,
  readableSecrets,
  sealSecrets,
  settingsFrom,
  settingsOfWatch,
  tell,
} from '../alerts/index.ts';
import type { AppContext } from '../context.ts';
import { ok, route, type Route } from '../route.ts';
import { readDeployment } from '../services/deployments.ts';
import { IdParams } from './params.ts';

const tag = 'monitoring';
const PATH = '/api/v1/deployments/{id}/alerts';

const read = route({
  method: 'GET',
  path: PATH,
  summary: 'What is watched of it, by what rules, and what was found',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'settings, rules and alarms', schema: Alerts } },
  query: AlertsQuery,
  handler: async (app, { caller, params, query }) =>
    ok(await alertsOf(app, await readDeployment(app.database, caller, params.id), query.rules !== 'false')),
});

const replace = route({
  method: 'PUT',
  path: PATH,
  summary: 'Say how many false alarms a month are accepted, and where alarms go',
  tag,
  access: 'user',
  params: IdParams,
  body: PutAlertsRequest,
  answers: { 200: { description: 'as it is from now on', schema: Alerts } },
  handler: async (app, { caller, params, body, effect }) => {
    const deployment = await readDeployment(app.database, caller, params.id);
    const features = await featuresOf(app, deployment);
    await effect(async (trx) => {
      if (!(await seizeRow(trx, 'deployments', deployment.id)))
        throw new AppError('NOT_FOUND', `deployment ${deployment.id}: it was deleted meanwhile`);
      const watch = await readAlertWatch(trx, deployment.id);
      const known = readableSecrets(app.sealer, watch.secrets, app.logger);
      const { settings, secrets } = settingsFrom(body, app.config, { features, secrets: known });
      await saveAlertWatch(trx, deployment.id, { settings, secrets: sealSecrets(app.sealer, secrets) });
      await switchWatch(trx, deployment, settingsOfWatch(watch).enabled, settings.enabled);
      return ok({});
    });
    return ok(await alertsOf(app, deployment));
  },
});

/** What was missed while it was off is the past, and no alarm; what is open when it is switched off is over. */
async function switchWatch(trx: Transaction, deployment: DeploymentRecord, was: boolean, is: boolean): Promise<void> {
  if (was === is) return;
  const nowMs = await readClock(trx);
  if (is) {
    await saveAlertWatch(trx, deployment.id, { watchedFrom: nowMs });
    return;
  }
  for (const { id, closedAt } of await alertsSince(trx, deployment.id, nowMs))
    if (closedAt === null) await updateAlert(trx, id, { closedAt: nowMs });
}

/** Names of the features that are watched; null: nothing was counted of the model yet. */
async function featuresOf(
  { database, monitoring }: Pick<AppContext, 'database' | 'monitoring'>,
  { modelId }: DeploymentRecord,
): Promise<string[] | null> {
  const trained = (await findModel(database, modelId))?.trained ?? null;
  if (trained === null) return null;
  const stored = await monitoring.read((store) => readBaseline(store, trained.manifestSha256));
  if (stored === null) return null;
  return parse(Baseline, stored, 'stored baseline').features.map(({ name }) => name);
}

const test = route({
  method: 'POST',
  path: `${PATH}/test`,
  summary: 'Send a message that says it is a test on all its channels',
  tag,
  access: 'user',
  params: IdParams,
  answers: { 202: { description: 'they are on their way; GET says what became of them', schema: TestAlertAnswer } },
  handler: async ({ database }, { caller, params, effect }) => {
    const deployment = await readDeployment(database, caller, params.id);
    return effect(async (trx) => {
      const settings = settingsOfWatch(await readAlertWatch(trx, deployment.id));
      if ((await messageTotals(trx, deployment.id)).waiting > 0)
        throw new AppError(
          'CONFLICT',
          `deployment ${deployment.id} has messages on their way; try again when they have arrived`,
        );
      if (settings.channels.length === 0)
        throw new AppError('CONFLICT', `deployment ${deployment.id} has no channels for alerts; PUT some first`);
      await tell(trx, deployment, settings, 'alerts.test', { alerts: [], atMs: await readClock(trx) });
      return { status: 202, body: { messages: settings.channels.length } };
    });
  },
});

const patch = route({
  method: 'PATCH',
  path: `${PATH}/{alertId}`,
  summary: 'Say that an alarm was a false one: thresholds are fitted to what was so',
  tag,
  access: 'user',
  params: strict({ id: Id, alertId: Id }),
  body: PatchAlertRequest,
  answers: { 200: { description: 'the alarm', schema: Alert } },
  handler: async ({ database }, { caller, params, body, effect }) => {
    const { id } = await readDeployment(database, caller, params.id);
    return effect(async (trx) => {
      const known = await findAlert(trx, id, params.alertId);
      if (known === undefined) throw new AppError('NOT_FOUND', `deployment ${id} has no alarm ${params.alertId}`);
      await updateAlert(trx, known.id, { isFalse: body.falseAlarm });
      return ok(alertViewOf({ ...known, isFalse: body.falseAlarm }));
    });
  },
});

/** What is watched of deployments. */
export const alertsRoutes: readonly Route[] = [read, replace, test, patch];
