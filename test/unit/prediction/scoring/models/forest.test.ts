import { expect } from 'chai';
import { COLUMN_SHIFT, compileForest, scoreRows, type ForestArrays } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { SAMPLE_FOREST } from '../sample-forest.ts';

const BINARY: ForestArrays = {
  ...SAMPLE_FOREST,
  outputCount: 1,
  link: 'logit',
  prior: Float64Array.of(0.5),
  leafValue: Float32Array.of(0, 1, 0.5, 1),
  leafShares: new Uint32Array(0),
  sharesOffset: Int32Array.of(0),
  shareClass: new Int32Array(0),
  share: new Float32Array(0),
};

function rawOf(forest: ForestArrays, row: readonly number[]): number[] {
  const out = new Float64Array(1 + forest.outputCount);
  compileForest(forest, 3, Int32Array.of(2, 0)).score(
    Float64Array.from([NaN, row[1] ?? NaN, 0, row[0] ?? NaN]),
    1,
    out,
    1,
  );
  return [...out.subarray(1)];
}

const logs = (...sums: readonly [number, number, number]): [number, number, number] => [
  Math.log(sums[0] / 3),
  Math.log(sums[1] / 3),
  Math.log(sums[2] / 3),
];
const first = logs(1.5, 0.5, 1);
const second = logs(0.5, 0.75, 1.75);
const third = logs(0.5, 0.5, 2);

