import type { LinearLeaves } from '../models/linear-leaves.ts';
import { SCORE_MAX, ZERO_THRESHOLD } from '../models/limits.ts';
import type { TreeArrays } from '../models/tree-arrays.ts';
import { goesLeft, treeWalk, type TreeWalk } from '../models/tree-walk.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';
import { EXPLANATION_STEPS_MAX, spendSteps, type StepBudget } from './forest-contributions.ts';
import { rulesOnce, type Quadrature } from './quadrature.ts';
import { compileTreeContributions } from './tree-contributions.ts';
import { treePaths, type TreePaths } from './tree-paths.ts';

/** A leaf that has terms, with the different columns that its path asks or its terms read, in flat arrays. */
interface LinearLeaf {
  readonly leaf: number;
  readonly output: number;
  /** By place: column of the matrix. */
  readonly column: Int32Array;
  /** By place: part of the training rows that meets all that the path asks of the column; 1 where it asks nothing. */
  readonly share: Float64Array;
  /** By place: the leaf's term of the column; -1: there is none. */
  readonly term: Int32Array;
  /** Places + 1: the nodes that ask the column. */
  readonly nodeOffset: Int32Array;
  readonly node: Int32Array;
  /** By node: 1 if the path goes on to the left. */
  readonly isLeft: Uint8Array;
  readonly rule: Quadrature;
}

/**
 * Shapley values of trees with linear leaves, in the game of path-dependent TreeSHAP where an unknown number of a leaf's terms counts as
 * its mean over the leaf's training rows: a leaf is worth its mean output, and each known term adds its coefficient times what
 * the row's number is more than that mean. Base value plus contributions is the raw score.
 *
 * With A the leaf's mean output, d_j what term j adds, o and z as in `compileTreeContributions`, the worth of a coalition S is
 * (A + the sum of d_j over j in S) x the path's worth. The first part is that of a tree with the leaves A. In the second each
 * term is a product game of its own, in which column j is worth o_j if it is known and 0 if not: column i != j gets
 *
 *     d_j (o_i - z_i) x integral over t in (0, 1) of t o_j x the product over k != i, j of (t o_k + (1 - t) z_k)
 *
 * and j itself d_j o_j x the integral of the product over k != j: polynomials of the same degree, so the same rule is exact. Where a row's
 * number is missing, or the sum is none, the leaf is its constant value: the difference to A is that of the terms which are missing, or of all.
 *
 * O(leaves x columns of a path x points) a row, every leaf of every tree: 4.4 ms of CPU a row of 500 trees x 15 leaves, where trees of
 * constants take 0.5.
 *
 * @param budget what is left of EXPLANATION_STEPS_MAX, other members taken off
 * @throws NOT_AVAILABLE where a row would take more than is left
 * @see Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees"; LightGBM 4.7 has none for such trees
 */
export function compileLinearLeafContributions(
  trees: TreeArrays & { readonly linear: LinearLeaves },
  columns: Int32Array,
  features: FeaturePlaces,
  budget: StepBudget = { left: EXPLANATION_STEPS_MAX },
): Contributions {
  const { outputCount, treeCount, linear, leafValue } = trees;
  const means = meanOutputs(linear);
  const plain = compileTreeContributions({ ...trees, leafValue: means }, columns, features);
  const walk = treeWalk(trees, columns);
  const leaves = linearLeaves(trees, walk, columns);
  const steps = leaves.reduce((sum, { column, rule }) => sum + column.length * rule.points.length, 0);
  spendSteps(budget, steps, 'its linear leaves', 'fewer iterations or leaves');
  const scale = trees.averageOutput ? 1 / Math.max(1, treeCount / outputCount) : 1;
  const placesMax = leaves.reduce((most, { column }) => Math.max(most, column.length), 0);
  const work: LeafWork = {
    goesLeft: new Uint8Array(trees.splitFeature.length),
    met: new Uint8Array(placesMax),
    gains: new Float64Array(placesMax),
    factors: new Float64Array(placesMax),
  };
  return {
    baseValues: plain.baseValues,
    add: (values, base, weight, out) => {
      plain.add(values, base, weight, out);
      for (let node = 0; node < work.goesLeft.length; node += 1)
        work.goesLeft[node] = Number(goesLeft(walk, node, values[base + (walk.column[node] ?? 0)] ?? NaN));
      for (const each of leaves) {
        writeGains(each, linear, (leafValue[each.leaf] ?? NaN) - (means[each.leaf] ?? NaN), values, base, work.gains);
        writeMet(each, work);
        addLeaf(each, work, features, weight * scale, out);
      }
    },
  };
}

