import type { Blueprint } from '#contracts';

export const ENSEMBLE_BLUEPRINT_ID = 'ensemble';

/** What an ensemble is. Autopilot makes it of its models: it is no candidate of a search, and is not fitted by hand. */
export const ENSEMBLE_BLUEPRINT: Blueprint = {
  id: ENSEMBLE_BLUEPRINT_ID,
  name: 'Ensemble',
  family: 'ensemble',
  description:
    'Models of the run, blended with weights that do best on the rows that each of them had not seen: different models make different mistakes.',
  parameters: {},
  steps: [
    {
      id: 'blend',
      kind: 'weighted-mean',
      inputs: ['models of the run'],
      description:
        'The weighted mean of the models’ raw scores (log odds, log of the value): weights by greedy selection with replacement on their out-of-fold predictions (Caruana et al. 2004), many of them 0; where it is better beyond noise, those of a stacked layer that begins with them and shifts each output.',
    },
  ],
};
