import { AppError } from '#contracts';
import type { TreeArrays } from '../models/tree-arrays.ts';
import { goesLeft, treeWalk, type TreeWalk } from '../models/tree-walk.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';
import { rulesOnce, type Quadrature } from './quadrature.ts';
import { treePaths, type TreePaths } from './tree-paths.ts';

/**
 * Path-dependent TreeSHAP: Shapley values of the game in which a coalition's worth is the mean of the leaves that the
 * row can reach when columns outside of it are unknown, each way at a node weighing as many training rows as took it.
 * Base value plus all contributions is the raw score; columns of one feature are summed.
 *
 * A leaf of value v whose path asks d columns gives column i
 *
 *     v (o_i - z_i) x integral over t in (0, 1) of the product over j != i of (t o_j + (1 - t) z_j)
 *
 * with o_j 1 if the row meets what the path asks of column j, else 0, and z_j the part of the training rows that does: the
 * weights of Shapley's formula are the integrals of t^k (1 - t)^(d - 1 - k). That integrand is a polynomial of degree d - 1, so
 * a Gauss rule of d / 2 points gives it exactly, and no factor is negative, so nothing cancels however long a path is.
 * Products are carried down a tree and sums up, O(nodes x d) a tree: 234 us of CPU a row of 100 trees x 31 leaves, 14 columns
 * (`test/bench/scoring.bench.ts`), where LightGBM's `pred_contrib` takes 402 (`test/fixtures/explanations/generate.py --time`).
 *
 * Beside the alternatives: algorithm 2 of Lundberg is O(leaves x d^2) and loses digits on long paths (its weights are
 * unwound by subtraction); Linear TreeSHAP has this order, with an interpolation that loses them too. Equal to LightGBM's
 * `pred_contrib` and to `shap` within 1e-12 of the sum of all magnitudes (`test/fixtures/explanations`).
 *
 * @throws NOT_AVAILABLE where the trees have no covers
 * @see Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees", algorithm 2;
 * Owen 1972, "Multilinear extensions of games", for the integral; Yu et al. 2022, "Linear TreeShap", for carrying products
 */
export function compileTreeContributions(
  trees: TreeArrays,
  columns: Int32Array,
  features: FeaturePlaces,
): Contributions {
  const { outputCount, treeCount, leafCover } = trees;
  if (leafCover === null)
    throw new AppError('NOT_AVAILABLE', 'the model was trained by a version without explanations; train it again');
  const scale = trees.averageOutput ? 1 / Math.max(1, treeCount / outputCount) : 1;
  const paths = treePaths(trees, leafCover);
  const explainer = treeExplainer(trees, treeWalk(trees, columns), paths, features.ofColumn);
  const baseValues = new Float64Array(outputCount);
  for (let tree = 0; tree < treeCount; tree += 1)
    baseValues[tree % outputCount] = (baseValues[tree % outputCount] ?? 0) + scale * (paths.mean[tree] ?? NaN);
  return {
    baseValues,
    add: (values, base, weight, out) => {
      for (let tree = 0; tree < treeCount; tree += 1) {
        explainer.follow(tree, values, base);
        explainer.add(tree, trees.leafValue, weight * scale, out, (tree % outputCount) * features.count);
      }
    },
  };
}

/** Explains one tree of one row after the other. */
export interface TreeExplainer {
  /** Goes down all paths of a tree with the row that begins at `base`. */
  follow(tree: number, values: Float64Array, base: number): void;
  /**
   * Adds `scale` x contributions of the tree and row that were followed last, whatever its leaves say: the way down is the same for all
   * outputs.
   *
   * @param leafValue by leaf of all trees
   */
  add(tree: number, leafValue: Float64Array, scale: number, out: Float64Array, at: number): void;
}

/** Buffers of one tree at a time, by place. */
interface Work {
  readonly share: Float64Array;
  readonly same: Int32Array;
  /** 1: the row meets all that the edge and those above it ask of its column */
  readonly isMet: Uint8Array;
  /** by place and point: the product of all factors of the path */
  readonly products: Float64Array;
  /** by place and point: coming up, the sum of the leaves below */
  readonly sums: Float64Array;
}

