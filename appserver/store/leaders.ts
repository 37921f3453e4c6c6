import { now, rawRows, type Queryable } from './dialect.ts';
import type { Transaction } from './database.ts';

/** A duty that this process holds until `leaseMs` after the last renewal. */
export interface Leadership {
  readonly duty: string;
  readonly holder: string;
  /** Rises with each change of holder. */
  readonly fence: number;
}

/** No leadership is meant to last longer: one that does was taken before the database's clock was set back. */
const LEASE_MS_MAX = 60_000;

/**
 * Takes a duty that nobody holds, or renews one's own; null when another process holds it. A lease that ends further in
 * the future than any is given counts as over.
 */
export async function lead(db: Queryable, duty: string, holder: string, leaseMs: number): Promise<Leadership | null> {
  const time = db.dialect.now;
  const rows = await rawRows(
    db,
    `insert into leader (duty, holder, fence, lease_until) values (?, ?, 1, ${time} + ?)
     on conflict (duty) do update set
       fence = case when leader.holder = excluded.holder then leader.fence else leader.fence + 1 end,
       holder = excluded.holder, lease_until = excluded.lease_until
     where leader.holder = excluded.holder or leader.lease_until < ${time} or leader.lease_until > ${time} + ?
     returning fence`,
    [duty, holder, leaseMs, Math.max(leaseMs, LEASE_MS_MAX)],
  );
  return rows[0] === undefined ? null : { duty, holder, fence: Number(rows[0]['fence']) };
}

/** Gives a duty up, so that another process need not wait for the lease's end. */
export async function abdicate(db: Queryable, { duty, holder, fence }: Leadership): Promise<void> {
  await db.knex('leader').where({ duty, holder, fence }).update({ lease_until: 0 });
}

/** True in a transaction when the duty is still held; keeps others from taking it until the transaction ends. */
export async function stillLeads(trx: Transaction, { duty, holder, fence }: Leadership): Promise<boolean> {
  return (await trx.knex('leader').where({ duty, holder, fence }).update({ holder })) === 1;
}

/** Takes down that a duty ran; returns how long ago it had run before, null for never. By the database's clock. */
export async function tickDuty(trx: Transaction, duty: string): Promise<number | null> {
  const rows = await rawRows(trx, `select ${trx.dialect.now} - ticked_at as age_ms from leader where duty = ?`, [duty]);
  await trx
    .knex('leader')
    .where({ duty })
    .update({ ticked_at: now(trx) });
  const age = rows[0]?.['age_ms'];
  return age === null || age === undefined ? null : Number(age);
}
