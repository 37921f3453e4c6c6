import type { Transaction } from '../database.ts';
import { insertRows, type Queryable } from '../dialect.ts';
import { fromJson, rowOf, rowsOf, toJson } from '../records.ts';

/** Pairs that are kept of one challenger beside one model: the newest. */
export const PAIRS_MAX = 10_000;
/** Pairs above it before the oldest are removed. */
const PAIRS_SLACK = 1_000;

/** A challenger beside the model that a deployment served. */
export interface PairKey {
  readonly deploymentId: string;
  readonly championId: string;
  readonly challengerId: string;
}

/** What two models predicted for one row. `outcome` is the monitor's own, as JSON. */
export interface PredictionPair {
  readonly epoch: string;
  readonly number: number;
  readonly timeMs: number;
  readonly associationId: string | null;
  readonly champion: unknown;
  readonly challenger: unknown;
}

const whereOf = ({ deploymentId, championId, challengerId }: PairKey) => ({
  deployment_id: deploymentId,
  champion_id: championId,
  challenger_id: challengerId,
});

/** Keeps pairs that were not kept before, and the newest {@link PAIRS_MAX} of all. */
export async function addPairs(trx: Transaction, key: PairKey, pairs: readonly PredictionPair[]): Promise<void> {
  const where = whereOf(key);
  await insertRows(
    trx,
    'challenger_pair',
    pairs.slice(-PAIRS_MAX).map(({ epoch, number, timeMs, associationId, champion, challenger }) => ({
      ...where,
      ...{ epoch, number, time_ms: timeMs, association_id: associationId },
      ...{ champion: toJson(champion), challenger: toJson(challenger) },
    })),
  );
  const found = await rowOf<{ count: number | string }>(trx.knex('challenger_pair').where(where).count({ count: '*' }));
  if (Number(found?.count ?? 0) <= PAIRS_MAX + PAIRS_SLACK) return;
  const oldest = await rowOf<{ time_ms: number }>(
    trx
      .knex('challenger_pair')
      .where(where)
      .orderBy('time_ms', 'desc')
      .offset(PAIRS_MAX - 1)
      .limit(1)
      .select('time_ms'),
  );
  if (oldest !== undefined)
    await trx.knex('challenger_pair').where(where).where('time_ms', '<', oldest.time_ms).delete();
}

interface PairRow {
  readonly epoch: string;
  readonly number: number;
  readonly time_ms: number;
  readonly association_id: string | null;
  readonly champion: string;
  readonly challenger: string;
}

/** The newest {@link PAIRS_MAX} pairs, the newest first. */
export async function readPairs({ knex }: Queryable, key: PairKey): Promise<PredictionPair[]> {
  const rows = await rowsOf<PairRow>(
    knex('challenger_pair')
      .where(whereOf(key))
      .orderBy([{ column: 'time_ms', order: 'desc' }, { column: 'epoch' }, { column: 'number', order: 'desc' }])
      .limit(PAIRS_MAX)
      .select('epoch', 'number', 'time_ms', 'association_id', 'champion', 'challenger'),
  );
  return rows.map((row) => ({
    epoch: row.epoch,
    number: row.number,
    timeMs: row.time_ms,
    associationId: row.association_id,
    champion: fromJson(row.champion),
    challenger: fromJson(row.challenger),
  }));
}
