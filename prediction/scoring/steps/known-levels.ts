import type { ManifestStep } from '#contracts';
import type { InputFeature } from './feature-values.ts';
import { stepInputs } from './steps.ts';

/** The keys that a step looks a feature's cells up among; none where it reads them otherwise. */
export function stepKeys(step: ManifestStep, feature: number): readonly string[] {
  switch (step.kind) {
    case 'category-codes':
    case 'category-numbers':
      return step.feature === feature ? step.keys : [];
    case 'category-cross':
      return [...(step.feature === feature ? step.keys : []), ...(step.other === feature ? step.otherKeys : [])];
    case 'series-history':
      return step.series === feature ? step.keys : [];
    case 'numeric':
    case 'date-parts':
    case 'date-difference':
    case 'holidays':
    case 'place-directions':
    case 'place-parts':
    case 'place-cells':
    case 'place-distance':
    case 'text-scores':
      return [];
  }
}

/**
 * The levels of each category that a model knows, by feature in their order: those that one of its steps has a key for. Training may
 * have had more: steps keep no rare levels, and only so many. A category of which no step knows a level is left out: whatever its
 * cells are, the model reads them as it did in training.
 *
 * @param steps those that members read
 * @returns of each category the keys of its first step first, which mostly has the most frequent ones first
 */
export function knownLevels(
  features: readonly InputFeature[],
  steps: readonly ManifestStep[],
): ReadonlyMap<number, ReadonlySet<string>> {
  const known = new Map<number, Set<string>>();
  for (const step of steps) {
    for (const index of stepInputs(step)) {
      const keys = stepKeys(step, index);
      if (keys.length === 0 || features[index]?.parse.kind !== 'category') continue;
      const levels = known.get(index) ?? new Set();
      for (const key of keys) levels.add(key);
      known.set(index, levels);
    }
  }
  return new Map([...known].sort(([a], [b]) => a - b));
}
