// How a deployment is served: requests, errors, latencies.

import { bucketName, nothingYet, overTime } from './buckets.js';
import { facts, make, number, percent, table } from './dom.js';

export const milliseconds = (value) => (value === null || value === undefined ? '–' : `${number(value, 3)} ms`);

/** @param health the answer of `service-health` */
export function serviceView(health) {
  const { requests, rows, errorRate, latencyMs, requestsPerSecond, clientErrors, overloaded, serverErrors } = health;
  const told = facts([
    ['Requests', number(requests)],
    ['Rows predicted', number(rows)],
    ['Requests a second', number(requestsPerSecond, 3)],
    ['Server errors and 429', percent(errorRate)],
    ['Refused as wrong (4xx)', number(clientErrors)],
    ['Told to wait (429)', number(overloaded)],
    ['Failed (5xx)', number(serverErrors)],
    ['Median', milliseconds(latencyMs?.p50)],
    ['95 %', milliseconds(latencyMs?.p95)],
    ['99 %', milliseconds(latencyMs?.p99)],
  ]);
  if (requests === 0) return [told, nothingYet('No request in this time, or none was told: see the telemetry above.')];
  const { data, bucket } = health;
  const numbers = table(
    data.filter((entry) => entry.requests > 0),
    [
      ['From', (entry) => bucketName(entry.from, bucket)],
      ['Requests', (entry) => number(entry.requests), 'number'],
      ['Rows', (entry) => number(entry.rows), 'number'],
      ['4xx', (entry) => number(entry.clientErrors), 'number'],
      ['429', (entry) => number(entry.overloaded), 'number'],
      ['5xx', (entry) => number(entry.serverErrors), 'number'],
      ['Median', (entry) => milliseconds(entry.latencyMs?.p50), 'number'],
      ['95 %', (entry) => milliseconds(entry.latencyMs?.p95), 'number'],
      ['99 %', (entry) => milliseconds(entry.latencyMs?.p99), 'number'],
    ],
    'No requests.',
  );
  const failed = (entry) => entry.serverErrors + entry.overloaded;
  return [
    told,
    overTime({
      ...{ title: 'Requests', description: 'Requests by time, and those that failed.', label: 'Requests' },
      ...{ data, bucket, numbers },
      series: [
        { kind: 'bars', name: 'requests', valueOf: (entry) => entry.requests },
        { kind: 'bars', name: 'errors and 429', className: 'second', valueOf: failed },
      ],
      caption:
        'A server that is killed has told of its requests up to the last moment; errors of the network in front of it are not seen here.',
    }),
    overTime({
      ...{ title: 'Latency', description: 'Quantiles of milliseconds by time.', label: 'Milliseconds' },
      ...{ data, bucket, numbers: make('p', { className: 'hint' }, 'In the table above.') },
      series: [
        { kind: 'line', name: 'median', valueOf: (entry) => entry.latencyMs?.p50 ?? null },
        { kind: 'line', name: '95 %', className: 'third', valueOf: (entry) => entry.latencyMs?.p95 ?? null },
        { kind: 'line', name: '99 %', className: 'second', valueOf: (entry) => entry.latencyMs?.p99 ?? null },
      ],
      caption:
        'From the headers of a request to its predictions, of requests that succeeded; within the buckets of a histogram.',
    }),
  ];
}
