import type { Blueprint } from '#contracts';

/** Directions of places; trees and broken lines read them. */
export const PLACES_STEP: Blueprint['steps'][number] = {
  id: 'places',
  kind: 'place-directions',
  inputs: ['pairs of latitude and longitude'],
  description:
    'How far a place lies to the north-east and to the north-west, of the first four pairs of numbers that are places by their names and ranges.',
};

/** Features that are places, as trees and broken lines read them. */
export const GEO_STEP: Blueprint['steps'][number] = {
  id: 'geo',
  kind: 'place-parts',
  inputs: ['geo features'],
  description:
    'Latitude, longitude, and how far the place lies to the north-east and to the north-west; a missing one stays missing.',
};

/** Features that are places, as straight lines read them. */
export const GEO_LINE_STEP: Blueprint['steps'][number] = {
  ...GEO_STEP,
  description: 'Latitude and longitude, as numbers; a missing place counts as their means and has an indicator.',
};

/** Cells of places; linear models read them. */
export const CELLS_STEP: Blueprint['steps'][number] = {
  id: 'cells',
  kind: 'place-cells',
  inputs: ['pairs of latitude and longitude', 'geo features'],
  description:
    'The places of the training rows are cut in two along the side on which they lie farther apart, and each half again, up to eight times, as long as twenty rows are left. A coefficient a cell of three sizes.',
};

/** Distances between places; boosted trees and broken lines read them, forests where they are told to. */
export const DISTANCES_STEP: Blueprint['steps'][number] = {
  id: 'distances',
  kind: 'place-distance',
  inputs: ['pairs of latitude and longitude', 'geo features'],
  description:
    'Kilometres along a great circle from one place of a row to another, of each pair of the first four places: 6 at most. Missing where one of them is missing or out of range.',
};

/** Distances between places, as straight lines read them. */
export const DISTANCES_LINE_STEP: Blueprint['steps'][number] = {
  ...DISTANCES_STEP,
  description:
    'Kilometres along a great circle from one place of a row to another, and the logarithm of one more than these, as numbers, of each pair of the first four places: 6 at most. Where a place is missing or out of range both count as their means and have an indicator.',
};

/** Holidays; trees read how far away they are. */
export const HOLIDAYS_STEP: Blueprint['steps'][number] = {
  id: 'holidays',
  kind: 'holidays',
  inputs: ['date features'],
  description:
    'Where `holidays` names a country. Days to the next of its public holidays and since the last one, 0 on one, at most 8, from 1970 to 2069. The model keeps the days.',
};

/** Holidays, as linear models read them. */
export const HOLIDAY_NAMES_STEP: Blueprint['steps'][number] = {
  ...HOLIDAYS_STEP,
  description:
    'Where `holidays` names a country. A coefficient for each of its public holidays, from 1970 to 2069; a day on which it is kept instead counts as it. The model keeps the days.',
};

/** Crosses of features; linear models read them. */
export const CROSSES_STEP: Blueprint['steps'][number] = {
  id: 'crosses',
  kind: 'category-cross',
  inputs: ['categorical features', 'boolean features', 'numbers of few values'],
  description:
    'Where `crosses` is above 0. Pairs of features that say more of the target together than the sum of all does, by halves of the training rows that foretell each other, by three standard errors; of levels and pairs with twenty rows. A coefficient a pair of levels; all other pairs have one together.',
};

/** What trees do with features. */
export const FEATURE_STEPS: Blueprint['steps'] = [
  {
    id: 'numbers',
    kind: 'numeric',
    inputs: ['numeric features'],
    description: 'The number itself; a missing one stays missing and the trees learn where it goes.',
  },
  {
    id: 'categories',
    kind: 'category-codes',
    inputs: ['categorical features', 'boolean features'],
    description:
      'Levels of the training rows by frequency, rare ones and levels beyond the limit read as unseen; missing is a level of its own. Splits are by sets of levels.',
  },
  {
    id: 'dates',
    kind: 'date-parts',
    inputs: ['date features'],
    description: 'Days since 1970 with their fraction, year, month, day, weekday, hour and day of the year.',
  },
  {
    id: 'date-differences',
    kind: 'date-difference',
    inputs: ['date features'],
    description: 'Days from one date to another, of each pair of the first six.',
  },
  PLACES_STEP,
  GEO_STEP,
  DISTANCES_STEP,
  {
    id: 'texts',
    kind: 'text-scores',
    inputs: ['text features'],
    description:
      'What a linear model makes of a text: tf-idf of its words and pairs of words, a number an output. Rows that it was fitted on have the number of a model that had not seen them. With `textComponents` beside it, as many columns of how far a text goes in the directions in which texts differ most (truncated SVD of the 2,000 terms in most texts).',
  },
];

/** What trees of a forest do with categories; all else as boosted trees, but for distances. */
export const FOREST_STEPS: Blueprint['steps'] = FEATURE_STEPS.filter((step) => step !== DISTANCES_STEP).map((step) =>
  step.kind === 'category-codes'
    ? {
        ...step,
        description:
          'Levels of the training rows in the order of their mean target, drawn towards that of all rows; rare ones and levels beyond the limit read as unseen, which stand in the middle. Missing is a level of its own.',
      }
    : step,
);

/** What more they do with categories of many levels where a blueprint encodes these. */
export const ENCODED_STEPS: Blueprint['steps'] = [
  {
    id: 'category-numbers',
    kind: 'category-numbers',
    inputs: ['categorical features of many levels'],
    description:
      'A level’s mean of the target (its share of a class, a column a class), drawn towards that of all rows the more, the fewer rows it has and the less levels differ; and its share of the rows. A training row has the mean of other rows. Unseen levels have that of all rows.',
  },
];

/** What linear models do with features. */
export const LINEAR_STEPS: Blueprint['steps'] = [
  {
    id: 'numbers',
    kind: 'numeric',
    inputs: ['numeric features'],
    description:
      'Standardised by the training rows; a missing one counts as their mean and has an indicator. With more than one piece the line may bend at quantiles. Beyond the training rows it goes on for as much again as their range.',
  },
  {
    id: 'categories',
    kind: 'category-codes',
    inputs: ['categorical features', 'boolean features'],
    description:
      'A coefficient a level, missing among them; rare levels and levels beyond the limit have one together, which unseen ones get too.',
  },
  {
    id: 'dates',
    kind: 'date-parts',
    inputs: ['date features'],
    description:
      'Days since 1970 with their fraction, year, month, day, weekday and hour, as numbers; the year, the week and the day as circles (sine and cosine).',
  },
  {
    id: 'date-differences',
    kind: 'date-difference',
    inputs: ['date features'],
    description: 'Days from one date to another, of each pair of the first six, as numbers.',
  },
];

/** What those do with texts that read them. */
export const TEXT_STEP: Blueprint['steps'][number] = {
  id: 'texts',
  kind: 'text-scores',
  inputs: ['text features'],
  description:
    'Words and pairs of words, and runs of characters of words, that are in enough texts: a coefficient each, at its logarithmic count x its inverse document frequency, all of a text together of length 1. A missing text has a coefficient of its own.',
};
