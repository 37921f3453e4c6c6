import type { LinearLeaves } from '../models/linear-leaves.ts';
import { SCORE_MAX, ZERO_THRESHOLD } from '../models/limits.ts';
import type { TreeArrays } from '../models/tree-arrays.ts';
import { childOf, walkArrays, type WalkArrays } from '../models/tree-walk.ts';
import type { Contributions, FeaturePlaces } from './contributions.ts';
import { gaussLegendre, type Quadrature } from './quadrature.ts';
import { compileTreeContributions } from './tree-contributions.ts';
import { treePaths, type TreePaths } from './tree-paths.ts';

/** A column that the path to a leaf asks. */
interface PathColumn {
  /** of the matrix */
  readonly column: number;
  /** Part of the training rows that meets all that the path asks of it. */
  readonly share: number;
  /** Nodes that ask it, and the child of each that the path goes on to. */
  readonly nodes: readonly number[];
  readonly children: readonly number[];
  /** The leaf's term of this column; -1: there is none. */
  readonly term: number;
}

/** A leaf that has terms. */
interface LinearLeaf {
  readonly leaf: number;
  readonly output: number;
  readonly columns: readonly PathColumn[];
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
 * O(leaves x columns of a path) a row, every leaf of every tree.
 *
 * @see Lundberg et al. 2020, "From local explanations to global understanding with explainable AI for trees"; LightGBM 4.7 has none for such trees
 */
export function compileLinearLeafContributions(
  trees: TreeArrays & { readonly linear: LinearLeaves },
  columns: Int32Array,
  features: FeaturePlaces,
): Contributions {
  const { outputCount, treeCount, linear, leafValue } = trees;
  const means = meanOutputs(linear);
  const plain = compileTreeContributions({ ...trees, leafValue: means }, columns, features);
  const walk = walkArrays(trees, columns);
  const leaves = linearLeaves(trees, walk, columns);
  const scale = trees.averageOutput ? 1 / Math.max(1, treeCount / outputCount) : 1;
  const columnsMax = leaves.reduce((most, leaf) => Math.max(most, leaf.columns.length), 0);
  const met = new Uint8Array(columnsMax);
  const gains = new Float64Array(columnsMax);
  return {
    baseValues: plain.baseValues,
    add: (values, base, weight, out) => {
      plain.add(values, base, weight, out);
      for (const each of leaves) {
        writeGains(each, linear, (leafValue[each.leaf] ?? NaN) - (means[each.leaf] ?? NaN), values, base, gains);
        for (const [index, { column, nodes, children }] of each.columns.entries()) {
          const x = values[base + column] ?? NaN;
          met[index] = Number(nodes.every((node, at) => childOf(walk, node, x) === children[at]));
        }
        addLeaf(each, met, gains, features, weight * scale, out);
      }
    },
  };
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

/** What each column of the path adds to the leaf's mean output by its term, 0 where it has none. */
function writeGains(
  { columns }: LinearLeaf,
  { coefficient, termMean }: LinearLeaves,
  fallback: number,
  values: Float64Array,
  base: number,
  gains: Float64Array,
): void {
  let missing = 0;
  let terms = 0;
  let sum = 0;
  for (const [index, { column, term }] of columns.entries()) {
    gains[index] = 0;
    if (term < 0) continue;
    terms += 1;
    const x = values[base + column] ?? NaN;
    missing += Number(Number.isNaN(x));
    const known = x >= -ZERO_THRESHOLD && x <= ZERO_THRESHOLD ? 0 : x;
    gains[index] = (coefficient[term] ?? NaN) * (known - (termMean[term] ?? NaN));
    sum += gains[index] ?? NaN;
  }
  if (Math.abs(sum) <= SCORE_MAX) return;
  for (const [index, { column, term }] of columns.entries()) {
    const isTold = term >= 0 && (missing === 0 || Number.isNaN(values[base + column] ?? NaN));
    gains[index] = isTold ? fallback / (missing === 0 ? terms : missing) : 0;
  }
}

/** Adds the second part of a leaf: see {@link compileLinearLeafContributions}. */
function addLeaf(
  { output, columns, rule: { points, weights } }: LinearLeaf,
  met: Uint8Array,
  gains: Float64Array,
  { ofColumn, count }: FeaturePlaces,
  scale: number,
  out: Float64Array,
): void {
  for (let q = 0; q < points.length; q += 1) {
    const t = points[q] ?? 0;
    const factorOf = (index: number): number => (met[index] ?? 0) * t + (1 - t) * (columns[index]?.share ?? 0);
    let product = scale * (weights[q] ?? 0);
    let terms = 0;
    for (let index = 0; index < columns.length; index += 1) {
      product *= factorOf(index);
      terms += ((met[index] ?? 0) * (gains[index] ?? 0)) / factorOf(index);
    }
    for (const [index, { column, share }] of columns.entries()) {
      const factor = factorOf(index);
      const own = (met[index] ?? 0) * (gains[index] ?? 0);
      const place = output * count + (ofColumn[column] ?? 0);
      const others = ((met[index] ?? 0) - share) * t * (terms - own / factor);
      out[place] = (out[place] ?? 0) + (product / factor) * (own + others);
    }
  }
}

function linearLeaves(
  trees: TreeArrays & { readonly linear: LinearLeaves },
  walk: WalkArrays,
  columns: Int32Array,
): LinearLeaf[] {
  const { linear, leafCover, nodeOffset, leafOffset } = trees;
  const paths = treePaths(trees, leafCover ?? new Float64Array(0));
  const leaves: LinearLeaf[] = [];
  for (let tree = 0; tree < trees.treeCount; tree += 1) {
    const parents = parentsOf(trees, paths, tree);
    const nodeCount = (nodeOffset[tree + 1] ?? 0) - (nodeOffset[tree] ?? 0);
    for (let leaf = leafOffset[tree] ?? 0; leaf < (leafOffset[tree + 1] ?? 0); leaf += 1) {
      if (linear.termOffset[leaf] === linear.termOffset[leaf + 1]) continue;
      const place = nodeCount + leaf - (leafOffset[tree] ?? 0);
      const path = pathColumns(trees, paths, walk, columns, parents, tree, place, leaf);
      const rule = gaussLegendre(Math.ceil(path.length / 2));
      leaves.push({ leaf, output: tree % trees.outputCount, columns: path, rule });
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

/** The columns that the path to a place asks, and after them those that only the leaf's terms do: all rows meet nothing asked of them. */
function pathColumns(
  { linear, nodeOffset, leafOffset }: TreeArrays & { readonly linear: LinearLeaves },
  { leftPlace, share }: TreePaths,
  walk: WalkArrays,
  columns: Int32Array,
  parents: Int32Array,
  tree: number,
  leafPlace: number,
  leaf: number,
): PathColumn[] {
  const first = nodeOffset[tree] ?? 0;
  const firstPlace = first + (leafOffset[tree] ?? 0);
  const found = new Map<number, { share: number; nodes: number[]; children: number[] }>();
  for (let place = leafPlace; place > 0; place = parents[place] ?? 0) {
    const node = first + (parents[place] ?? 0);
    const isLeft = leftPlace[node] === place;
    // The lowest edge of a column has the share of all edges that ask it.
    const known = found.get(walk.column[node] ?? 0) ?? {
      share: share[firstPlace + place] ?? 0,
      nodes: [],
      children: [],
    };
    known.nodes.push(node);
    known.children.push((isLeft ? walk.left[node] : walk.right[node]) ?? 0);
    found.set(walk.column[node] ?? 0, known);
  }
  const terms = new Map<number, number>();
  for (let term = linear.termOffset[leaf] ?? 0; term < (linear.termOffset[leaf + 1] ?? 0); term += 1) {
    const column = columns[linear.termColumn[term] ?? 0] ?? 0;
    terms.set(column, term);
    if (!found.has(column)) found.set(column, { share: 1, nodes: [], children: [] });
  }
  return Array.from(found, ([column, each]) => ({ column, ...each, term: terms.get(column) ?? -1 }));
}
