import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compileTrees, parseLightgbmModel, type LinearLeaves, type TreeArrays } from '#scoring';
import { compileLinearLeafContributions } from '../../../../../prediction/scoring/explain/linear-leaf-contributions.ts';
import { compileTreeContributions } from '../../../../../prediction/scoring/explain/tree-contributions.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { referenceLeft } from '../random-trees.ts';
import { shapleyOfGame } from './shapley.ts';

const COLUMNS = 4;
const PLACES = { ofColumn: Int32Array.of(0, 1, 2, 3), count: COLUMNS };
const IDENTITY = Int32Array.of(0, 1, 2, 3);

// The cast holds: `generate.py` beside it describes the shape, and `linear-leaves.test.ts` checks it.
const { cases, rows } = JSON.parse(
  readFileSync(new URL('../../../../fixtures/linear-trees/references.json', import.meta.url), 'utf8'),
) as { cases: { name: string; model: string }[]; rows: (number | null)[][] };

type LinearTrees = TreeArrays & { readonly linear: LinearLeaves };

/** Trees with means of terms that are not 0. */
function treesOf(model: string): LinearTrees {
  const trees = parseLightgbmModel(model);
  const linear = trees.linear ?? expect.fail('no linear leaves');
  return {
    ...trees,
    linear: { ...linear, termMean: Float64Array.from(linear.termColumn, (column, term) => column + (term % 5) / 3) },
  };
}

/** What a leaf is worth where only the columns of the set `known` are. */
function worthOfLeaf({ linear, leafValue }: LinearTrees, leaf: number, row: readonly number[], known: number): number {
  const terms = Array.from(
    { length: (linear.termOffset[leaf + 1] ?? 0) - (linear.termOffset[leaf] ?? 0) },
    (_, index) => (linear.termOffset[leaf] ?? 0) + index,
  );
  const columnOf = (term: number): number => linear.termColumn[term] ?? 0;
  const sumAt = (valueOf: (term: number) => number): number =>
    terms.reduce((sum, term) => sum + (linear.coefficient[term] ?? NaN) * valueOf(term), linear.constant[leaf] ?? NaN);
  const mean = sumAt((term) => linear.termMean[term] ?? NaN);
  const missing = terms.filter((term) => Number.isNaN(row[columnOf(term)] ?? NaN));
  const isKnown = (term: number): boolean => (known >> columnOf(term)) % 2 === 1;
  if (missing.length > 0)
    return mean + (missing.filter(isKnown).length / missing.length) * ((leafValue[leaf] ?? NaN) - mean);
  return sumAt((term) => (isKnown(term) ? (row[columnOf(term)] ?? NaN) : (linear.termMean[term] ?? NaN)));
}

function worthBelow(
  trees: LinearTrees,
  tree: number,
  node: number,
  row: readonly number[],
  known: number,
): { worth: number; cover: number } {
  if (node < 0) {
    const leaf = (trees.leafOffset[tree] ?? 0) + ~node;
    return { worth: worthOfLeaf(trees, leaf, row, known), cover: trees.leafCover?.[leaf] ?? NaN };
  }
  const at = (trees.nodeOffset[tree] ?? 0) + node;
  const [left, right] = [trees.left, trees.right].map((child) => worthBelow(trees, tree, child[at] ?? 0, row, known));
  if (left === undefined || right === undefined) return expect.fail('a node has two children');
  const cover = left.cover + right.cover;
  if ((known >> (trees.splitFeature[at] ?? 0)) % 2 === 1)
    return { worth: (referenceLeft(trees, at, row) ? left : right).worth, cover };
  return { worth: (left.worth * left.cover + right.worth * right.cover) / cover, cover };
}

describe('explanations of trees with linear leaves', () => {
  for (const { name, model } of cases)
    it(`are Shapley values by the definition, and add up to the raw score: ${name}`, () => {
      const trees = treesOf(model);
      const { outputCount, treeCount } = trees;
      const { baseValues, add } = compileLinearLeafContributions(trees, IDENTITY, PLACES);
      const { score } = compileTrees(trees, COLUMNS);
      const raw = new Float64Array(outputCount);
      for (const row of rows.slice(0, 25).map((cells) => cells.map((cell) => cell ?? NaN))) {
        const out = new Float64Array(outputCount * COLUMNS);
        add(Float64Array.from(row), 0, 1, out);
        const { base, phi } = shapleyOfGame(COLUMNS, (known) =>
          Array.from({ length: outputCount }, (_, output) => {
            let sum = 0;
            for (let tree = output; tree < treeCount; tree += outputCount) {
              const isLeaf = trees.nodeOffset[tree] === trees.nodeOffset[tree + 1];
              sum += worthBelow(trees, tree, isLeaf ? -1 : 0, row, known).worth;
            }
            return sum;
          }),
        );
        score(Float64Array.from(row), 0, raw, 0);
        for (let output = 0; output < outputCount; output += 1) {
          expect(baseValues[output]).to.be.closeTo(base[output] ?? NaN, 1e-11);
          const own = out.subarray(output * COLUMNS, (output + 1) * COLUMNS);
          for (const [column, value] of own.entries()) expect(value).to.be.closeTo(phi[output]?.[column] ?? NaN, 1e-11);
          const sum = own.reduce((total, value) => total + value, baseValues[output] ?? NaN);
          expect(sum).to.be.closeTo(raw[output] ?? NaN, 1e-11);
        }
      }
    });

  it('are refused where a row would take too long', async () => {
    const budget = { left: 100 };
    const err = await appErrorOf('NOT_AVAILABLE', () =>
      compileLinearLeafContributions(treesOf(cases[0]?.model ?? ''), IDENTITY, PLACES, budget),
    );
    expect(err.message).to.match(/its linear leaves takes .* train it with fewer iterations or leaves/);
  });

  it('add up where a number is absurd, and are those of other trees where leaves are constants', () => {
    const trees = treesOf(cases[0]?.model ?? '');
    const { linear } = trees;
    const absurd = Float64Array.of(1e300, -1e308, Infinity, 2);
    const { baseValues, add } = compileLinearLeafContributions(trees, IDENTITY, PLACES);
    const out = new Float64Array(COLUMNS);
    add(absurd, 0, 1, out);
    const raw = new Float64Array(1);
    compileTrees(trees, COLUMNS).score(absurd, 0, raw, 0);
    expect(out.reduce((sum, value) => sum + value, baseValues[0] ?? NaN)).to.be.closeTo(raw[0] ?? NaN, 1e-11);

    const constants = { ...linear, coefficient: linear.coefficient.map(() => 0), constant: trees.leafValue };
    const [own, plain] = [new Float64Array(COLUMNS), new Float64Array(COLUMNS)];
    const row = Float64Array.of(0.5, NaN, 3, 2);
    compileLinearLeafContributions({ ...trees, linear: constants }, IDENTITY, PLACES).add(row, 0, 2, own);
    compileTreeContributions(trees, IDENTITY, PLACES).add(row, 0, 2, plain);
    for (const [column, value] of own.entries()) expect(value).to.be.closeTo(plain[column] ?? NaN, 1e-14);
  });
});