export function treeExplainer(
  trees: Pick<TreeArrays, 'treeCount' | 'nodeOffset' | 'leafOffset'>,
  walk: TreeWalk,
  paths: TreePaths,
  featureOf: Int32Array,
): TreeExplainer {
  const { nodeOffset, leafOffset } = trees;
  const rules = Array.from(paths.columnCountMax, (count) => Math.ceil(count / 2)).map(rulesOnce());
  const work = { ...paths, ...buffersOf(trees, rules) };
  const { products, sums } = work;
  return {
    follow: (tree, values, base) => {
      const first = nodeOffset[tree] ?? 0;
      const nodeCount = (nodeOffset[tree + 1] ?? 0) - first;
      const rule = rules[tree];
      if (nodeCount === 0 || rule === undefined) return;
      const firstPlace = first + (leafOffset[tree] ?? 0);
      const { points, weights } = rule;
      for (let q = 0; q < points.length; q += 1) products[q] = weights[q] ?? 0;
      for (let node = 0; node < nodeCount; node += 1) {
        const number = first + node;
        const isLeft = goesLeft(walk, number, values[base + (walk.column[number] ?? 0)] ?? NaN);
        carryDown(work, node, paths.leftPlace[number] ?? 0, isLeft, firstPlace, points);
        carryDown(work, node, paths.rightPlace[number] ?? 0, !isLeft, firstPlace, points);
      }
    },
    add: (tree, leafValue, scale, out, at) => {
      const first = nodeOffset[tree] ?? 0;
      const nodeCount = (nodeOffset[tree + 1] ?? 0) - first;
      const rule = rules[tree];
      if (nodeCount === 0 || rule === undefined) return;
      const firstLeaf = leafOffset[tree] ?? 0;
      const firstPlace = first + firstLeaf;
      const { points } = rule;
      const count = points.length;
      for (let leaf = 0; leaf <= nodeCount; leaf += 1) {
        const value = scale * (leafValue[firstLeaf + leaf] ?? NaN);
        const place = (nodeCount + leaf) * count;
        for (let q = 0; q < count; q += 1) sums[place + q] = (products[place + q] ?? 0) * value;
      }
      for (let node = nodeCount - 1; node >= 0; node -= 1) {
        const number = first + node;
        const left = paths.leftPlace[number] ?? 0;
        const right = paths.rightPlace[number] ?? 0;
        const feature = at + (featureOf[walk.column[number] ?? 0] ?? 0);
        out[feature] =
          (out[feature] ?? 0) + (gain(work, left, firstPlace, points) + gain(work, right, firstPlace, points));
        for (let q = 0; q < count; q += 1)
          sums[node * count + q] = (sums[left * count + q] ?? 0) + (sums[right * count + q] ?? 0);
      }
    },
  };
}

/** Buffers for the largest tree. */
function buffersOf(
  { treeCount, nodeOffset }: Pick<TreeArrays, 'treeCount' | 'nodeOffset'>,
  rules: readonly Quadrature[],
): Pick<Work, 'isMet' | 'products' | 'sums'> {
  let placesMax = 1;
  let cellsMax = 1;
  for (let tree = 0; tree < treeCount; tree += 1) {
    const places = 2 * ((nodeOffset[tree + 1] ?? 0) - (nodeOffset[tree] ?? 0)) + 1;
    placesMax = Math.max(placesMax, places);
    cellsMax = Math.max(cellsMax, places * (rules[tree]?.points.length ?? 0));
  }
  return { isMet: new Uint8Array(placesMax), products: new Float64Array(cellsMax), sums: new Float64Array(cellsMax) };
}

/** Products of the edge to `place`: those of its node, with the factor of the column put in place of an older one. */
function carryDown(
  { share, same, isMet, products }: Work,
  node: number,
  place: number,
  isTaken: boolean,
  firstPlace: number,
  points: Float64Array,
): void {
  const count = points.length;
  const older = same[firstPlace + place] ?? -1;
  const part = share[firstPlace + place] ?? 0;
  const met = isTaken && (older < 0 || isMet[older] === 1) ? 1 : 0;
  isMet[place] = met;
  const from = node * count;
  const to = place * count;
  if (older < 0) {
    for (let q = 0; q < count; q += 1)
      products[to + q] = (products[from + q] ?? 0) * (met * (points[q] ?? 0) + (points[count - 1 - q] ?? 0) * part);
    return;
  }
  const metBefore = isMet[older] ?? 0;
  const partBefore = share[firstPlace + older] ?? 0;
  for (let q = 0; q < count; q += 1) {
    const t = points[q] ?? 0;
    const rest = points[count - 1 - q] ?? 0;
    products[to + q] = (products[from + q] ?? 0) * ((met * t + rest * part) / (metBefore * t + rest * partBefore));
  }
}

/** What knowing the column of the edge to `place` adds to the leaves below, beyond the edge above that asks it too. */
function gain({ share, same, isMet, sums }: Work, place: number, firstPlace: number, points: Float64Array): number {
  const count = points.length;
  const older = same[firstPlace + place] ?? -1;
  const met = isMet[place] ?? 0;
  const part = share[firstPlace + place] ?? 0;
  const at = place * count;
  let sum = 0;
  if (older < 0) {
    for (let q = 0; q < count; q += 1)
      sum += (sums[at + q] ?? 0) / (met * (points[q] ?? 0) + (points[count - 1 - q] ?? 0) * part);
    return (met - part) * sum;
  }
  const metBefore = isMet[older] ?? 0;
  const partBefore = share[firstPlace + older] ?? 0;
  for (let q = 0; q < count; q += 1) {
    const t = points[q] ?? 0;
    const rest = points[count - 1 - q] ?? 0;
    const own = (met - part) / (met * t + rest * part);
    sum += (sums[at + q] ?? 0) * (own - (metBefore - partBefore) / (metBefore * t + rest * partBefore));
  }
  return sum;
}
