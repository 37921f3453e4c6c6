import { AppError } from '#contracts';
import { hash32, indicesWhere, rowHash } from '#statistics';
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
  const wanted = indicesWhere(
    data.rows.length,
    (place) => (data.partitions[place] ?? -1) >= 0 && (data.weights?.[place] ?? 1) > 0,
  );
  if (wanted.length === 0)
    throw new AppError('TOO_FEW_ROWS', 'the model has no row of positive weight that it had not seen');
  const salted = hash32(seed, SAMPLE_SALT);
  const hashes = Uint32Array.from(wanted, (place) => rowHash(salted, data.rows[place] ?? 0));
  const last = wanted.length > most ? (hashes.toSorted()[most - 1] ?? 0) : Infinity;
  const chosen = wanted.filter((_, index) => (hashes[index] ?? 0) <= last);
  return rowsAt(data, byFold(data, chosen));
}

function byFold({ partitions, foldCount }: OutOfFold, places: Uint32Array): Uint32Array {
  const ordered = new Uint32Array(places.length);
  let next = 0;
  for (let fold = 0; fold < foldCount; fold += 1)
    for (const place of places) if (partitions[place] === fold) ordered[next++] = place;
  return ordered;
}
