import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  CATEGORY_COLUMN,
  NUMBER_COLUMN,
  compileLinear,
  compileLinearContributions,
  compileTreeContributions,
  compileTrees,
  parseLightgbmModel,
  type CompiledModel,
  type Contributions,
  type LinearArrays,
  type TreeArrays,
} from '#scoring';

interface SklearnTree {
  readonly left: number[];
  readonly right: number[];
  readonly column: number[];
  readonly threshold: number[];
  readonly value: number[];
  readonly cover: number[];
}

/** What a column adds: by point, then by output. */
interface LinearColumn {
  readonly kind: 'number' | 'category';
  readonly knots: number[];
  readonly values: number[][];
  readonly otherwise: number[];
  readonly mean: number[];
}

type Case = {
  readonly name: string;
  readonly rows: (number | null)[][];
  readonly raw: number[][];
  /** a row: features, then the base value; one after the other for each class */
  readonly contributions: number[][];
} & (
  | { readonly kind: 'lightgbm'; readonly model: string }
  | { readonly kind: 'shap'; readonly trees: SklearnTree[] }
  | { readonly kind: 'linear'; readonly intercept: number[]; readonly columns: LinearColumn[] }
);

const FIXTURE = new URL('../../../../fixtures/explanations/explanations.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(FIXTURE, 'utf8')) as { cases: Case[] };

/** Of the sum of all magnitudes: both references unwind weights by subtraction, which costs them some digits. */
const TOLERANCE = 1e-12;
/** Of the sum of all magnitudes: what rounding leaves between base value + contributions and the raw score. */
const SUM_TOLERANCE = 1e-14;

describe('contributions beside LightGBM and shap', () => {
  for (const one of cases) {
    it(`${one.kind}: ${one.name}`, () => {
      const columnCount = one.rows[0]?.length ?? 0;
      const { model, outputCount, score } = compiled(one, columnCount);
      const raw = new Float64Array(outputCount);
      let largest = 0;
      for (const [index, row] of one.rows.entries()) {
        const values = Float64Array.from(row, (cell) => cell ?? NaN);
        const out = new Float64Array(outputCount * columnCount);
        model.add(values, 0, 1, out);
        score(values, 0, raw, 0);
        for (let output = 0; output < outputCount; output += 1) {
          const found = [...out.subarray(output * columnCount, (output + 1) * columnCount)];
          found.push(model.baseValues[output] ?? NaN);
          const expected = one.contributions[index]?.slice(
            output * (columnCount + 1),
            (output + 1) * (columnCount + 1),
          );
          const size = found.reduce((sum, value) => sum + Math.abs(value), 0);
          for (const [place, value] of found.entries()) {
            largest = Math.max(largest, Math.abs(value));
            expect(value, `row ${index}, output ${output}, place ${place}`).to.be.closeTo(
              expected?.[place] ?? NaN,
              TOLERANCE * size,
            );
          }
          const sum = found.reduce((a, b) => a + b, 0);
          expect(sum).to.be.closeTo(raw[output] ?? NaN, SUM_TOLERANCE * size);
          expect(raw[output]).to.be.closeTo(one.raw[index]?.[output] ?? NaN, one.kind === 'lightgbm' ? 0 : 1e-13);
        }
      }
      expect(largest).to.be.greaterThan(0.1);
    });
  }
});

function compiled(one: Case, columnCount: number): CompiledModel & { readonly model: Contributions } {
  const identity = Int32Array.from({ length: columnCount }, (_, i) => i);
  const places = { ofColumn: identity, count: columnCount };
  if (one.kind === 'linear') {
    const linear = linearOf(one.intercept, one.columns);
    return { ...compileLinear(linear, columnCount), model: compileLinearContributions(linear, identity, places) };
  }
  const trees = one.kind === 'lightgbm' ? parseLightgbmModel(one.model) : treesOf(one.trees);
  return { ...compileTrees(trees, columnCount), model: compileTreeContributions(trees, identity, places) };
}

function linearOf(intercept: readonly number[], columns: readonly LinearColumn[]): LinearArrays {
  const pointOffset = [0];
  for (const { knots } of columns) pointOffset.push((pointOffset.at(-1) ?? 0) + knots.length);
  return {
    outputCount: intercept.length,
    columnCount: columns.length,
    intercept: Float64Array.from(intercept),
    columnKind: Uint8Array.from(columns, ({ kind }) => (kind === 'category' ? CATEGORY_COLUMN : NUMBER_COLUMN)),
    pointOffset: Int32Array.from(pointOffset),
    knot: Float64Array.from(columns.flatMap(({ knots }) => knots)),
    value: Float64Array.from(columns.flatMap(({ values }) => values.flat())),
    otherwise: Float64Array.from(columns.flatMap(({ otherwise }) => otherwise)),
    mean: Float64Array.from(columns.flatMap(({ mean }) => mean)),
  };
}

/** Scikit-learn's forest in our arrays: node and leaf numbers are those of its preorder. */
function treesOf(forest: readonly SklearnTree[]): TreeArrays {
  const nodeOffset = [0];
  const leafOffset = [0];
  const nodes: { column: number; threshold: number; left: number; right: number }[] = [];
  const leaves: { value: number; cover: number }[] = [];
  for (const tree of forest) {
    const isLeaf = tree.left.map((child) => child < 0);
    let nodeCount = 0;
    let leafCount = 0;
    const place = isLeaf.map((leaf) => (leaf ? ~leafCount++ : nodeCount++));
    for (const [node, leaf] of isLeaf.entries()) {
      const value = tree.value[node] ?? NaN;
      if (leaf) leaves.push({ value, cover: tree.cover[node] ?? NaN });
      else
        nodes.push({
          column: tree.column[node] ?? -1,
          threshold: tree.threshold[node] ?? NaN,
          left: place[tree.left[node] ?? -1] ?? 0,
          right: place[tree.right[node] ?? -1] ?? 0,
        });
    }
    nodeOffset.push(nodes.length);
    leafOffset.push(leaves.length);
  }
  return {
    outputCount: 1,
    treeCount: forest.length,
    averageOutput: true,
    nodeOffset: Int32Array.from(nodeOffset),
    leafOffset: Int32Array.from(leafOffset),
    splitFeature: Int32Array.from(nodes, ({ column }) => column),
    threshold: Float64Array.from(nodes, ({ threshold }) => threshold),
    decisionType: new Uint8Array(nodes.length),
    left: Int32Array.from(nodes, ({ left }) => left),
    right: Int32Array.from(nodes, ({ right }) => right),
    leafValue: Float64Array.from(leaves, ({ value }) => value),
    leafCover: Float64Array.from(leaves, ({ cover }) => cover),
    catBoundaries: new Int32Array(1),
    catBits: new Uint32Array(0),
  };
}