/** Buffers of one row, by node of all trees and by place of a leaf. */
interface LeafWork {
  readonly goesLeft: Uint8Array;
  readonly met: Uint8Array;
  readonly gains: Float64Array;
  readonly factors: Float64Array;
}

/** What each leaf gives where all its terms are at their means. */
function meanOutputs({ constant, termOffset, coefficient, termMean }: LinearLeaves): Float64Array {
  return constant.map((value, leaf) => {
    let sum = value;
    for (let term = termOffset[leaf] ?? 0; term < (termOffset[leaf + 1] ?? 0); term += 1)
      sum += (coefficient[term] ?? NaN) * (termMean[term] ?? NaN);
    return sum;
  });
}

/** What each place adds to the leaf's mean output by its term, 0 where it has none. */
function writeGains(
  { column, term }: LinearLeaf,
  { coefficient, termMean }: LinearLeaves,
  fallback: number,
  values: Float64Array,
  base: number,
  gains: Float64Array,
): void {
  let missing = 0;
  let terms = 0;
  let sum = 0;
  for (let place = 0; place < column.length; place += 1) {
    const own = term[place] ?? -1;
    gains[place] = 0;
    if (own < 0) continue;
    terms += 1;
    const x = values[base + (column[place] ?? 0)] ?? NaN;
    missing += Number(Number.isNaN(x));
    const known = x >= -ZERO_THRESHOLD && x <= ZERO_THRESHOLD ? 0 : x;
    const gain = (coefficient[own] ?? NaN) * (known - (termMean[own] ?? NaN));
    gains[place] = gain;
    sum += gain;
  }
  if (Math.abs(sum) <= SCORE_MAX) return;
  for (let place = 0; place < column.length; place += 1) {
    const isMissing = Number.isNaN(values[base + (column[place] ?? 0)] ?? NaN);
    const isTold = (term[place] ?? -1) >= 0 && (missing === 0 || isMissing);
    gains[place] = isTold ? fallback / (missing === 0 ? terms : missing) : 0;
  }
}

/** Whether the row meets all that the path asks of each place's column. */
function writeMet({ nodeOffset, node, isLeft }: LinearLeaf, { goesLeft, met }: LeafWork): void {
  for (let place = 0; place + 1 < nodeOffset.length; place += 1) {
    let all = 1;
    for (let at = nodeOffset[place] ?? 0; at < (nodeOffset[place + 1] ?? 0); at += 1)
      if (goesLeft[node[at] ?? 0] !== isLeft[at]) all = 0;
    met[place] = all;
  }
}

/** Adds the second part of a leaf: see {@link compileLinearLeafContributions}. */
function addLeaf(
  { output, column, share, rule: { points, weights } }: LinearLeaf,
  { met, gains, factors }: LeafWork,
  { ofColumn, count }: FeaturePlaces,
  scale: number,
  out: Float64Array,
): void {
  const first = output * count;
  for (let q = 0; q < points.length; q += 1) {
    const t = points[q] ?? 0;
    let product = scale * (weights[q] ?? 0);
    let terms = 0;
    for (let place = 0; place < column.length; place += 1) {
      const isMet = met[place] ?? 0;
      const factor = isMet * t + (1 - t) * (share[place] ?? 0);
      factors[place] = factor;
      product *= factor;
      terms += (isMet * (gains[place] ?? 0)) / factor;
    }
    for (let place = 0; place < column.length; place += 1) {
      const isMet = met[place] ?? 0;
      const factor = factors[place] ?? NaN;
      const own = isMet * (gains[place] ?? 0);
      const others = (isMet - (share[place] ?? 0)) * t * (terms - own / factor);
      const at = first + (ofColumn[column[place] ?? 0] ?? 0);
      out[at] = (out[at] ?? 0) + (product / factor) * (own + others);
    }
  }
}

