import type { ServiceCounters } from '#contracts';
import type { Transaction } from '../database.ts';
import { insertOrIgnore, type Queryable } from '../dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from '../records.ts';
import type { HourRange } from './hours.ts';

/** How a deployment was served: counts that add up. */
export type Service = Omit<ServiceCounters, 'deploymentId'>;

export const NO_SERVICE: Service = { statuses: {}, rows: 0, latencies: {}, latencySum: 0 };

/** Adds counts, or takes them away with `sign` -1. */
export function addServiceCounters(known: Service, added: Service, sign: 1 | -1 = 1): Service {
  return {
    statuses: addCounts(known.statuses, added.statuses, sign),
    rows: known.rows + sign * added.rows,
    latencies: addCounts(known.latencies, added.latencies, sign),
    latencySum: known.latencySum + sign * added.latencySum,
  };
}

function addCounts(
  known: Readonly<Record<string, number>>,
  added: Readonly<Record<string, number>>,
  sign: 1 | -1,
): Record<string, number> {
  const sums = new Map(Object.entries(known));
  for (const [name, count] of Object.entries(added)) sums.set(name, (sums.get(name) ?? 0) + sign * count);
  return Object.fromEntries(sums);
}

/**
 * Takes what an epoch says of a deployment. The epoch is locked.
 *
 * @returns what its counters have grown by since the last statement that was taken; null for that one again, or an earlier one
 */
export async function takeStatement(
  trx: Transaction,
  epoch: string,
  statement: number,
  { deploymentId, ...counters }: ServiceCounters,
): Promise<Service | null> {
  const where = { epoch, deployment_id: deploymentId };
  const query = trx.knex('service_epoch').where(where).select('statement', 'counters');
  const known = await rowOf<{ statement: number; counters: string }>(query);
  if (known !== undefined && known.statement >= statement) return null;
  const row = { statement, counters: toJson(counters) };
  if (known === undefined) await trx.knex('service_epoch').insert({ ...where, ...row });
  else await trx.knex('service_epoch').where(where).update(row);
  return known === undefined ? counters : addServiceCounters(counters, fromJson<Service>(known.counters), -1);
}

/** Adds to an hour. Whoever adds to several in one transaction does so in the order of deployments and hours. */
export async function addToServiceHour(
  trx: Transaction,
  deploymentId: string,
  hour: number,
  added: Service,
): Promise<void> {
  const { knex, dialect } = trx;
  const where = { deployment_id: deploymentId, hour };
  await insertOrIgnore(trx, 'service_hour', { ...where, counters: toJson(NO_SERVICE) }, ['deployment_id', 'hour']);
  const query = knex('service_hour').where(where).select('counters');
  const known = await rowOf<{ counters: string }>(dialect.forUpdate === '' ? query : query.forUpdate());
  const sum = known === undefined ? added : addServiceCounters(fromJson<Service>(known.counters), added);
  await knex('service_hour')
    .where(where)
    .update({ counters: toJson(sum) });
}

export interface ServiceHour {
  readonly hour: number;
  readonly service: Service;
}

/** Whether requests of an hour from `from` on were counted, of whatever deployment. */
export async function anyServiceSince({ knex }: Queryable, from: number): Promise<boolean> {
  return (await rowOf(knex('service_hour').where('hour', '>=', from).select('hour'))) !== undefined;
}

/** Hours of a deployment in which it was served, in their order. */
export async function readServiceHours(
  { knex }: Queryable,
  deploymentId: string,
  { from, to }: HourRange,
): Promise<ServiceHour[]> {
  const rows = await rowsOf<{ hour: number; counters: string }>(
    knex('service_hour')
      .where({ deployment_id: deploymentId })
      .where('hour', '>=', from)
      .where('hour', '<', to)
      .orderBy('hour')
      .select('hour', 'counters'),
  );
  return rows.map(({ hour, counters }) => ({ hour, service: fromJson<Service>(counters) }));
}
