import type { CatalogueEntry } from './catalogue.ts';
import { FEATURE_STEPS } from './feature-steps.ts';
import type { NetworkSettings } from './network-settings.ts';

export const NETWORK_ID = 'network';

const SETTINGS: NetworkSettings = {
  units: 128,
  copies: 2,
  epochs: 0,
  learningRate: 0.1,
  dropout: 0.1,
  weightDecay: 0.02,
  numberBins: 64,
  holidays: 'none',
};

const DESCRIPTIONS: Readonly<Record<string, string>> = {
  numeric:
    'Its value, drawn in beyond three times the range between its quartiles, and three fitted functions of it, all linear between up to 66 quantiles and constant beyond the training rows; a missing one counts as the median and has an input of its own.',
  'category-codes':
    'An input a level, missing among them; of more than nine levels eight fitted numbers each. Rare levels and levels beyond the limit are one together, which unseen ones are too.',
  'place-parts': 'Latitude, longitude, and how far the place lies to the north-east and to the north-west, as numbers.',
};

/** What a network does with features. */
export const NETWORK_STEPS: CatalogueEntry['blueprint']['steps'] = FEATURE_STEPS.filter(
  ({ kind }) => kind !== 'text-scores',
).map((step) => ({ ...step, description: DESCRIPTIONS[step.kind] ?? step.description }));

/** A network that is small enough to be explained exactly. */
export const NETWORK_ENTRY: CatalogueEntry = {
  blueprint: {
    id: NETWORK_ID,
    name: 'Network of cosines',
    family: 'neural-network',
    description:
      'Two networks of one layer of 128 cosines, averaged: smooth functions of all features together, which make other mistakes than trees. Texts are left out.',
    parameters: { ...SETTINGS },
    steps: [
      ...NETWORK_STEPS,
      {
        id: NETWORK_ID,
        kind: NETWORK_ID,
        inputs: NETWORK_STEPS.map(({ id }) => id),
        description:
          'Cosines of weighted sums of the inputs, and a weighted sum of these. Adam with decay and dropout, a rate that goes up and down four times; of all epochs the one is kept at which the validation loss is least.',
      },
    ],
  },
  settings: SETTINGS,
  relativeCost: 8,
  reads: 'no texts',
};
