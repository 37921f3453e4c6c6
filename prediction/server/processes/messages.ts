import type { KeptAssignments } from '../feed/feed-store.ts';
import type { MetricFamily } from '../http/metrics/exposition.ts';

/**
 * What the keeper (which follows the feed and owns the disk) and the processes that answer requests tell each other. All of them are
 * this program, started by the keeper; messages of one channel keep their order.
 */

/** What is in force, whole: a process needs nothing of those before. */
export interface News {
  readonly kind: 'news';
  /** rises with each */
  readonly version: number;
  /** Null before the first feed. */
  readonly force: { readonly publicKey: string; readonly kept: KeptAssignments } | null;
}

export type KeeperMessage =
  | News
  /** News that were asked for are in force: those before this message. */
  | { readonly kind: 'refreshed'; readonly id: number }
  /** Asks for this process's metrics. */
  | { readonly kind: 'collect'; readonly id: number }
  /** Metrics of the others, as far as they answered. */
  | { readonly kind: 'metrics'; readonly id: number; readonly families: readonly (readonly MetricFamily[])[] }
  | { readonly kind: 'close' };

export type FrontMessage =
  /** News of this version are in force here. `failed`: why, by deployment, an artefact could not be read. */
  | { readonly kind: 'took'; readonly version: number; readonly failed: Readonly<Record<string, string>> }
  | { readonly kind: 'listening'; readonly url: string }
  | { readonly kind: 'refresh'; readonly id: number }
  | { readonly kind: 'askMetrics'; readonly id: number }
  | { readonly kind: 'collected'; readonly id: number; readonly families: readonly MetricFamily[] };
