import type { ModellingFeature } from '#contracts';
import type { CatalogueEntry } from './catalogue.ts';
import type { FactorizationSettings } from './factorization-settings.ts';
import { DISTANCES_LINE_STEP, GEO_LINE_STEP, LINEAR_STEPS } from './feature-steps.ts';

export const FACTORIZATION_ID = 'factorization-machine';

/** Different levels of each of two categories from which on the blueprint is searched (ADR 51). */
export const WIDE_LEVELS_MIN = 50;

/** Whether two categories have so many levels that what their pairs say can be learnt by vectors alone. */
export const hasWidePair = (features: readonly ModellingFeature[]): boolean =>
  features.filter(({ type, uniqueCount }) => type === 'categorical' && uniqueCount >= WIDE_LEVELS_MIN).length >= 2;

const SETTINGS: FactorizationSettings = {
  rank: 4,
  coefficientPenalty: 1,
  penalties: 16,
  penaltyRatio: 1e-3,
  rounds: 3,
  earlyStoppingRounds: 6,
};

/** What a factorization machine does with features. */
export const FACTORIZATION_STEPS: CatalogueEntry['blueprint']['steps'] = [
  ...LINEAR_STEPS.map((step) =>
    step.kind === 'category-codes'
      ? {
          ...step,
          description:
            'A coefficient and a vector a level that two training rows have, missing among them; all others have one of each together, which unseen ones get too.',
        }
      : step,
  ),
  GEO_LINE_STEP,
  DISTANCES_LINE_STEP,
];

/** The model of what pairs of levels say that no row has shown together. */
export const FACTORIZATION_ENTRY: CatalogueEntry = {
  blueprint: {
    id: FACTORIZATION_ID,
    name: 'Factorization machine',
    family: 'factorization',
    description:
      'A linear model in which each level and number has a vector too, and each pair of features adds the product of theirs: learns what two categories of many levels say together, of pairs that no row has, too. Texts are left out.',
    parameters: { ...SETTINGS },
    steps: [
      ...FACTORIZATION_STEPS,
      {
        id: FACTORIZATION_ID,
        kind: FACTORIZATION_ID,
        inputs: FACTORIZATION_STEPS.map(({ id }) => id),
        description:
          'Coefficients and vectors of one level after the other by least squares, or Newton’s steps, held by squared penalties; of a path of penalties of the vectors the one is kept at which the validation loss is least.',
      },
    ],
  },
  settings: SETTINGS,
  relativeCost: 4,
  reads: 'two features',
  isSearchedFor: hasWidePair,
};