function linearLeaves(
  trees: TreeArrays & { readonly linear: LinearLeaves },
  walk: TreeWalk,
  columns: Int32Array,
): LinearLeaf[] {
  const { linear, leafCover, nodeOffset, leafOffset } = trees;
  const paths = treePaths(trees, leafCover ?? new Float64Array(0));
  const leaves: LinearLeaf[] = [];
  const ruleOf = rulesOnce();
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const parents = parentsOf(trees, paths, tree);
    const nodeCount = (nodeOffset[tree + 1] ?? 0) - (nodeOffset[tree] ?? 0);
    for (let leaf = leafOffset[tree] ?? 0; leaf < (leafOffset[tree + 1] ?? 0); leaf += 1) {
      if (linear.termOffset[leaf] === linear.termOffset[leaf + 1]) continue;
      const place = nodeCount + leaf - (leafOffset[tree] ?? 0);
      const path = pathColumns(trees, paths, walk, columns, parents, tree, place, leaf);
      const rule = ruleOf(Math.ceil(path.column.length / 2));
      leaves.push({ leaf, output: tree % trees.outputCount, ...path, rule });
    }
  }
  return leaves;
}

/** The node above each place of a tree; -1 above the root. */
function parentsOf({ nodeOffset }: TreeArrays, { leftPlace, rightPlace }: TreePaths, tree: number): Int32Array {
  const first = nodeOffset[tree] ?? 0;
  const nodeCount = (nodeOffset[tree + 1] ?? 0) - first;
  const parents = new Int32Array(2 * nodeCount + 1).fill(-1);
  for (let node = 0; node < nodeCount; node += 1) {
    parents[leftPlace[first + node] ?? 0] = node;
    parents[rightPlace[first + node] ?? 0] = node;
  }
  return parents;
}

/** The places of a leaf: the columns that its path asks, and after them those that only its terms read. */
function pathColumns(
  { linear, nodeOffset, leafOffset }: TreeArrays & { readonly linear: LinearLeaves },
  { leftPlace, share }: TreePaths,
  walk: TreeWalk,
  columns: Int32Array,
  parents: Int32Array,
  tree: number,
  leafPlace: number,
  leaf: number,
): Omit<LinearLeaf, 'leaf' | 'output' | 'rule'> {
  const first = nodeOffset[tree] ?? 0;
  const firstPlace = first + (leafOffset[tree] ?? 0);
  const found = new Map<number, { share: number; nodes: number[]; isLeft: number[] }>();
  for (let place = leafPlace; place > 0; place = parents[place] ?? 0) {
    const node = first + (parents[place] ?? 0);
    const column = walk.column[node] ?? 0;
    // The lowest edge of a column has the share of all edges that ask it.
    const known = found.get(column) ?? { share: share[firstPlace + place] ?? 0, nodes: [], isLeft: [] };
    known.nodes.push(node);
    known.isLeft.push(Number(leftPlace[node] === place));
    found.set(column, known);
  }
  const terms = new Map<number, number>();
  for (let term = linear.termOffset[leaf] ?? 0; term < (linear.termOffset[leaf + 1] ?? 0); term += 1) {
    const column = columns[linear.termColumn[term] ?? 0] ?? 0;
    terms.set(column, term);
    if (!found.has(column)) found.set(column, { share: 1, nodes: [], isLeft: [] });
  }
  const asked = [...found.values()];
  const offsets = [0];
  for (const { nodes } of asked) offsets.push((offsets.at(-1) ?? 0) + nodes.length);
  return {
    column: Int32Array.from(found.keys()),
    share: Float64Array.from(asked, (each) => each.share),
    term: Int32Array.from(found.keys(), (column) => terms.get(column) ?? -1),
    nodeOffset: Int32Array.from(offsets),
    node: Int32Array.from(asked.flatMap(({ nodes }) => nodes)),
    isLeft: Uint8Array.from(asked.flatMap(({ isLeft }) => isLeft)),
  };
}
