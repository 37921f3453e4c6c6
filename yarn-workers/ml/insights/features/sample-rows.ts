import { AppError } from '#contracts';
import { hash32, indicesWhere, rowHash } from '#statistics';
import { takeRows, type OutOfFoldSource } from '../../fit/out-of-fold-source.ts';
import { rowsAt, type OutOfFold } from '../../fit/out-of-fold.ts';

/** Salt of hashes that must not agree with the partitions' hash. */
const SAMPLE_SALT = 0x5a17_0021;

/**
 * The rows that rank models, never those of the holdout, of weight above 0; of more than `most` those of the least
 * hash(seed, row), so that more rows hold the fewer. In order of fold, then of row.
 *
 * @throws TOO_FEW_ROWS where there is none
 */
export function sampleRows(data: OutOfFold, seed: number, most: number): OutOfFold {
  const wanted = rankingPlaces(data);
  if (wanted.length === 0) throw noRow();
  const salted = hash32(seed, SAMPLE_SALT);
  const hashes = Uint32Array.from(wanted, (place) => rowHash(salted, data.rows[place] ?? 0));
  const last = wanted.length > most ? (hashes.toSorted()[most - 1] ?? 0) : Infinity;
  const chosen = wanted.filter((_, index) => (hashes[index] ?? 0) <= last);
  return rowsAt(data, byFold(data, chosen));
}

/** Places of the rows that rank models, of weight above 0. */
const rankingPlaces = ({ rows, partitions, weights }: OutOfFold): Uint32Array =>
  indicesWhere(rows.length, (place) => (partitions[place] ?? -1) >= 0 && (weights?.[place] ?? 1) > 0);

const noRow = (): AppError =>
  new AppError('TOO_FEW_ROWS', 'the model has no row of positive weight that it had not seen');

/** Hashes are counted by so many of their first bits. */
const COUNTED_BITS = 16;

/**
 * The same rows of predictions that are read in blocks: once to find the hash that parts them, once to take those below it, which alone are
 * held.
 *
 * @throws TOO_FEW_ROWS where there is none; what reading throws
 */
export async function readSampleRows(source: OutOfFoldSource, seed: number, most: number): Promise<OutOfFold> {
  const salted = hash32(seed, SAMPLE_SALT);
  const startOf = (row: number): number => rowHash(salted, row) >>> (32 - COUNTED_BITS);
  const counts = new Float64Array(2 ** COUNTED_BITS);
  for await (const block of source.blocks())
    for (const place of rankingPlaces(block)) {
      const start = startOf(block.rows[place] ?? 0);
      counts[start] = (counts[start] ?? 0) + 1;
    }
  let last = 0;
  for (let taken = counts[0] ?? 0; taken < most && last < counts.length - 1; taken += counts[last] ?? 0) last += 1;
  const taken = await takeRows(source, (block) =>
    rankingPlaces(block).filter((place) => startOf(block.rows[place] ?? 0) <= last),
  );
  return sampleRows(taken, seed, most);
}

/** How many rows rank a model. @throws TOO_FEW_ROWS where there is none; what reading throws */
export async function countRankingRows(source: OutOfFoldSource): Promise<number> {
  let count = 0;
  for await (const block of source.blocks()) count += rankingPlaces(block).length;
  if (count === 0) throw noRow();
  return count;
}

function byFold({ partitions, foldCount }: OutOfFold, places: Uint32Array): Uint32Array {
  const ordered = new Uint32Array(places.length);
  let next = 0;
  for (let fold = 0; fold < foldCount; fold += 1)
    for (const place of places) if (partitions[place] === fold) ordered[next++] = place;
  return ordered;
}