describe('compileForest', () => {
  it('adds the shares of the leaves to the prior and takes the logarithm of their mean', () => {
    expect(rawOf(SAMPLE_FOREST, [0, 1]), 'left, left').to.deep.equal(first);
    expect(rawOf(SAMPLE_FOREST, [0, 0]), 'left, right').to.deep.equal(second);
    expect(rawOf(SAMPLE_FOREST, [11, 0]), 'right').to.deep.equal(third);
  });

  it('puts values into bins: a cut itself is left of it, missing goes where the node says, unknown levels have their bin', () => {
    expect(rawOf(SAMPLE_FOREST, [10, 1])).to.deep.equal(first);
    expect(rawOf(SAMPLE_FOREST, [10.000001, 1])).to.deep.equal(third);
    expect(rawOf(SAMPLE_FOREST, [NaN, 1])).to.deep.equal(first);
    expect(rawOf(SAMPLE_FOREST, [-Infinity, 1])).to.deep.equal(first);
    expect(rawOf(SAMPLE_FOREST, [Infinity, 1])).to.deep.equal(third);
    for (const code of [NaN, -1, 3, 99]) expect(rawOf(SAMPLE_FOREST, [0, code]), `code ${code}`).to.deep.equal(second);
  });

  it('scores many rows together as one by one, to the last bit', () => {
    const values = [-Infinity, -1, 0, 1, 2, 10, 10.000001, 99, NaN];
    const rows = Array.from({ length: 700 }, (_, row) => [values[row % 9] ?? NaN, values[(row * 7) % 5] ?? NaN]);
    for (const forest of [SAMPLE_FOREST, BINARY, { ...SAMPLE_FOREST, shift: [0.5, -1, 0.25] }]) {
      const model = compileForest(forest, 2);
      const out = new Float64Array(rows.length * forest.outputCount + 2).fill(77);
      const matrix = { values: Float64Array.from(rows.flat()), columnCount: 2, rowCount: rows.length };
      scoreRows(model, matrix, 0, rows.length, out, 1);
      const single = rows.flatMap((row) => {
        const own = new Float64Array(forest.outputCount);
        model.score(Float64Array.from(row), 0, own, 0);
        return [...own];
      });
      expect([...out]).to.deep.equal([77, ...single, 77]);
    }
  });

  it('has log odds of two classes, the mean of numbers and its logarithm', () => {
    expect(rawOf(BINARY, [0, 1])[0]).to.equal(0);
    expect(rawOf(BINARY, [0, 0])[0]).to.be.closeTo(Math.log(2.5 / 0.5), 1e-15);
    expect(rawOf({ ...BINARY, link: 'identity', priorVotes: 0 }, [0, 0])).to.deep.equal([1]);
    expect(rawOf({ ...BINARY, link: 'log' }, [0, 0])[0]).to.equal(Math.log(2.5 / 3));
  });

  it('adds its shift to the raw scores', () => {
    expect(rawOf({ ...SAMPLE_FOREST, shift: [1, 0, -2] }, [0, 1])).to.deep.equal([
      first[0] + 1,
      first[1],
      first[2] - 2,
    ]);
    expect(rawOf({ ...BINARY, shift: [-3.5] }, [0, 1])).to.deep.equal([-3.5]);
  });

  it('stays finite where every tree is certain', () => {
    const certain: ForestArrays = { ...BINARY, prior: Float64Array.of(1), leafValue: Float32Array.of(1, 1, 1, 1) };
    expect(rawOf(certain, [0, 0])[0]).to.be.within(30, 40);
    const never: ForestArrays = { ...BINARY, prior: Float64Array.of(1e-15), leafValue: new Float32Array(4) };
    expect(rawOf(never, [0, 0])[0]).to.be.within(-40, -30);
  });

  const wrong: readonly [string, Partial<ForestArrays>, string][] = [
    ['no tree', { treeCount: 0 }, 'treeCount'],
    ['another link', { link: 'logit' }, 'link logit'],
    ['no prior', { priorVotes: 0 }, 'prior'],
    ['a prior of 0', { prior: Float64Array.of(0, 0.5, 0.5) }, 'prior'],
    ['another number of columns', { columnCount: 3 }, 'columns'],
    ['a kind of column that is none', { columnKind: Uint8Array.of(0, 2) }, 'kind 2'],
    ['cuts that fall', { point: Float64Array.of(10, -1, 1, 0, 2) }, 'does not rise'],
    ['a cut that is none', { point: Float64Array.of(NaN, 10, 1, 0, 2) }, 'does not rise'],
    ['a bin that is none', { point: Float64Array.of(-1, 10, 1, 0.5, 2) }, 'bin 0.5'],
    ['an unknown bin', { otherwiseBin: Int32Array.of(0, 2000) }, 'bin 2000'],
    ['a column that is not there', { node: Uint32Array.of(...[SAMPLE_FOREST.node[0] ?? 0], (2 << COLUMN_SHIFT) | 0x1800) }, 'column 2 of 2'],
    ['a node too many', { node: Uint32Array.of(0, 0, 0), nodeOffset: Int32Array.of(0, 3, 3) }, '3 nodes'],
    ['a tree that ends early', { node: Uint32Array.of(0x1800, 0x1800) }, 'ends at its node 0'],
    ['a left child too few', { node: Uint32Array.of(0x1000, 0x1000) }, 'right children'],
    ['a right child too few', { node: Uint32Array.of(0x1000, 0x0800) }, 'lacks a right child'],
    ['offsets that fall', { nodeOffset: Int32Array.of(0, 2, 1) }, 'nodeOffset'],
    ['a leaf of no row', { leafCover: Uint32Array.of(1, 0, 3, 6) }, 'covers no row'],
    ['shares that are not there', { leafShares: Uint32Array.of(0, 1, 3, 1) }, 'shares 3 of 3'],
    ['a class that is not there', { shareClass: Int32Array.of(0, 1, 3, 2) }, 'class 3 of 3'],
    ['a share above 1', { share: Float32Array.of(1, 0.25, 1.5, 1) }, 'share 2 is 1.5'],
    ['a shift of another length', { shift: [1] }, 'shift has 1 elements'],
    ['a shift that is not finite', { shift: [0, NaN, 0] }, 'shift 1 is NaN'],
    ['leaf values beside shares', { leafValue: new Float32Array(4) }, 'leafValue'],
  ]; // prettier-ignore
  for (const [what, change, message] of wrong) {
    it(`refuses ${what}`, async () => {
      const err = await appErrorOf('ARTIFACT_INVALID', () => compileForest({ ...SAMPLE_FOREST, ...change }, 2));
      expect(err.message).to.include(message);
    });
  }

  it('refuses a column beyond the matrix, a negative mean under a logarithm, and a mean that is not finite', async () => {
    await appErrorOf('ARTIFACT_INVALID', () => compileForest(SAMPLE_FOREST, 2, Int32Array.of(0, 2)));
    for (const value of [-1, Infinity, NaN])
      await appErrorOf('ARTIFACT_INVALID', () =>
        compileForest({ ...BINARY, link: 'log', leafValue: Float32Array.of(0, 1, value, 1) }, 2),
      );
    await appErrorOf('ARTIFACT_INVALID', () => compileForest({ ...BINARY, link: 'log', shift: [1] }, 2));
  });
});
