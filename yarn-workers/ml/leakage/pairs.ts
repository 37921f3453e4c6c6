import type { LeakageFinding } from '#contracts';
import type { FeatureValues } from '#scoring';
import type { SampledFeature } from '../insights/features/read-features.ts';
import type { Foretell } from './foretell.ts';
import { partsOf, partsOfKeys, placeKeys, rangesOf, type Parts } from './parts.ts';

/** What two features say together, in one way. */
interface Together {
  readonly by: LeakageFinding['by'];
  readonly parts: Parts;
}

/** The way in which two features together foretell the target best. */
export function bestTogether(
  [a, b]: readonly [SampledFeature, SampledFeature],
  foretell: Foretell,
): { readonly by: LeakageFinding['by']; readonly score: number } {
  const ways = together(a.values, b.values).map(({ by, parts }) => ({ by, score: foretell(parts) }));
  return ways.reduce((best, way) => (way.score > best.score ? way : best), { by: 'value', score: 0 });
}

/** A number has ranges of its own within each category, as deep as its rows go: what a currency makes of an amount is another in each. */
function together(a: FeatureValues, b: FeatureValues): Together[] {
  if (a.kind === 'number' && b.kind === 'number') {
    return [
      { by: 'difference', parts: rangesOf(a.values.map((value, row) => value - (b.values[row] ?? NaN))) },
      { by: 'sum', parts: rangesOf(a.values.map((value, row) => value + (b.values[row] ?? NaN))) },
      {
        by: 'equality',
        parts: partsOfKeys(Array.from(a.values, (value, row) => equality(value, b.values[row] ?? NaN))),
      },
    ];
  }
  if (a.kind === 'number') return [{ by: 'concatenation', parts: rangesOf(a.values, partsOf(b)) }];
  if (b.kind === 'number') return [{ by: 'concatenation', parts: rangesOf(b.values, partsOf(a)) }];
  const keysOf = (values: Exclude<FeatureValues, { kind: 'number' }>): readonly (string | null)[] => {
    if (values.kind === 'place') return placeKeys(values);
    return values.kind === 'text' ? values.texts : Array.from(values.codes, (code) => values.keys[code] ?? null);
  };
  const keys = keysOf(b);
  const right = partsOf(b);
  return [
    {
      by: 'equality',
      parts: partsOfKeys(
        keysOf(a).map((key, row) => (key === null || keys[row] === null ? null : Number(key === keys[row]))),
      ),
    },
    {
      by: 'concatenation',
      parts: partsOfKeys(Array.from(partsOf(a).codes, (code, row) => code * right.count + (right.codes[row] ?? 0))),
    },
  ];
}

const equality = (a: number, b: number): number | null => (Number.isNaN(a) || Number.isNaN(b) ? null : Number(a === b));
