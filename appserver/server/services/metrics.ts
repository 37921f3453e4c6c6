import {
  countInconsistencies,
  countLiveWorkers,
  countTasksByState,
  feedSequence,
  readSweep,
  type ObjectCount,
  type SweepState,
} from '#store';
import type { AppContext } from '../context.ts';
import { readServers } from './deployments.ts';

/** Requests of this process since its start, by method and status class. */
export class RequestMetrics {
  readonly #counts = new Map<string, number>();
  #seconds = 0;

  add(method: string, status: number, seconds: number): void {
    // Methods that have no route share one name: clients cannot grow the map.
    const known = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'].includes(method) ? method : 'other';
    const key = `method="${known}",status="${Math.floor(status / 100)}xx"`;
    this.#counts.set(key, (this.#counts.get(key) ?? 0) + 1);
    this.#seconds += seconds;
  }

  lines(): string[] {
    const counts = [...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1));
    return [
      '# HELP trainyard_http_requests_total Requests that were answered.',
      '# TYPE trainyard_http_requests_total counter',
      ...counts.map(([labels, count]) => `trainyard_http_requests_total{${labels}} ${count}`),
      '# HELP trainyard_http_request_seconds_total Time spent answering requests, held ones included.',
      '# TYPE trainyard_http_request_seconds_total counter',
      `trainyard_http_request_seconds_total ${this.#seconds}`,
    ];
  }
}

type Samples = readonly (readonly [labels: string, value: number])[];

const figure = (name: string, help: string, type: string, samples: Samples): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  ...samples.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`),
];
const gauge = (name: string, help: string, samples: Samples) => figure(name, help, 'gauge', samples);
const counter = (name: string, help: string, samples: Samples) => figure(name, help, 'counter', samples);

const labelsOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');

/** What the object store holds by the sweeper's last whole walk through it, and what it has deleted. */
function objectLines({ lastRound, removed }: SweepState): string[] {
  const kinds = lastRound === null ? [] : Object.entries<ObjectCount>({ ...lastRound });
  const samples = (of: keyof ObjectCount): Samples => kinds.map(([kind, count]) => [`kind="${kind}"`, count[of]]);
  return [
    ...gauge('trainyard_object_store_bytes', 'Bytes that are needed, and that wait for deletion.', samples('bytes')),
    ...gauge(
      'trainyard_object_store_objects',
      'Objects that are needed, and that wait for deletion.',
      samples('objects'),
    ),
    ...counter('trainyard_objects_deleted_total', 'Objects that the sweeper deleted.', [['', removed.objects]]),
    ...counter('trainyard_object_bytes_deleted_total', 'Bytes that the sweeper deleted.', [['', removed.bytes]]),
  ];
}

/** All figures. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export async function metricsText({ database, config, requests, queue }: AppContext, liveMs: number): Promise<string> {
  const tasks = await countTasksByState(database);
  const workers = await countLiveWorkers(database, liveMs);
  const servers = (await readServers(database, config)).filter((server) => server.live).length;
  const inconsistencies = await countInconsistencies(database);
  const lines = [
    ...requests.lines(),
    '# HELP trainyard_worker_refusals_total Statements of workers, and telemetry, that this app server refused.',
    '# TYPE trainyard_worker_refusals_total counter',
    ...queue.refusals
      .totals()
      .map(
        ({ statement, code, count }) => `trainyard_worker_refusals_total{${labelsOf({ statement, code })}} ${count}`,
      ),
    ...gauge(
      'trainyard_tasks',
      'Tasks that are not final, by state.',
      tasks.map(({ state, count }) => [`state="${state}"`, count] as const),
    ),
    ...gauge(
      'trainyard_inconsistencies',
      'States that cannot be and that the reconciler could not mend, by kind.',
      inconsistencies.map(({ kind, found }) => [`kind="${kind}"`, found] as const),
    ),
    ...counter(
      'trainyard_inconsistencies_repaired_total',
      'States that cannot be and that the reconciler mended, by kind.',
      inconsistencies.map(({ kind, repaired }) => [`kind="${kind}"`, repaired] as const),
    ),
    ...objectLines(await readSweep(database)),
    ...gauge('trainyard_workers_live', 'Workers that were seen lately.', [['', workers]]),
    ...gauge('trainyard_prediction_servers_live', 'Prediction servers that reported lately.', [['', servers]]),
    ...gauge('trainyard_assignment_feed_sequence', 'Last change of the assignment feed.', [
      ['', await feedSequence(database)],
    ]),
    ...gauge('process_resident_memory_bytes', 'Resident memory of this process.', [['', process.memoryUsage.rss()]]),
    ...gauge('process_uptime_seconds', 'Time since the start of this process.', [['', Math.round(process.uptime())]]),
  ];
  return `${lines.join('\n')}\n`;
}
