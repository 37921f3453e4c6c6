import { labelText, sample, type MetricSample } from './exposition.ts';

/** Upper bounds of latencies, seconds: from a row of a small model to a request that everybody has given up. */
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/** Counts of latencies; a bound is within its bucket. */
export interface LatencyHistogram {
  observe(seconds: number): void;
  samples(labels: Readonly<Record<string, string>>): MetricSample[];
  /** Counts by upper bound, `Infinity` the last. */
  counts(): Record<string, number>;
  /** Seconds. */
  sum(): number;
}

export function createHistogram(): LatencyHistogram {
  const counts = new Float64Array(BOUNDS.length + 1);
  let sum = 0;
  return {
    observe: (seconds) => {
      let bucket = 0;
      while (bucket < BOUNDS.length && seconds > (BOUNDS[bucket] ?? 0)) bucket += 1;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
      sum += seconds;
    },
    counts: () => Object.fromEntries([...counts].map((count, bucket) => [BOUNDS[bucket] ?? Infinity, count])),
    sum: () => sum,
    samples: (labels) => {
      let count = 0;
      const buckets = Array.from(counts, (own, bucket) => {
        count += own;
        return sample(count, labelText({ ...labels, le: BOUNDS[bucket] ?? '+Inf' }), '_bucket');
      });
      return [...buckets, sample(sum, labelText(labels), '_sum'), sample(count, labelText(labels), '_count')];
    },
  };
}
