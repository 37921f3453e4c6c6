import { expect } from 'chai';
import { isAppError } from '#contracts';
import {
  checkTrees,
  compileBlockWalk,
  compileLeafSets,
  compileTrees,
  compileTreeWalk,
  scoreRows,
  type TreeArrays,
} from '#scoring';
import { HOSTILE_VALUES, randomTrees, referenceScore, type RandomTreeOptions } from '../random-trees.ts';
import { randomGenerator } from '../support.ts';

const THRESHOLDS = [...HOSTILE_VALUES.filter((value) => value > -Infinity), 3.25, -7, 100, 1e300];

const SHAPES: readonly RandomTreeOptions[] = [
  { treeCount: 40, leafCountMax: 31, columnCount: 14, firstCategory: 6, thresholds: THRESHOLDS, categoryCount: 40 },
  { treeCount: 20, leafCountMax: 200, columnCount: 5, firstCategory: 3, thresholds: THRESHOLDS, categoryCount: 100 },
  { treeCount: 21, leafCountMax: 33, outputCount: 3, columnCount: 9, firstCategory: 9, thresholds: THRESHOLDS, categoryCount: 1 },
  { treeCount: 12, leafCountMax: 8, outputCount: 2, averageOutput: true, columnCount: 3, firstCategory: 0, thresholds: [0], categoryCount: 70 },
  { treeCount: 7, leafCountMax: 64, averageOutput: true, columnCount: 1, firstCategory: 1, thresholds: THRESHOLDS, categoryCount: 1 },
  { treeCount: 5, leafCountMax: 1, columnCount: 2, firstCategory: 2, thresholds: [0], categoryCount: 1 },
]; // prettier-ignore

const identity = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);

