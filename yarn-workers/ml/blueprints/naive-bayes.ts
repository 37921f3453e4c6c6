import type { CatalogueEntry } from './catalogue.ts';
import { TEXT_STEP } from './feature-steps.ts';
import type { LinearSettings } from './linear-settings.ts';

/** A path of smoothings, from one count a term to a ten-thousandth. */
const SETTINGS: LinearSettings = {
  naiveBayes: 'multinomial',
  smoothing: 1,
  l1Ratio: 0,
  penalties: 9,
  penaltyRatio: 1e-4,
  earlyStoppingRounds: 3,
  pieces: 1,
  words: 2,
  characters: 0,
};

/** The quickest model of texts; only where it is named (ADR 48). */
export const NAIVE_BAYES_ENTRY: CatalogueEntry = {
  blueprint: {
    id: 'naive-bayes-text',
    name: 'Text n-grams with naive Bayes',
    family: 'linear',
    description:
      'Each term counts for a class as much as its share in the texts of that class is larger than in others: no fit is quicker. Reads texts alone, predicts classes only.',
    parameters: { ...SETTINGS },
    steps: [
      TEXT_STEP,
      {
        id: 'naive-bayes',
        kind: 'naive-bayes',
        inputs: [TEXT_STEP.id],
        description:
          'Logarithms of the terms’ shares in the texts of each class, smoothed; of a path of smoothings the one is kept at which the validation loss is least.',
      },
    ],
  },
  settings: SETTINGS,
  relativeCost: 2,
  reads: 'texts too',
  isSearched: false,
};
