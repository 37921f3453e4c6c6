import type { ServiceHealth } from '#contracts';
import { NO_SERVICE, addServiceCounters, type Service, type ServiceHour } from '#store';
import { bucketIndex, isoSpan, type Span, type TimeRange } from './time-range.ts';

type Counts = Omit<ServiceHealth['data'][number], 'from' | 'to'>;
type Latency = NonNullable<Counts['latencyMs']>;

const TOO_MANY = 429;

/** How a deployment was served, altogether and by bucket. @param nowMs a rate is of the time up to now */
export function serviceHealth(
  hours: readonly ServiceHour[],
  range: TimeRange,
  nowMs: number,
): Pick<ServiceHealth, 'data'> & Counts {
  const buckets = range.buckets.map(() => NO_SERVICE);
  let total = NO_SERVICE;
  for (const { hour, service } of hours) {
    const index = bucketIndex(range, hour);
    buckets[index] = addServiceCounters(buckets[index] ?? NO_SERVICE, service);
    total = addServiceCounters(total, service);
  }
  return {
    ...serviceCounts(total, range, nowMs),
    data: range.buckets.map((span, index) => ({
      ...isoSpan(span),
      ...serviceCounts(buckets[index] ?? NO_SERVICE, span, nowMs),
    })),
  };
}

function serviceCounts({ statuses, rows, latencies, latencySum }: Service, { from, to }: Span, nowMs: number): Counts {
  const where = (isWanted: (status: number) => boolean): number =>
    Object.entries(statuses).reduce((sum, [status, count]) => sum + (isWanted(Number(status)) ? count : 0), 0);
  const requests = where(() => true);
  const overloaded = where((status) => status === TOO_MANY);
  const serverErrors = where((status) => status >= 500);
  const seconds = Math.max(1, (Math.min(to, Math.max(nowMs, from)) - from) / 1_000);
  return {
    ...{ requests, overloaded, serverErrors, rows },
    succeeded: where((status) => status < 400),
    clientErrors: where((status) => status >= 400 && status < 500 && status !== TOO_MANY),
    requestsPerSecond: requests / seconds,
    errorRate: requests === 0 ? null : (serverErrors + overloaded) / requests,
    latencyMs: latencyOf(latencies, latencySum),
  };
}

function latencyOf(latencies: Service['latencies'], sumSeconds: number): Latency | null {
  const buckets = Object.entries(latencies)
    .map(([bound, count]) => ({ bound: Number(bound), count }))
    .sort((a, b) => a.bound - b.bound);
  const total = buckets.reduce((sum, { count }) => sum + count, 0);
  if (total === 0) return null;
  const at = (share: number): number => 1_000 * quantileOf(buckets, share * total);
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99), mean: (1_000 * sumSeconds) / total };
}

/**
 * As if latencies lay evenly between the bound before and that of their bucket; those beyond all bounds count as the last one.
 * @see https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile
 */
function quantileOf(buckets: readonly { readonly bound: number; readonly count: number }[], rank: number): number {
  let reached = 0;
  let lower = 0;
  for (const { bound, count } of buckets) {
    if (bound === Infinity) return lower;
    if (reached + count >= rank) return lower + ((bound - lower) * (rank - reached)) / count;
    reached += count;
    lower = bound;
  }
  return lower;
}
