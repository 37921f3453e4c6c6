/** Upper bounds of the latency histogram, seconds. */
const BOUNDS = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1];

/** Counters of one server, in Prometheus text. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export interface ServerMetrics {
  /** One finished request. */
  readonly observe: (status: number, rowCount: number, seconds: number) => void;
  readonly text: (gauges: Readonly<Record<string, number>>) => string;
}

export function createServerMetrics(): ServerMetrics {
  const requests = new Map<number, number>();
  const buckets = new Array<number>(BOUNDS.length).fill(0);
  let rows = 0;
  let count = 0;
  let sum = 0;
  return {
    observe: (status, rowCount, seconds) => {
      requests.set(status, (requests.get(status) ?? 0) + 1);
      rows += rowCount;
      count += 1;
      sum += seconds;
      const bucket = BOUNDS.findIndex((bound) => seconds <= bound);
      if (bucket >= 0) buckets[bucket] = (buckets[bucket] ?? 0) + 1;
    },
    text: (gauges) => {
      let below = 0;
      const lines = [
        '# TYPE trainyard_prediction_requests_total counter',
        ...[...requests].map(([status, value]) => `trainyard_prediction_requests_total{status="${status}"} ${value}`),
        '# TYPE trainyard_predictions_total counter',
        `trainyard_predictions_total ${rows}`,
        '# TYPE trainyard_prediction_seconds histogram',
        ...BOUNDS.map((bound, index) => {
          below += buckets[index] ?? 0;
          return `trainyard_prediction_seconds_bucket{le="${bound}"} ${below}`;
        }),
        `trainyard_prediction_seconds_bucket{le="+Inf"} ${count}`,
        `trainyard_prediction_seconds_sum ${sum}`,
        `trainyard_prediction_seconds_count ${count}`,
        ...Object.entries(gauges).flatMap(([name, value]) => [`# TYPE ${name} gauge`, `${name} ${value}`]),
      ];
      return `${lines.join('\n')}\n`;
    },
  };
}
