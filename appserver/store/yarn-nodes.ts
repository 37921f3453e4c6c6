import type { NodeNews } from '#contracts';
import type { Transaction } from './database.ts';
import { now, rawRows, type Queryable } from './dialect.ts';

/** When a node is left alone, and for how long. */
export interface ExclusionPolicy {
  /** Failures of containers within `windowMs` after which a node is excluded. */
  readonly failuresMax: number;
  readonly windowMs: number;
  readonly exclusionMs: number;
}

/** Takes down what a master or the ResourceManager said of nodes. */
export async function noteNodes(trx: Transaction, nodes: readonly NodeNews[]): Promise<void> {
  for (const { node, state } of nodes) {
    const row = { node, state, seen_at: now(trx) };
    await trx
      .knex('yarn_node')
      .insert(row)
      .onConflict('node')
      .merge({ state, seen_at: now(trx) });
  }
}

/**
 * A container failed by its node's fault, as it seems. A node that fails too often within the window, or is to be left
 * alone `atOnce`, is excluded for a while; failures on an excluded node do not prolong that.
 *
 * @see org.apache.spark.deploy.yarn.YarnAllocatorNodeHealthTracker, the same rule
 */
export async function blameNode(
  trx: Transaction,
  node: string,
  { failuresMax, windowMs, exclusionMs }: ExclusionPolicy,
  atOnce = false,
): Promise<void> {
  const time = trx.dialect.now;
  await noteNodes(trx, [{ node, state: 'RUNNING' }]);
  await rawRows(
    trx,
    `update yarn_node set failed_at = ${time},
       failures = case when failed_at > ${time} - ? then failures + 1 else 1 end
     where node = ? and (excluded_until is null or excluded_until <= ${time}) returning node`,
    [windowMs, node],
  );
  await rawRows(
    trx,
    `update yarn_node set excluded_until = ${time} + ?, failures = 0
     where node = ? and failures >= ? and (excluded_until is null or excluded_until <= ${time}) returning node`,
    [exclusionMs, node, atOnce ? 1 : failuresMax],
  );
}

/** Nodes are forgotten that nobody spoke of for so long. */
const SEEN_MS = 3_600_000;

/**
 * Nodes on which no container is to be started, those excluded last first; never more than half of the nodes that are
 * known: rather a bad node than none.
 */
export async function excludedNodes(db: Queryable): Promise<string[]> {
  const time = db.dialect.now;
  const rows = await rawRows<{ node: string }>(
    db,
    `select node from yarn_node where excluded_until > ${time} order by excluded_until desc, node
     limit (select count(*) / 2 from yarn_node where seen_at > ${time} - ?)`,
    [SEEN_MS],
  );
  return rows.map(({ node }) => node);
}

/** Nodes that are about to leave the cluster. */
export async function leavingNodes(db: Queryable): Promise<string[]> {
  const rows = await rawRows<{ node: string }>(db, `select node from yarn_node where state = 'DECOMMISSIONING'`);
  return rows.map(({ node }) => node);
}
