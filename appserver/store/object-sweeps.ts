import type { Transaction } from './database.ts';
import { now, type Queryable } from './dialect.ts';
import { fromJson, fromJsonOrNull, rowOf, toJson } from './records.ts';

/** Objects and bytes of one kind. */
export interface ObjectCount {
  readonly objects: number;
  readonly bytes: number;
}

/** What a walk through the object store found: what is needed, and what waits until it may be deleted. */
export interface SweepRound {
  readonly referenced: ObjectCount;
  readonly waiting: ObjectCount;
}

/** Where the walk is and what it has found. */
export interface SweepState {
  /** The last object that was looked at; '' at the beginning of a round. */
  readonly position: string;
  /** Since the beginning of the round. */
  readonly round: SweepRound;
  /** Of the last whole round; null before the first. */
  readonly lastRound: SweepRound | null;
  /** Deleted since the installation began. */
  readonly removed: ObjectCount;
}

/** Nothing found. */
export const EMPTY_ROUND: SweepRound = { referenced: { objects: 0, bytes: 0 }, waiting: { objects: 0, bytes: 0 } };

/** The walk as it was left, by whichever app server. */
export async function readSweep(db: Queryable): Promise<SweepState> {
  const row = await rowOf<{
    position: string;
    round: string;
    last_round: string | null;
    removed_objects: number;
    removed_bytes: number;
  }>(db.knex('object_sweep').where({ id: 1 }));
  if (row === undefined) {
    return { position: '', round: EMPTY_ROUND, lastRound: null, removed: { objects: 0, bytes: 0 } };
  }
  return {
    position: row.position,
    round: fromJson<SweepRound>(row.round),
    lastRound: fromJsonOrNull<SweepRound>(row.last_round),
    removed: { objects: row.removed_objects, bytes: row.removed_bytes },
  };
}

/** Takes down how far the walk is; `round` becomes the last whole one when the walk is at its end. */
export async function saveSweep(
  trx: Transaction,
  walk: { readonly position: string; readonly round: SweepRound; readonly isWhole: boolean },
): Promise<void> {
  await makeRow(trx);
  const { position, round, isWhole } = walk;
  const columns = isWhole
    ? { position: '', round: toJson(EMPTY_ROUND), last_round: toJson(round), last_at: now(trx) }
    : { position, round: toJson(round) };
  await trx.knex('object_sweep').where({ id: 1 }).update(columns);
}

/** Counts what was deleted. */
export async function countRemoved(trx: Transaction, { objects, bytes }: ObjectCount): Promise<void> {
  await makeRow(trx);
  await trx.knex('object_sweep').where({ id: 1 }).increment({ removed_objects: objects, removed_bytes: bytes });
}

async function makeRow(trx: Transaction): Promise<void> {
  await trx
    .knex('object_sweep')
    .insert({ id: 1, position: '', round: toJson(EMPTY_ROUND) })
    .onConflict(['id'])
    .ignore();
}
