import { TELEMETRY_INBOX, type AlertFamily } from '#contracts';
import type { ObjectStore } from '#object-store';
import type { Config } from '#runtime';
import {
  anyServiceSince,
  findPredictions,
  readActualsReceived,
  readServiceHours,
  type AlertLook,
  type Database,
  type DeploymentRecord,
  type ReceivedActual,
} from '#store';
import { readFeatureSeries } from '../monitoring/feature-totals.ts';
import { readOutcomeSeries, totalOutcomes } from '../monitoring/outcome-totals.ts';
import type { Span, TimeRange } from '../monitoring/time-range.ts';
import { rankedScores } from '../services/actuals.ts';
import { deploymentView, readServers } from '../services/deployments.ts';
import { targetOf } from '../services/insights.ts';
import type { MonitoringStore } from '../services/monitoring-store.ts';
import { baselineOfModel, servedModel, type ServedModel } from '../services/monitoring.ts';
import { errorTotals } from './accuracy-signal.ts';
import { driftSignals } from './drift-signals.ts';
import { serviceSignals, serviceSpan } from './service-signals.ts';
import { DAY_MS, HOUR_MS } from './settings.ts';
import { findingsOf, type Signal } from './signals.ts';

/** Predictions without which a time is not looked at. */
const EVENTS_MIN = 50;
/** Outcomes that are held against their predictions at a time, and of one day at most. */
const PAGE = 500;
const OUTCOMES_MAX = 200_000;

export interface LookSource {
  readonly database: Database;
  readonly monitoring: MonitoringStore;
  readonly store: Pick<ObjectStore, 'list'>;
  readonly config: Config;
}

interface Stores {
  readonly database: Database;
  /** The monitoring store. */
  readonly store: Database;
}

/**
 * All that is looked at when an hour is over: the hour, and at midnight (UTC) the day.
 *
 * @param hour its begin, milliseconds since 1970
 * @returns null where no monitor has counted anything yet
 * @throws DATABASE_UNAVAILABLE; NOT_FOUND where the model was deleted
 */
export async function lookAt(
  source: LookSource,
  deployment: DeploymentRecord,
  hour: number,
): Promise<AlertLook[] | null> {
  const { database, monitoring } = source;
  const endedAt = hour + HOUR_MS;
  const served = await servedModel(database, deployment, undefined);
  return monitoring.read(async (store) => {
    const stores = { database, store };
    const looks: AlertLook[] = [];
    const add = (family: AlertFamily, signals: readonly Signal[]) =>
      looks.push({ family, endedAt, modelId: deployment.modelId, findings: findingsOf(signals) });
    const hours = await readServiceHours(store, deployment.id, serviceSpan(hour));
    const service = serviceSignals(hours, hour);
    const isSilence = service.some(({ kind }) => kind === 'silence');
    // Hours without requests say nothing, unless there always were some, and nothing of them can still be on its way.
    if (service.length > 0 && (!isSilence || (await isAllTold(source, store, deployment, endedAt))))
      add('service', service);
    const ofHour = await driftOfTime(stores, deployment, served, { from: hour, to: endedAt });
    if (ofHour !== null) add('hour', ofHour);
    if (endedAt % DAY_MS === 0) {
      const day = { from: endedAt - DAY_MS, to: endedAt };
      const drift = await driftOfTime(stores, deployment, served, day);
      const accuracy = await accuracyOfDay(stores, deployment, served, day);
      if (drift !== null || accuracy !== null) add('day', [...(drift ?? []), ...(accuracy === null ? [] : [accuracy])]);
    }
    return looks;
  });
}

/**
 * Whether what was told of a time has been counted: something later has been, of whatever deployment; or a server that has this one ready speaks with
 * the app server, and no segment waits for a monitor.
 */
async function isAllTold(
  { database, store: objects, config }: LookSource,
  store: Database,
  deployment: DeploymentRecord,
  endedAt: number,
): Promise<boolean> {
  if (await anyServiceSince(store, endedAt)) return true;
  if (config.telemetry.transport !== 'http') return false;
  if (!deploymentView(deployment, await readServers(database, config), config).ready) return false;
  for await (const _ of objects.list(TELEMETRY_INBOX)) return false;
  return true;
}

/** Null: too few predictions, or nothing is known to hold them against. */
async function driftOfTime(
  { store }: Stores,
  deployment: DeploymentRecord,
  { model, project }: ServedModel,
  span: Span,
): Promise<Signal[] | null> {
  const range: TimeRange = { ...span, bucket: 'day', buckets: [span] };
  const predictions = totalOutcomes(await readOutcomeSeries(store, deployment.id, range, model.id), model.id);
  if (predictions.eventCount < EVENTS_MIN) return null;
  const baseline = await baselineOfModel(store, model);
  if (baseline === null) return null;
  const features = await readFeatureSeries(store, deployment.id, model.id, range);
  const target = { target: targetOf(project), threshold: deployment.settings.threshold };
  return driftSignals({ baseline, features, predictions }, target, range);
}

/** Of outcomes that were handed in on a day, whenever they were predicted: each counts on one day. Null: too few. */
async function accuracyOfDay(
  { database, store }: Stores,
  { id }: DeploymentRecord,
  { model, project }: ServedModel,
  day: Span,
): Promise<Signal | null> {
  const training = model.trained === null ? null : rankedScores(model.trained.scores);
  if (training === null) return null;
  const totals = errorTotals(targetOf(project));
  let after: ReceivedActual | null = null;
  for (let read = 0; read < OUTCOMES_MAX; read += PAGE) {
    const page: ReceivedActual[] = await readActualsReceived(database, id, day, { after, limit: PAGE });
    const keys = page.map(({ key }) => key);
    const predictions = await findPredictions(store, { deploymentId: id, modelId: model.id }, keys);
    totals.add(
      page.flatMap(({ key, actual }) => {
        const prediction = predictions.get(key);
        return prediction === undefined ? [] : [{ prediction, actual }];
      }),
    );
    after = page.at(-1) ?? null;
    if (page.length < PAGE) break;
  }
  return totals.signal(training.metrics);
}
