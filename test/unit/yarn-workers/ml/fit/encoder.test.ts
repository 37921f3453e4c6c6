import { expect } from 'chai';
import type { ManifestStep } from '#contracts';
import { tableEncoder } from '../../../../../yarn-workers/ml/fit/encoder.ts';
import { taskFeatures } from '../../../../../yarn-workers/ml/fit/task-columns.ts';
import { source, taskOf } from '../../../../support/computed-table.ts';

const STEPS: ManifestStep[] = [
  { kind: 'numeric', feature: 0 },
  { kind: 'category-codes', feature: 12, keys: ['oak', 'ash'], missingCode: null },
];

/** Rows with their numbers, as a pass gives them. */
async function passed(
  steps: readonly ManifestStep[],
  span?: { from: number; to: number },
): Promise<[number, number[]][]> {
  const encoder = tableEncoder(taskFeatures(taskOf({})), steps, source);
  const { columnCount } = encoder;
  const rows: [number, number[]][] = [];
  await encoder.pass((values, count, firstRow) => {
    for (let row = 0; row < count; row += 1)
      rows.push([firstRow + row, [...values.subarray(row * columnCount, (row + 1) * columnCount)]]);
  }, span);
  return rows;
}

describe('fit: a table as a matrix', () => {
  for (const [name, steps] of [
    ['of columns', STEPS],
    ['of no column', []],
  ] as const)
    it(`is encoded in part as it is as a whole, wherever the part begins and ends in what is read: ${name}`, async () => {
      const all = await passed(steps);
      expect(all.map(([row]) => row)).to.deep.equal(Array.from({ length: source.rowCount }, (_, row) => row));
      for (const [from, to] of [
        [0, source.rowCount],
        [1, 2],
        [999, 1_001],
        [1_333, 2_666],
        [3_999, 4_000],
        [1_000, 1_000],
      ] as const)
        expect(await passed(steps, { from, to }), `rows ${from} to ${to}`).to.deep.equal(all.slice(from, to));
    });
});
