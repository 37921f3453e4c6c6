import { expect } from 'chai';
import { compileTreeContributions, compileTrees, type TreeArrays } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { HOSTILE_VALUES, randomTrees, type RandomTreeOptions } from '../random-trees.ts';
import { randomGenerator } from '../support.ts';
import { shapleyByDefinition } from './shapley.ts';

const THRESHOLDS = [-1.5, 0, 0.25, 1, 7];
const SHAPES: readonly RandomTreeOptions[] = [
  { treeCount: 12, leafCountMax: 16, columnCount: 6, firstCategory: 4, thresholds: THRESHOLDS, categoryCount: 40 },
  { treeCount: 9, leafCountMax: 40, columnCount: 5, firstCategory: 5, outputCount: 3, thresholds: THRESHOLDS, categoryCount: 1 },
  { treeCount: 8, leafCountMax: 12, columnCount: 4, firstCategory: 2, outputCount: 2, averageOutput: true, thresholds: [0], categoryCount: 9 },
  { treeCount: 6, leafCountMax: 30, columnCount: 1, firstCategory: 1, thresholds: THRESHOLDS, categoryCount: 1 },
  { treeCount: 3, leafCountMax: 1, columnCount: 2, firstCategory: 2, thresholds: [0], categoryCount: 1 },
]; // prettier-ignore

/** Sums of some dozens of terms of magnitude 1 differ by a few last bits. */
const TOLERANCE = 1e-13;

const identity = (count: number): Int32Array => Int32Array.from({ length: count }, (_, i) => i);

function explained(trees: TreeArrays, row: readonly number[]): { base: number[]; phi: number[][]; raw: Float64Array } {
  const columnCount = row.length;
  const places = { ofColumn: identity(columnCount), count: columnCount };
  const model = compileTreeContributions(trees, identity(columnCount), places);
  const out = new Float64Array(trees.outputCount * columnCount);
  const raw = new Float64Array(trees.outputCount);
  model.add(Float64Array.from([99, ...row]), 1, 1, out);
  compileTrees(trees, columnCount).score(Float64Array.from(row), 0, raw, 0);
  const phi = Array.from(raw, (_, output) => [...out.subarray(output * columnCount, (output + 1) * columnCount)]);
  return { base: [...model.baseValues], phi, raw };
}

describe('contributions of trees', () => {
  for (const [index, shape] of SHAPES.entries()) {
    it(`are Shapley values as they are defined, shape ${index}`, () => {
      const random = randomGenerator(300 + index);
      for (let round = 0; round < 10; round += 1) {
        const trees = randomTrees(random, shape);
        for (let i = 0; i < 8; i += 1) {
          const row = Array.from({ length: shape.columnCount }, () =>
            random.integer(3) === 0 ? random.pick(HOSTILE_VALUES) : random.integer(40) - 4,
          );
          const expected = shapleyByDefinition(trees, row);
          const found = explained(trees, row);
          for (let output = 0; output < trees.outputCount; output += 1) {
            expect(found.base[output]).to.be.closeTo(expected.base[output] ?? NaN, TOLERANCE);
            for (const [column, value] of (found.phi[output] ?? []).entries())
              expect(value, `column ${column}`).to.be.closeTo(expected.phi[output]?.[column] ?? NaN, TOLERANCE);
            const sum = (found.phi[output] ?? []).reduce((a, b) => a + b, found.base[output] ?? NaN);
            expect(sum, 'sums up to the raw score').to.be.closeTo(found.raw[output] ?? NaN, TOLERANCE);
          }
        }
      }
    });
  }

  it('sum up to the raw score on a path that asks 200 columns, where unwinding would have lost every digit', () => {
    const depth = 200;
    const nodes = Array.from({ length: depth }, (_, node) => node);
    const trees: TreeArrays = {
      outputCount: 1,
      treeCount: 1,
      averageOutput: false,
      nodeOffset: Int32Array.of(0, depth),
      leafOffset: Int32Array.of(0, depth + 1),
      splitFeature: Int32Array.from(nodes),
      threshold: new Float64Array(depth),
      decisionType: new Uint8Array(depth),
      left: Int32Array.from(nodes, (node) => (node + 1 < depth ? node + 1 : ~depth)),
      right: Int32Array.from(nodes, (node) => ~node),
      leafValue: Float64Array.from({ length: depth + 1 }, (_, leaf) => Math.cos(leaf)),
      leafCover: Float64Array.from({ length: depth + 1 }, (_, leaf) => 1 + (leaf % 7)),
      catBoundaries: new Int32Array(1),
      catBits: new Uint32Array(0),
    };
    for (const stop of [0, 17, 199, 200]) {
      const { base, phi, raw } = explained(
        trees,
        nodes.map((node) => (node === stop ? 1 : -1)),
      );
      const sum = (phi[0] ?? []).reduce((a, b) => a + b, base[0] ?? NaN);
      expect(sum).to.be.closeTo(raw[0] ?? NaN, 1e-12);
      expect(raw[0]).to.equal(Math.cos(stop));
    }
  });

  it('are not available without covers', async () => {
    const trees = { ...randomTrees(randomGenerator(1), SHAPES[0] as RandomTreeOptions), leafCover: null };
    await appErrorOf('NOT_AVAILABLE', () => explained(trees, [1, 2, 3, 4, 5, 6]));
  });
});
