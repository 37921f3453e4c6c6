import type { FeatureType, FeatureWarning, ValueCount } from '#contracts';
import {
  EXCESS_ZERO_SHARE,
  EXCESS_ZERO_VALUES_MIN,
  OUTLIER_SHARE_MAX,
  SENTINEL_REST_VALUES_MIN,
  SENTINEL_ROWS_MIN,
  SENTINELS_SHOWN_MAX,
} from './limits.ts';
import type { NumberSurvey } from './number-survey.ts';

/** Numbers that people write where there is none, before any look at the others: nines, eights, -1 and -9. */
const SENTINEL_NUMBER = /^-?(9{2,}(\.\d+)?|8{2,})$|^-[19]$/;

/** Texts that people write where there is none, in lower case, beyond those that count as missing anyhow. */
const SENTINEL_TEXTS: ReadonlySet<string> = new Set([
  '?',
  '??',
  '-',
  '--',
  '.',
  '*',
  'na',
  'n/a',
  'n.a.',
  'n.a',
  '<na>',
  '#n/a',
  'nan',
  'nil',
  'null',
  '(null)',
  'missing',
  'unknown',
  'undefined',
  'not available',
  'no data',
  'tbd',
]);

const remedyOf = (values: readonly string[]): string =>
  `name ${values.map((value) => JSON.stringify(value)).join(', ')} in nullMarkers, beside the usual ones, to have it read as missing when the dataset is added again.`;

/** What is known of a column of numbers. */
export interface NumberFacts {
  readonly type: FeatureType;
  readonly presentCount: number;
  readonly uniqueCount: number;
  readonly survey: NumberSurvey;
}

/** Warnings about single values of a feature that is a number: disguised missing ones, excess zeros, outliers. */
export function numberWarnings(facts: NumberFacts): FeatureWarning[] {
  if (facts.type === 'id' || facts.type === 'constant') return [];
  const sentinels = sentinelsOf(facts);
  return [
    ...sentinels.map((value) => sentinelWarning(value, facts)),
    ...zeroWarning(facts),
    ...outlierWarning(facts, sentinels),
  ];
}

/**
 * The least and the greatest value, where they look like marks for a missing one: written as such marks are, repeated, and at least as far
 * from all other values as these are spread.
 */
function sentinelsOf({ uniqueCount, survey: { low, high } }: NumberFacts): number[] {
  if (low.next === null || high.next === null || uniqueCount <= SENTINEL_REST_VALUES_MIN) return [];
  const isMark = ({ value, count }: NumberSurvey['low']): boolean =>
    count >= SENTINEL_ROWS_MIN && SENTINEL_NUMBER.test(String(value));
  const restMin = isMark(low) ? low.next : low.value;
  const restMax = isMark(high) ? high.next : high.value;
  const spread = restMax - restMin;
  return [
    ...(isMark(low) && restMin - low.value >= spread ? [low.value] : []),
    ...(isMark(high) && high.value - restMax >= spread ? [high.value] : []),
  ];
}

function sentinelWarning(value: number, { survey: { low, high } }: NumberFacts): FeatureWarning {
  const { count, next } = value === low.value ? low : high;
  return {
    code: 'DISGUISED_MISSING',
    message: `${value} is in ${count} rows and far from all other values, of which the next is ${next ?? value}: it looks like a missing value.`,
    handling: `It is read as a number; ${remedyOf([String(value)])}`,
  };
}

function zeroWarning({ presentCount, uniqueCount, survey: { zeroCount } }: NumberFacts): FeatureWarning[] {
  if (uniqueCount < EXCESS_ZERO_VALUES_MIN || zeroCount < EXCESS_ZERO_SHARE * presentCount) return [];
  return [
    {
      code: 'EXCESS_ZEROS',
      message: `${zeroCount} of ${presentCount} values are 0, beside ${uniqueCount - 1} different other ones.`,
      handling: 'Nothing is changed: trees part 0 from the rest where that helps, linear models see a number.',
    },
  ];
}

function outlierWarning(
  { presentCount, survey: { low, high, outliers } }: NumberFacts,
  sentinels: readonly number[],
): FeatureWarning[] {
  if (outliers === null) return [];
  const marks = (end: NumberSurvey['low']): number => (sentinels.includes(end.value) ? end.count : 0);
  const below = Math.max(0, outliers.below - marks(low));
  const above = Math.max(0, outliers.above - marks(high));
  if (below + above === 0 || below + above > OUTLIER_SHARE_MAX * presentCount) return [];
  const [from, to] = outliers.fences;
  const sides = [
    ...(below === 0 ? [] : [`${below} below ${rounded(from)}`]),
    ...(above === 0 ? [] : [`${above} above ${rounded(to)}`]),
  ];
  return [
    {
      code: 'OUTLIERS',
      message: `More than three interquartile ranges beyond the quartiles: ${sides.join(', ')}.`,
      handling: 'Nothing is changed: trees see the order of values only, linear models can be pulled by them.',
    },
  ];
}

const rounded = (value: number): string => String(Number(value.toPrecision(4)));

/** A warning about texts that look like missing values; none where there are none. */
export function textWarnings(type: FeatureType, values: readonly ValueCount[]): FeatureWarning[] {
  if (type === 'constant' || type === 'boolean') return [];
  const found = values.filter(({ value }) => SENTINEL_TEXTS.has(value.trim().toLowerCase()));
  if (found.length === 0) return [];
  const rowCount = found.reduce((sum, { count }) => sum + count, 0);
  const shown = found.slice(0, SENTINELS_SHOWN_MAX).map(({ value }) => value);
  const others = values.filter((one) => !found.includes(one));
  const standsAmongNumbers =
    others.length > 0 && others.every(({ value }) => value.trim() !== '' && !Number.isNaN(Number(value)));
  const names = shown.map((value) => JSON.stringify(value)).join(', ');
  return [
    {
      code: 'DISGUISED_MISSING',
      message: `${names} in ${rowCount} rows looks like a missing value${standsAmongNumbers ? '; it stands among numbers' : ''}.`,
      handling: `It counts as a value of its own; ${remedyOf(shown)}`,
    },
  ];
}
