import { AppError, type Link } from '#contracts';
import { MISSING_BIN, onLinkScale, rowBinner } from '../models/forest.ts';
import {
  COLUMN_SHIFT,
  CUT_MAX,
  MISSING_LEFT_BIT,
  checkForest,
  leftChildren,
  type ForestArrays,
} from '../models/forest-arrays.ts';
import { DEFAULT_LEFT_BIT, MISSING_NAN, MISSING_TYPE_SHIFT, type TreeArrays } from '../models/tree-arrays.ts';
import { treeWalk } from '../models/tree-walk.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';
import { treeExplainer } from './tree-contributions.ts';
import { treePaths } from './tree-paths.ts';

/**
 * Nodes x points of their tree's rule x outputs that a row may cost; a million takes 10 to 25 ms. Forests of more are not explained: fewer
 * trees, or more rows a leaf, bring them below.
 */
export const EXPLANATION_STEPS_MAX = 50_000_000;

/** Steps that are left for the forests, linear leaves and networks of one model, all its members together. */
export interface StepBudget {
  left: number;
}

/**
 * Below this part of the base value's distance from the ends of its scale, the slope of the link stands for its difference
 * quotient: both agree there within 1e-12.
 */
const NEAR = 1e-6;

/**
 * What columns contribute to a forest's raw scores: path-dependent TreeSHAP of the average (Shapley values of a sum are the sum of
 * Shapley values), then taken through the link by the rescale rule: each contribution to the average times
 * (link(average) - link(base)) / (average - base). So their sum is exactly what the link makes of the average, less what it makes of
 * the base: their signs and proportions are those on the scale on which the trees vote. They are not the Shapley values of the raw
 * score itself, for which no algorithm is known that is quick.
 *
 * @param forest checked, see `checkForest`
 * @param columns matrix column of each of the model's columns
 * @param budget what is left of EXPLANATION_STEPS_MAX, the forests of other members taken off
 * @throws NOT_AVAILABLE where a row would take more than is left
 * @see Chen, Lundberg, Lee 2022, "Explaining a series of models by propagating Shapley values", generalised rescale rule;
 * Shrikumar et al. 2017, "Learning important features through propagating activation differences" (DeepLIFT)
 */
export function compileForestContributions(
  forest: ForestArrays,
  columns: Int32Array,
  { ofColumn, count }: FeaturePlaces,
  budget: StepBudget = { left: EXPLANATION_STEPS_MAX },
): Contributions {
  const { outputCount, treeCount, link, priorVotes } = forest;
  const trees = asTrees(forest);
  const paths = treePaths(trees, trees.leafCover);
  spend(budget, forest, paths.columnCountMax);
  const featureOf = columns.map((place) => ofColumn[place] ?? 0);
  const walk = treeWalk(
    trees,
    Int32Array.from({ length: columns.length }, (_, column) => column),
  );
  const votes = treeCount + priorVotes;
  const outputs = Array.from({ length: outputCount }, (_, output) => {
    const leafValue = leafValuesOf(forest, output);
    const base = (priorVotes * (forest.prior[output] ?? NaN) + meanOf(forest, leafValue)) / votes;
    return { base, leafValue };
  });
  const explainer = treeExplainer(trees, walk, paths, featureOf);
  const binsOf = rowBinner(forest, columns);
  const bins = new Int32Array(columns.length);
  const cells = new Float64Array(columns.length);
  const gains = new Float64Array(outputCount * count);
  return {
    baseValues: Float64Array.from(
      outputs,
      ({ base }, output) => onLinkScale(link, base) + (forest.shift?.[output] ?? 0),
    ),
    add: (values, base, weight, out) => {
      binsOf(values, base, bins);
      for (let column = 0; column < bins.length; column += 1)
        cells[column] = bins[column] === MISSING_BIN ? NaN : (bins[column] ?? NaN);
      gains.fill(0);
      for (let tree = 0; tree < treeCount; tree += 1) {
        explainer.follow(tree, cells, 0);
        for (const [output, { leafValue }] of outputs.entries())
          explainer.add(tree, leafValue, 1 / votes, gains, output * count);
      }
      for (const [output, { base: average }] of outputs.entries()) {
        const from = output * count;
        let gain = 0;
        for (let at = from; at < from + count; at += 1) gain += gains[at] ?? NaN;
        const scale = weight * slopeOf(link, average, gain);
        for (let at = from; at < from + count; at += 1) out[at] = (out[at] ?? NaN) + scale * (gains[at] ?? NaN);
      }
    },
  };
}

