import type { MetricFamily } from '../http/metrics/exposition.ts';
import type { KeeperMessage } from './messages.ts';

/** How long a process may take to tell its metrics; later ones are left out of the answer, milliseconds. */
const COLLECT_MS = 1_000;

interface Collection {
  readonly asker: number;
  /** The asker's own number of its question. */
  readonly question: number;
  readonly open: Set<number>;
  readonly families: (readonly MetricFamily[])[];
  readonly timer: NodeJS.Timeout;
}

/** Gathers the metrics of the other processes for the one that was asked for them. */
export interface MetricCollection {
  ask(asker: number, question: number, others: readonly number[]): void;
  collected(process: number, id: number, families: readonly MetricFamily[]): void;
  /** A process has ended: nobody waits for it. */
  gone(process: number): void;
}

/** @param send to a process, by its number */
export function collectMetrics(send: (process: number, message: KeeperMessage) => void): MetricCollection {
  const collections = new Map<number, Collection>();
  let last = 0;
  const finish = (id: number): void => {
    const collection = collections.get(id);
    if (collection === undefined) return;
    collections.delete(id);
    clearTimeout(collection.timer);
    send(collection.asker, { kind: 'metrics', id: collection.question, families: collection.families });
  };
  return {
    ask: (asker, question, others) => {
      last += 1;
      const id = last;
      const timer = setTimeout(() => finish(id), COLLECT_MS);
      collections.set(id, { asker, question, open: new Set(others), families: [], timer });
      for (const process of others) send(process, { kind: 'collect', id });
      if (others.length === 0) finish(id);
    },
    collected: (process, id, families) => {
      const collection = collections.get(id);
      if (collection?.open.delete(process) !== true) return;
      collection.families.push(families);
      if (collection.open.size === 0) finish(id);
    },
    gone: (process) => {
      for (const [id, { open }] of collections) if (open.delete(process) && open.size === 0) finish(id);
    },
  };
}
