import type { AlertFamily } from '#contracts';
import { readServiceHours, type AlertLook, type Database, type DeploymentRecord } from '#store';
import { readFeatureSeries } from '../monitoring/feature-totals.ts';
import { readOutcomeSeries, totalOutcomes } from '../monitoring/outcome-totals.ts';
import type { TimeRange } from '../monitoring/time-range.ts';
import { rankedScores } from '../services/actuals.ts';
import { targetOf } from '../services/insights.ts';
import { joinedPredictions } from '../services/joined-outcomes.ts';
import { baselineOfModel, servedModel, type ServedModel } from '../services/monitoring.ts';
import { errorTotals } from './accuracy-signal.ts';
import { driftSignals } from './drift-signals.ts';
import { serviceSignals, serviceSpan } from './service-signals.ts';
import { DAY_MS, FAMILIES, HOUR_MS } from './settings.ts';
import { findingsOf, type Signal } from './signals.ts';

/** Predictions without which a time is not looked at. */
const EVENTS_MIN = 50;
/** How far back predictions are held against outcomes, which come late, and how many of them at most. */
const OUTCOMES_MS = 7 * DAY_MS;
const OUTCOMES_MAX = 200_000;

interface Stores {
  readonly database: Database;
  /** The monitoring store. */
  readonly store: Database;
}

/** All that is looked at when an hour is over: the hour, and at midnight (UTC) the day. @param hour its begin, milliseconds since 1970 */
export async function lookAt(stores: Stores, deployment: DeploymentRecord, hour: number): Promise<AlertLook[]> {
  const endedAt = hour + HOUR_MS;
  const served = await servedModel(stores.database, deployment, undefined);
  const hours = await readServiceHours(stores.store, deployment.id, serviceSpan(hour));
  const looks: AlertLook[] = [lookOf('service', endedAt, deployment, serviceSignals(hours, hour))];
  const ofHour = await driftOfTime(stores, deployment, served, { from: hour, to: endedAt });
  if (ofHour !== null) looks.push(lookOf('hour', endedAt, deployment, ofHour));
  if (endedAt % DAY_MS === 0) {
    const drift = await driftOfTime(stores, deployment, served, { from: endedAt - DAY_MS, to: endedAt });
    const accuracy = await accuracyUpTo(stores, deployment, served, endedAt);
    if (drift !== null || accuracy !== null)
      looks.push(lookOf('day', endedAt, deployment, [...(drift ?? []), ...(accuracy === null ? [] : [accuracy])]));
  }
  return looks;
}

const lookOf = (
  family: AlertFamily,
  endedAt: number,
  { modelId }: DeploymentRecord,
  signals: readonly Signal[],
): AlertLook => ({ family, endedAt, modelId, findings: findingsOf(signals) });

/** When the time began that a look was at. */
export const beginOf = ({ family, endedAt }: Pick<AlertLook, 'family' | 'endedAt'>): number =>
  endedAt - FAMILIES[family].widthMs;

/** Null: too few predictions, or nothing is known to hold them against. */
async function driftOfTime(
  { store }: Stores,
  deployment: DeploymentRecord,
  { model, project }: ServedModel,
  span: { readonly from: number; readonly to: number },
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

/** Null: too few outcomes are known. */
async function accuracyUpTo(
  stores: Stores,
  { id }: DeploymentRecord,
  { model, project }: ServedModel,
  to: number,
): Promise<Signal | null> {
  const training = model.trained === null ? null : rankedScores(model.trained.scores);
  if (training === null) return null;
  const totals = errorTotals(targetOf(project));
  let read = 0;
  for await (const page of joinedPredictions(
    stores,
    { deploymentId: id, modelId: model.id },
    { from: to - OUTCOMES_MS, to },
  )) {
    totals.add(page);
    read += page.length;
    if (read >= OUTCOMES_MAX) break;
  }
  return totals.signal(training.metrics);
}
