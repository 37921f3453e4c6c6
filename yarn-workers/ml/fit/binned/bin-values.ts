import { AppError } from '#contracts';
import { ZERO_THRESHOLD } from '#scoring';
import { binnerOf, type BinMapper, type NumberBins } from './bin-mapper.ts';

/**
 * A value of each bin: trees grown on the bins decide about it as about all values of its bin, as their thresholds are upper bounds of bins
 * and their sets are categories that have a bin of their own. NaN stands for missing values.
 *
 * @throws INTERNAL where a value is not of its bin
 */
export function binValues(mapper: BinMapper): Float64Array {
  const values =
    mapper.kind === 'number'
      ? numberValues(mapper)
      : Float64Array.from(mapper.categories, (category, bin) => (bin === 0 ? NaN : category));
  const found = new Uint16Array(values.length);
  binnerOf(mapper)(values, 0, 1, values.length, found, 0);
  // The largest value of a bin that is of an earlier one: no value comes here, as where a bound is infinite.
  const wrong = found.findIndex((bin, expected) => bin > expected);
  if (wrong >= 0)
    throw new AppError(
      'INTERNAL',
      `value ${values[wrong] ?? NaN} stands for bin ${wrong}, but is of ${found[wrong] ?? -1}`,
    );
  return values;
}

function numberValues({ binCount, upperBounds }: NumberBins): Float64Array {
  const last = upperBounds.length - 1;
  return Float64Array.from({ length: binCount }, (_, bin) => {
    if (bin > last) return NaN;
    if (bin === last) return Infinity;
    const bound = upperBounds[bin] ?? NaN;
    if (Math.abs(bound) > ZERO_THRESHOLD) return bound;
    if (bound > 0) return 0;
    // What ends at the largest negative number that does not count as zero: the bound itself does.
    const before = upperBounds[bin - 1] ?? 2 * bound - 1;
    return before + (bound - before) / 2;
  });
}