/** (link(base + gain) - link(base)) / gain, or what it tends to. */
function slopeOf(link: Link, base: number, gain: number): number {
  if (link === 'identity') return 1;
  const room = link === 'logit' ? Math.min(base, 1 - base) : base;
  if (Math.abs(gain) > NEAR * room) return (onLinkScale(link, base + gain) - onLinkScale(link, base)) / gain;
  // Where the average is at an end of its scale, every leaf says the same, and no column changes anything.
  if (!(room > 0)) return 0;
  const middle = base + gain / 2;
  return link === 'logit' ? 1 / (middle * (1 - middle)) : 1 / middle;
}

function spend(
  budget: StepBudget,
  { nodeOffset, treeCount, outputCount }: ForestArrays,
  columnCountMax: Int32Array,
): void {
  let steps = 0;
  for (let tree = 0; tree < treeCount; tree += 1) {
    const nodes = (nodeOffset[tree + 1] ?? 0) - (nodeOffset[tree] ?? 0);
    steps += nodes * Math.ceil((columnCountMax[tree] ?? 0) / 2) * outputCount;
  }
  spendSteps(budget, steps, 'its forests', 'fewer trees or more rows a leaf');
}

/**
 * Takes steps off the budget.
 *
 * @param by what takes them; `remedy` what takes fewer
 * @throws NOT_AVAILABLE where more are needed than are left
 */
export function spendSteps(budget: StepBudget, steps: number, by: string, remedy: string): void {
  budget.left -= steps;
  if (budget.left >= 0) return;
  const millions = (value: number): string => `${Math.ceil(value / 1e6)} million`;
  throw new AppError(
    'NOT_AVAILABLE',
    `explaining a row by ${by} takes ${millions(EXPLANATION_STEPS_MAX - budget.left)} steps or more, at most ${millions(EXPLANATION_STEPS_MAX)} are taken; train it with ${remedy}`,
  );
}

/** The forest's nodes as trees over bins, NaN for none; all have one output, whose leaf values come apart. */
function asTrees(forest: ForestArrays): TreeArrays & { readonly leafCover: Float64Array } {
  const { node, nodeOffset, leafOffset, treeCount } = forest;
  const right = checkForest(forest, forest.columnCount);
  const own = (children: Int32Array): Int32Array => {
    const counted = new Int32Array(children.length);
    for (let tree = 0; tree < treeCount; tree += 1) {
      const firstNode = nodeOffset[tree] ?? 0;
      const firstLeaf = leafOffset[tree] ?? 0;
      for (let at = firstNode; at < (nodeOffset[tree + 1] ?? 0); at += 1) {
        const child = children[at] ?? 0;
        counted[at] = child >= 0 ? child - firstNode : ~(~child - firstLeaf);
      }
    }
    return counted;
  };
  const isNumber = MISSING_NAN << MISSING_TYPE_SHIFT;
  return {
    outputCount: 1,
    treeCount,
    averageOutput: false,
    nodeOffset,
    leafOffset,
    splitFeature: Int32Array.from(node, (word) => word >>> COLUMN_SHIFT),
    threshold: Float64Array.from(node, (word) => word & CUT_MAX),
    decisionType: Uint8Array.from(node, (word) => isNumber | ((word & MISSING_LEFT_BIT) === 0 ? 0 : DEFAULT_LEFT_BIT)),
    left: own(leftChildren(forest, right)),
    right: own(right),
    leafValue: new Float64Array(forest.leafCover.length),
    leafCover: Float64Array.from(forest.leafCover),
    catBoundaries: Int32Array.of(0),
    catBits: new Uint32Array(0),
  };
}

function leafValuesOf(forest: ForestArrays, output: number): Float64Array {
  const { outputCount, leafValue, leafShares, sharesOffset, shareClass, share } = forest;
  if (outputCount === 1) return Float64Array.from(leafValue);
  const ofShares = new Float64Array(Math.max(0, sharesOffset.length - 1));
  for (let shares = 0; shares < ofShares.length; shares += 1)
    for (let at = sharesOffset[shares] ?? 0; at < (sharesOffset[shares + 1] ?? 0); at += 1)
      if (shareClass[at] === output) ofShares[shares] = (ofShares[shares] ?? 0) + (share[at] ?? NaN);
  return Float64Array.from(leafShares, (shares) => ofShares[shares] ?? NaN);
}

/** Sum over the trees of each one's mean over the rows that its leaves cover. */
function meanOf({ treeCount, leafOffset, leafCover }: ForestArrays, leafValue: Float64Array): number {
  let total = 0;
  for (let tree = 0; tree < treeCount; tree += 1) {
    let sum = 0;
    let rows = 0;
    for (let leaf = leafOffset[tree] ?? 0; leaf < (leafOffset[tree + 1] ?? 0); leaf += 1) {
      sum += (leafCover[leaf] ?? 0) * (leafValue[leaf] ?? NaN);
      rows += leafCover[leaf] ?? 0;
    }
    total += sum / rows;
  }
  return total;
}
