import { AppError } from '#contracts';
import type { RowPrediction } from '#scoring';
import { countAsked } from './asked.ts';

const PARAMETER = 'probabilities';
/** Classes that `?probabilities=N` may name. */
const NAMED_CLASSES_MAX = 1_000;
/** Probabilities of one answer: some 30 MB of JSON. */
const PROBABILITIES_MAX = 1_000_000;

/** How many classes each row's `probabilities` are to name, by `?probabilities=N`; 0: all of them. @throws see {@link countAsked} */
export const probabilitiesAsked = (query: string): number => countAsked(query, PARAMETER, NAMED_CLASSES_MAX);

/**
 * @param likely classes to be named, 0: all
 * @throws TOO_MANY_ROWS where the probabilities of all rows would be too large for one answer; VALIDATION_FAILED where a CSV, whose columns
 *   are the same in each row, shall name some
 */
export function checkProbabilities(classCount: number, rowCount: number, likely: number, format: 'json' | 'csv'): void {
  if (likely > 0 && format === 'csv') {
    const message = 'has a meaning for JSON answers only; leave it out, or accept application/json';
    throw new AppError('VALIDATION_FAILED', `query: ${PARAMETER} ${message}`, {
      errors: [{ path: `/${PARAMETER}`, message }],
    });
  }
  const each = likely === 0 ? classCount : Math.min(likely, classCount);
  if (rowCount * each <= PROBABILITIES_MAX) return;
  const remedy = format === 'json' ? `, or ask for fewer by ?${PARAMETER}=` : '';
  throw new AppError(
    'TOO_MANY_ROWS',
    `${rowCount} rows with ${each} probabilities have ${rowCount * each}, at most ${PROBABILITIES_MAX}; send at most ${Math.floor(PROBABILITIES_MAX / each)} rows in one request${remedy}`,
  );
}

/** The `count` most likely classes, most likely first, of equal ones the first in class order. */
export function mostLikely({ probabilities }: Pick<RowPrediction, 'probabilities'>, count: number): number[] {
  const best: number[] = [];
  const of = (index: number | undefined): number => (index === undefined ? -1 : (probabilities[index] ?? -1));
  for (let index = 0; index < probabilities.length; index += 1) {
    if (best.length === count && of(index) <= of(best[count - 1])) continue;
    let place = best.length;
    while (place > 0 && of(best[place - 1]) < of(index)) place -= 1;
    best.splice(place, 0, index);
    if (best.length > count) best.pop();
  }
  return best;
}
