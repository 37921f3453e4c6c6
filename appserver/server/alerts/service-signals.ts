import { poissonAtLeast } from '#statistics';
import type { ServiceHour } from '#store';
import { serviceHealth } from '../monitoring/service-health.ts';
import { DAY_MS, HOUR_MS } from './settings.ts';
import type { Signal } from './signals.ts';

/** Share of failed requests from which on it matters. */
const ERROR_RATE_MIN = 0.01;
/** 99th percentile of the latency from which on it matters, milliseconds. */
const P99_MS_MIN = 50;
/** Requests without which a percentile says nothing. */
const REQUESTS_MIN = 100;
/** Where there are always so many requests in an hour, none at all matters. */
const USUAL_REQUESTS_MIN = 10;
/** Days before, of which the same hour is looked at. */
const USUAL_DAYS = 7;

/** Hours that are read to look at one: the days before it, too. */
export const serviceSpan = (hour: number): { readonly from: number; readonly to: number } => ({
  from: hour - USUAL_DAYS * DAY_MS,
  to: hour + HOUR_MS,
});

/** How an hour was served. @param hours of {@link serviceSpan} @param hour its begin, milliseconds since 1970 */
export function serviceSignals(hours: readonly ServiceHour[], hour: number): Signal[] {
  const span = { from: hour, to: hour + HOUR_MS };
  const ofHour = hours.filter((entry) => entry.hour === hour);
  const { requests, errorRate, latencyMs } = serviceHealth(
    ofHour,
    { ...span, bucket: 'hour', buckets: [span] },
    span.to,
  );
  const signals: Signal[] = [];
  if (errorRate !== null) {
    const pValue = poissonAtLeast(Math.round(errorRate * requests), ERROR_RATE_MIN * requests);
    const facts = { rate: errorRate };
    signals.push({ kind: 'errors', feature: null, excess: errorRate / ERROR_RATE_MIN, pValue, facts });
  }
  if (latencyMs !== null && requests >= REQUESTS_MIN) {
    const facts = { p99Ms: latencyMs.p99 };
    signals.push({ kind: 'latency', feature: null, excess: latencyMs.p99 / P99_MS_MIN, pValue: null, facts });
  }
  const usual = requests === 0 ? usualRequests(hours, hour) : 0;
  if (usual > 0) {
    const facts = { usualRequests: usual };
    signals.push({
      kind: 'silence',
      feature: null,
      excess: usual / USUAL_REQUESTS_MIN,
      pValue: Math.exp(-usual),
      facts,
    });
  }
  return signals;
}

/** Least requests of the same hour in the days before. */
function usualRequests(hours: readonly ServiceHour[], hour: number): number {
  const byHour = new Map(hours.map((entry) => [entry.hour, entry]));
  const counts = Array.from({ length: USUAL_DAYS }, (_, day) => {
    const { statuses = {} } = byHour.get(hour - (day + 1) * DAY_MS)?.service ?? {};
    return Object.values(statuses).reduce((sum, count) => sum + count, 0);
  });
  return Math.min(...counts);
}