describe('tree evaluators', () => {
  for (const [index, shape] of SHAPES.entries()) {
    it(`agree with LightGBM's decisions written down literally, shape ${index}`, () => {
      const random = randomGenerator(100 + index);
      for (let round = 0; round < 6; round += 1) {
        const trees = randomTrees(random, shape);
        checkTrees(trees, shape.columnCount);
        const sets = compileLeafSets(trees, identity(shape.columnCount));
        expect(sets === null, 'leaf sets apply').to.equal(trees.splitFeature.length === 0);
        const evaluators = [
          compileTreeWalk(trees, identity(shape.columnCount)),
          compileTrees(trees, shape.columnCount).score,
        ];
        if (sets !== null) evaluators.push((values, base, out, at) => sets(values, base, 0, 1, out, at));
        const out = new Float64Array(trees.outputCount + 2).fill(77);
        for (let i = 0; i < 400; i += 1) {
          const row = Array.from({ length: shape.columnCount }, (_, column) => {
            if (random.integer(3) === 0) return random.pick(HOSTILE_VALUES);
            return column >= shape.firstCategory
              ? random.integer(130)
              : random.pick(THRESHOLDS) * (random.integer(3) - 1);
          });
          const expected = referenceScore(trees, row);
          const values = Float64Array.from([55, ...row]);
          for (const [which, score] of evaluators.entries()) {
            score(values, 1, out, 1);
            const found = [...out.slice(1, 1 + trees.outputCount)];
            if (!found.every((value, at) => Object.is(value, expected[at]))) {
              expect.fail(`evaluator ${which}: ${found.join()}, expected ${expected.join()} for ${row.join()}`);
            }
          }
        }
        expect([out[0], out[trees.outputCount + 1]], 'writes nowhere else').to.deep.equal([77, 77]);
      }
    });
  }

  it('score many rows together as one by one, to the last bit', () => {
    for (const [index, shape] of SHAPES.entries()) {
      const random = randomGenerator(300 + index);
      const trees = randomTrees(random, shape);
      const { columnCount } = shape;
      const walk = compileTreeWalk(trees, identity(columnCount));
      // Behind the model's columns the matrix has two that it does not read.
      const stride = columnCount + 2;
      const rowCount = 600;
      const values = Float64Array.from({ length: rowCount * stride }, () => random.pick(HOSTILE_VALUES));
      const length = rowCount * trees.outputCount + 2;
      const single = new Float64Array(length).fill(77);
      for (let row = 0; row < rowCount; row += 1) walk(values, row * stride, single, 1 + row * trees.outputCount);
      const blocks = [compileBlockWalk, compileLeafSets].flatMap(
        (compile) => compile(trees, identity(columnCount)) ?? [],
      );
      expect(blocks.length).to.equal(trees.splitFeature.length === 0 ? 1 : 2);
      for (const scoreBlock of blocks) {
        const together = new Float64Array(length).fill(77);
        const model = { outputCount: trees.outputCount, score: walk, scoreBlock };
        scoreRows(model, { values, columnCount: stride, rowCount }, 0, rowCount, together, 1);
        expect(together.every((value, at) => Object.is(value, single[at]))).to.equal(true);
      }
    }
  });

  it('translates columns and scores ranges of a matrix', () => {
    const random = randomGenerator(7);
    const shape: RandomTreeOptions = { treeCount: 9, leafCountMax: 20, columnCount: 3, firstCategory: 2, thresholds: [-1, 0, 1], categoryCount: 9 }; // prettier-ignore
    const trees = randomTrees(random, shape);
    const model = compileTrees(trees, 5, Int32Array.of(4, 0, 2));
    const values = Float64Array.from({ length: 50 }, () => random.integer(9) - 3);
    const out = new Float64Array(4);
    scoreRows(model, { rowCount: 10, columnCount: 5, values }, 3, 7, out);
    for (let row = 3; row < 7; row += 1) {
      const cells = [4, 0, 2].map((column) => values[row * 5 + column] ?? NaN);
      expect(out[row - 3]).to.equal(referenceScore(trees, cells)[0]);
    }
  });

  it('walks where leaf sets would be too large', () => {
    const random = randomGenerator(8);
    const wide: RandomTreeOptions = { treeCount: 4, leafCountMax: 4, columnCount: 400, firstCategory: 400, thresholds: [0], categoryCount: 1 }; // prettier-ignore
    let trees = randomTrees(random, { ...wide, treeCount: 300, leafCountMax: 12 });
    expect(compileLeafSets(trees, identity(400))).to.equal(null);
    const row = Array.from({ length: 400 }, () => random.next() - 0.5);
    const out = new Float64Array(1);
    compileTrees(trees, 400).score(Float64Array.from(row), 0, out, 0);
    expect(out[0]).to.equal(referenceScore(trees, row)[0]);
    trees = randomTrees(random, { ...wide, leafCountMax: 5_000 });
    expect(compileLeafSets(trees, identity(400))).to.equal(null);
    compileTrees(trees, 400).score(Float64Array.from(row), 0, out, 0);
    expect(out[0]).to.equal(referenceScore(trees, row)[0]);
  });

  it('walks where a column is both numeric and categorical', () => {
    const trees = handMade({
      splitFeature: Int32Array.of(0, 0),
      threshold: Float64Array.of(2.5, 0),
      decisionType: Uint8Array.of(0, 1),
    });
    expect(compileLeafSets(trees, identity(1))).to.equal(null);
    const out = new Float64Array(1);
    const score = (x: number): number => {
      compileTrees(trees, 1).score(Float64Array.of(x), 0, out, 0);
      return out[0] ?? NaN;
    };
    expect([score(0), score(1), score(2), score(3)]).to.deep.equal([20, 10, 20, 30]);
  });
});

