import { rawRows, type Queryable } from './dialect.ts';

/** What waits for a pool's workers, and what they do. */
export interface PoolDemand {
  readonly pool: string;
  /** READY, and not put off by a back-off of more than `soonMs`. */
  readonly readyCount: number;
  readonly heldCount: number;
}

/** Demand by pool; pools without any are not in it. */
export async function demandByPool(db: Queryable, soonMs: number): Promise<Map<string, PoolDemand>> {
  const rows = await rawRows<{ pool: string; ready: number | string; held: number | string }>(
    db,
    `select pool, sum(ready) as ready, sum(held) as held from (
       select pool, count(*) as ready, 0 as held from task
       where state = 'READY' and not_before <= ${db.dialect.now} + ? group by pool
       union all
       select pool, 0 as ready, count(*) as held from task
       where state in ('LEASED', 'RUNNING', 'COMMITTING') group by pool) counts
     group by pool`,
    [soonMs],
  );
  return new Map(
    rows.map(({ pool, ready, held }) => [pool, { pool, readyCount: Number(ready), heldCount: Number(held) }]),
  );
}
