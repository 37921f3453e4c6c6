import type { JsonObject } from '#cli';

/** What happened, as `--report FILE` writes it. */
export interface DemoReport {
  readonly dataset: JsonObject;
  readonly project: JsonObject;
  /** Every row of the leaderboard, as the REST API gives it. */
  readonly leaderboard: readonly JsonObject[];
  /** The recommended model's row, with holdout scores and the reason. */
  readonly recommended: JsonObject;
  readonly deployment: JsonObject;
  readonly predictions: {
    /** Single-row HTTP requests sent one after another. */
    readonly count: number;
    readonly p50Micros: number;
    readonly p99Micros: number;
    /** Rows of the batch prediction and how many of them were compared, all equal, with the HTTP answers. */
    readonly batchRowCount: number;
    readonly comparedRowCount: number;
    /** On the test file, which Autopilot never saw. */
    readonly testAuc: number;
  };
  /** What has become of the events of those requests. */
  readonly telemetry: {
    readonly served: number;
    /** By the monitor. */
    readonly counted: number;
    readonly duplicate: number;
    readonly lost: number;
  };
  /** Seconds by phase, in order. */
  readonly phases: Readonly<Record<string, number>>;
}

/** Measures phases one after another and says each on standard error. */
export class Phases {
  readonly #seconds: Record<string, number> = {};

  async run<T>(name: string, what: string, work: () => Promise<T>): Promise<T> {
    process.stderr.write(`== ${what}\n`);
    const started = performance.now();
    const result = await work();
    this.#seconds[name] = Math.round(performance.now() - started) / 1000;
    return result;
  }

  seconds(): Readonly<Record<string, number>> {
    return { ...this.#seconds };
  }
}

/** Nearest-rank quantile of sorted values. */
export function quantile(sorted: readonly number[], p: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(p * sorted.length) - 1))] ?? NaN;
}