/** One tree of two nodes and three leaves: node 0 -> (node 1 -> leaf 0, leaf 1), leaf 2; categories {1}. */
function handMade(changes: Partial<TreeArrays> = {}): TreeArrays {
  return {
    outputCount: 1,
    treeCount: 1,
    averageOutput: false,
    nodeOffset: Int32Array.of(0, 2),
    leafOffset: Int32Array.of(0, 3),
    splitFeature: Int32Array.of(0, 1),
    threshold: Float64Array.of(2.5, 0),
    decisionType: Uint8Array.of(0, 1),
    left: Int32Array.of(1, ~0),
    right: Int32Array.of(~2, ~1),
    leafValue: Float64Array.of(10, 20, 30),
    leafCover: Float64Array.of(1, 2, 3),
    catBoundaries: Int32Array.of(0, 1),
    catBits: Uint32Array.of(2),
    ...changes,
  };
}

describe('checkTrees', () => {
  it('accepts sound trees, also none', () => {
    checkTrees(handMade(), 2);
    const none = new Int32Array(1);
    checkTrees(
      {
        ...handMade(),
        treeCount: 0,
        nodeOffset: none,
        leafOffset: none,
        splitFeature: new Int32Array(0),
        threshold: new Float64Array(0),
        decisionType: new Uint8Array(0),
        left: new Int32Array(0),
        right: new Int32Array(0),
        leafValue: new Float64Array(0),
        leafCover: new Float64Array(0),
        catBoundaries: none,
        catBits: new Uint32Array(0),
      },
      0,
    );
  });

  const broken: Readonly<Record<string, Partial<TreeArrays>>> = {
    'column out of range': { splitFeature: Int32Array.of(0, 2) },
    'negative column': { splitFeature: Int32Array.of(-1, 1) },
    'threshold below all numbers': { threshold: Float64Array.of(-Infinity, 0) },
    'NaN threshold': { threshold: Float64Array.of(NaN, 0) },
    'category set out of range': { threshold: Float64Array.of(0, 1) },
    'fractional category set': { threshold: Float64Array.of(0, 0.5) },
    'missing type 3': { decisionType: Uint8Array.of(12, 1) },
    'unknown decision bits': { decisionType: Uint8Array.of(16, 1) },
    'a loop': { left: Int32Array.of(0, ~0) },
    'a child before its parent': { left: Int32Array.of(1, 0) },
    'a node out of range': { left: Int32Array.of(2, ~0) },
    'a leaf out of range': { right: Int32Array.of(~3, ~1) },
    'a leaf of two parents': { right: Int32Array.of(~1, ~1) },
    'too few leaves': { leafOffset: Int32Array.of(0, 2), leafValue: Float64Array.of(1, 2) },
    'a leaf that covers nothing': { leafCover: Float64Array.of(1, 0, 3) },
    'a leaf that covers NaN rows': { leafCover: Float64Array.of(1, NaN, 3) },
    'covers without end': { leafCover: Float64Array.of(1, Infinity, 3) },
    'too few covers': { leafCover: Float64Array.of(1, 2) },
    'NaN leaf': { leafValue: Float64Array.of(1, NaN, 2) },
    'a leaf whose sum could overflow': { leafValue: Float64Array.of(1, 1e300, 2) },
    'offsets that do not start at 0': { nodeOffset: Int32Array.of(1, 2) },
    'offsets that do not end at the end': { nodeOffset: Int32Array.of(0, 1) },
    'too few offsets': { nodeOffset: Int32Array.of(0) },
    'arrays of different lengths': { left: Int32Array.of(1) },
    'category boundaries beyond the words': { catBoundaries: Int32Array.of(0, 2) },
    'no category boundaries': { catBoundaries: new Int32Array(0) },
    'falling category boundaries': { catBoundaries: Int32Array.of(0, 1, 0), catBits: new Uint32Array(0) },
    'trees that are no multiple of outputs': { outputCount: 2 },
    'no outputs': { outputCount: 0 },
    'negative tree count': { treeCount: -1 },
  };
  for (const [what, changes] of Object.entries(broken)) {
    it(`refuses ${what}`, () => {
      try {
        checkTrees(handMade(changes), 2);
      } catch (err) {
        expect(isAppError(err, 'ARTIFACT_INVALID'), String(err)).to.equal(true);
        return;
      }
      expect.fail('was accepted');
    });
  }
});
