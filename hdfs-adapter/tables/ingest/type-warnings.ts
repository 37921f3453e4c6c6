import type { FeatureWarning, ColumnWarning } from '#contracts';
import type { Decision, Mixed } from './decide.ts';
import type { Misfit } from './misfits.ts';

/** What a person should know of what was decided about a column. @param misfit the first cell of a mixed column that does not fit */
export function typeWarnings(
  name: string,
  position: number,
  decision: Decision,
  misfit: Misfit | null,
): ColumnWarning[] {
  const { isAmbiguousDate, mixed, infiniteCount } = decision;
  const warnings: FeatureWarning[] = [];
  if (isAmbiguousDate) warnings.push(ambiguousDates(name));
  if (mixed !== null && misfit !== null) warnings.push(mixedTypes(name, mixed, misfit));
  if (infiniteCount > 0) warnings.push(infiniteValues(name, infiniteCount));
  return warnings.map((warning) => ({ name, position, warning }));
}

function mixedTypes(name: string, { reading, count, presentCount }: Mixed, { row, shape }: Misfit): FeatureWarning {
  const wanted = reading === 'number' ? 'number' : 'date';
  return {
    code: 'MIXED_TYPES',
    message:
      `${count} of ${presentCount} values of ${JSON.stringify(name)} do not read as a ${wanted}; ` +
      `the first is in row ${row + 1}, of the form ${JSON.stringify(shape)}.`,
    handling: 'The column is kept as text. Mend the values, or add their texts to options.nullMarkers.',
  };
}

function ambiguousDates(name: string): FeatureWarning {
  return {
    code: 'AMBIGUOUS_DATES',
    message: `The dates of ${JSON.stringify(name)} fit month/day/year as well as day/month/year.`,
    handling: 'They are read as month/day/year. Write the year first if that is wrong.',
  };
}

export function infiniteValues(name: string, count: number): FeatureWarning {
  return {
    code: 'INFINITE_VALUES',
    message: `${count} values of ${JSON.stringify(name)} are infinite, or too large for a 64-bit floating-point number.`,
    handling: 'They are kept; models treat them as the largest or smallest value.',
  };
}
