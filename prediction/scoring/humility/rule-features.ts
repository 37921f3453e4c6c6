import type { HumilityCondition, Manifest, ManifestFeature } from '#contracts';
import { inputPlacesOf, usedStepsOf } from '../scorer/input-places.ts';
import { knownLevels } from '../steps/known-levels.ts';

/** Conditions that look at cells. */
export type CellCondition = Extract<HumilityCondition, { type: 'outsideRange' | 'unseenLevel' | 'missingValue' }>;

/** The least and the greatest training value, both inside; of dates seconds since 1970. */
export interface TrainingRange {
  readonly least: number;
  readonly most: number;
}

/** A feature that a model reads, as far as rules look at it. */
export interface RuleFeature {
  /** in the manifest */
  readonly index: number;
  readonly feature: ManifestFeature;
  /** Null where it is no number or date, or training has told no two values of it. */
  readonly range: TrainingRange | null;
  /** The model knows levels of it, so that others are unseen. */
  readonly hasLevels: boolean;
}

/** What a model reads, in the order of its manifest. Ranges are those of its training statistics: of very large tables of a part of the rows. */
export function ruleFeatures({ content, trainingStatistics }: Manifest): readonly RuleFeature[] {
  const { features, steps } = content;
  const used = usedStepsOf(content);
  const levels = knownLevels(
    features,
    steps.filter((_, index) => used.has(index)),
  );
  const edges = new Map(trainingStatistics.map((statistics) => [statistics.feature, statistics.edges]));
  return inputPlacesOf(content).flatMap((index) => {
    const feature = features[index];
    if (feature === undefined) return [];
    const isOrdered = feature.parse.kind === 'number' || feature.parse.kind === 'date';
    const range = isOrdered ? rangeOf(edges.get(index) ?? null) : null;
    return [{ index, feature, range, hasLevels: levels.has(index) }];
  });
}

function rangeOf(edges: readonly number[] | null): TrainingRange | null {
  const [least, most] = [edges?.at(0), edges?.at(-1)];
  return least === undefined || most === undefined ? null : { least, most };
}

/** Why a condition cannot look at a feature, as the end of a sentence that begins with its name; null where it can. */
export function unfitFor(condition: CellCondition, { feature, range, hasLevels }: RuleFeature): string | null {
  switch (condition.type) {
    case 'missingValue':
      return null;
    case 'unseenLevel':
      return hasLevels ? null : `is read as ${feature.parse.kind}, and the model knows no levels of it`;
    case 'outsideRange': {
      const { kind } = feature.parse;
      if (kind !== 'number' && kind !== 'date') return `is read as ${kind}; expected a number or a date`;
      const isGiven = condition.least !== undefined || condition.most !== undefined;
      if (isGiven) return kind === 'number' ? null : 'is a date; least and most are for numbers';
      return range === null ? 'has no known training range; give least and most' : null;
    }
  }
}
