import type { DeploymentRecord, ServiceCounters } from '#contracts';
import { PROGRAM_VERSION } from '#runtime';
import type { DeploymentState } from '../../deployments.ts';
import type { BodyBudget } from '../receive-body.ts';
import { labelText, sample, type MetricFamily } from './exposition.ts';
import { createHistogram, type LatencyHistogram } from './histogram.ts';
import { createRuleCounts } from './rule-counts.ts';

/** What one process of a prediction server counts, by deployment; '' is what belongs to none. */
export interface ServerMetrics {
  /** One finished request. @param seconds from its headers to its answer */
  readonly observe: (deploymentId: string, status: number, rowCount: number, seconds: number) => void;
  /** Rows of one request for which each humility rule of the deployment held, by rule. */
  readonly observeRules: (record: DeploymentRecord, heldCounts: readonly number[]) => void;
  /** Counts by deployment since the start. */
  readonly counters: () => ServiceCounters[];
  readonly families: (deployments: readonly DeploymentState[], budget: BodyBudget) => MetricFamily[];
}

interface Series {
  readonly requests: Map<number, number>;
  readonly latency: LatencyHistogram;
  rows: number;
}

const OK = 200;

export function createServerMetrics(): ServerMetrics {
  const startedSeconds = Date.now() / 1000 - process.uptime();
  const byDeployment = new Map<string, Series>();
  const rules = createRuleCounts();
  const seriesOf = (deploymentId: string): Series => {
    let series = byDeployment.get(deploymentId);
    if (series === undefined) {
      series = { requests: new Map(), latency: createHistogram(), rows: 0 };
      byDeployment.set(deploymentId, series);
    }
    return series;
  };
  return {
    observe: (deploymentId, status, rowCount, seconds) => {
      const series = seriesOf(deploymentId);
      series.requests.set(status, (series.requests.get(status) ?? 0) + 1);
      series.rows += rowCount;
      // What was refused was no prediction, and is much quicker.
      if (status === OK && deploymentId !== '') series.latency.observe(seconds);
    },
    observeRules: rules.observe,
    counters: () =>
      [...byDeployment]
        .filter(([deploymentId]) => deploymentId !== '')
        .map(([deploymentId, { requests, latency, rows }]) => ({
          ...{ deploymentId, statuses: Object.fromEntries(requests), rows },
          ...{ latencies: latency.counts(), latencySum: latency.sum() },
        })),
    families: (deployments, budget) => [
      ...requestFamilies(byDeployment),
      rules.family(),
      ...stateFamilies(deployments, budget),
      ...processFamilies(startedSeconds),
    ],
  };
}

function requestFamilies(byDeployment: ReadonlyMap<string, Series>): MetricFamily[] {
  const all = [...byDeployment].map(([deployment, series]) => ({ labels: { deployment }, ...series }));
  const ofDeployments = all.filter(({ labels }) => labels.deployment !== '');
  return [
    {
      name: 'trainyard_prediction_requests_total',
      kind: 'counter',
      help: 'Requests that were answered, by deployment and status.',
      together: 'sum',
      samples: all.flatMap(({ labels, requests }) =>
        [...requests].map(([status, count]) => sample(count, labelText({ ...labels, status }))),
      ),
    },
    {
      name: 'trainyard_predictions_total',
      kind: 'counter',
      help: 'Rows that were predicted.',
      together: 'sum',
      samples: ofDeployments.map(({ labels, rows }) => sample(rows, labelText(labels))),
    },
    {
      name: 'trainyard_prediction_seconds',
      kind: 'histogram',
      help: 'Time from the headers of a request to its predictions.',
      together: 'sum',
      samples: ofDeployments.flatMap(({ labels, latency }) => latency.samples(labels)),
    },
  ];
}

function stateFamilies(deployments: readonly DeploymentState[], budget: BodyBudget): MetricFamily[] {
  const gauge = (name: string, help: string, together: MetricFamily['together'], value: number): MetricFamily => ({
    name,
    kind: 'gauge',
    help,
    together,
    samples: [sample(value)],
  });
  const ready = deployments.filter((deployment) => deployment.ready).length;
  return [
    gauge('trainyard_deployments', 'Deployments that are assigned here.', 'largest', deployments.length),
    gauge('trainyard_deployments_ready', 'Deployments that answer with their assigned model.', 'smallest', ready),
    gauge('trainyard_requests_in_flight', 'Requests that are received or answered.', 'sum', budget.requestCount),
    gauge('trainyard_held_body_bytes', 'Bodies that are held in memory.', 'sum', budget.heldBytes),
    {
      name: 'trainyard_build_info',
      kind: 'gauge',
      help: 'Versions of the program and of Node.',
      together: 'largest',
      samples: [sample(1, labelText({ version: PROGRAM_VERSION, node: process.version }))],
    },
  ];
}

/** @see https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics */
function processFamilies(startedSeconds: number): MetricFamily[] {
  const { user, system } = process.cpuUsage();
  const labels = labelText({ pid: process.pid });
  const family = (name: string, kind: MetricFamily['kind'], help: string, value: number): MetricFamily => ({
    name,
    kind,
    help,
    together: 'largest',
    samples: [sample(value, labels)],
  });
  return [
    family('process_cpu_seconds_total', 'counter', 'Time on processors.', (user + system) / 1e6),
    family('process_resident_memory_bytes', 'gauge', 'Resident memory.', process.memoryUsage.rss()),
    family('process_start_time_seconds', 'gauge', 'Start of the process, seconds since 1970.', startedSeconds),
  ];
}
