import { rawRows, type Queryable } from './dialect.ts';

/** What waits for a pool's workers, and what they do. */
export interface PoolDemand {
  readonly pool: string;
  /** READY, and not put off by a back-off of more than `soonMs`. */
  readonly readyCount: number;
  readonly heldCount: number;
  /** The least that one of the READY tasks is predicted to need of its worker, and the most; 0: nothing is predicted. */
  readonly leastBytes: number;
  readonly mostBytes: number;
}

/** Demand by pool; pools without any are not in it. */
export async function demandByPool(db: Queryable, soonMs: number): Promise<Map<string, PoolDemand>> {
  const rows = await rawRows<{
    pool: string;
    ready: number | string;
    held: number | string;
    least: number | null;
    most: number | null;
  }>(
    db,
    `select pool, sum(ready) as ready, sum(held) as held, max(least) as least, max(most) as most from (
       select pool, count(*) as ready, 0 as held, min(coalesce(memory_bytes, 0)) as least, max(memory_bytes) as most from task
       where state = 'READY' and not_before <= ${db.dialect.now} + ? group by pool
       union all
       select pool, 0 as ready, count(*) as held, null as least, null as most from task
       where state in ('LEASED', 'RUNNING', 'COMMITTING') group by pool) counts
     group by pool`,
    [soonMs],
  );
  return new Map(
    rows.map(({ pool, ready, held, least, most }) => [
      pool,
      { pool, readyCount: Number(ready), heldCount: Number(held), leastBytes: least ?? 0, mostBytes: most ?? 0 },
    ]),
  );
}
