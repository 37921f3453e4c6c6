import { countLiveWorkers, countTasksByState, feedSequence } from '#store';
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

const gauge = (
  name: string,
  help: string,
  samples: readonly (readonly [labels: string, value: number])[],
): string[] => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} gauge`,
  ...samples.map(([labels, value]) => `${name}${labels === '' ? '' : `{${labels}}`} ${value}`),
];

/** All figures. @see https://prometheus.io/docs/instrumenting/exposition_formats/ */
export async function metricsText({ database, config, requests }: AppContext, liveMs: number): Promise<string> {
  const tasks = await countTasksByState(database);
  const workers = await countLiveWorkers(database, liveMs);
  const servers = (await readServers(database, config)).filter((server) => server.live).length;
  const lines = [
    ...requests.lines(),
    ...gauge(
      'trainyard_tasks',
      'Tasks that are not final, by state.',
      tasks.map(({ state, count }) => [`state="${state}"`, count] as const),
    ),
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
