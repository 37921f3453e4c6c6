import { expect } from 'chai';
import type { Partitioning } from '#contracts';
import { createRandom } from '#statistics';
import { dealStratified, misdealtRow } from '../../../../../yarn-workers/ml/partition/ranks.ts';

const PARTITIONING: Partitioning = {
  ...{ method: 'stratified', column: null, validation: 'cv', folds: 5, validationFraction: null },
  ...{ holdoutFraction: 0.2, seed: 11 },
};

describe('rows that are dealt by rank', () => {
  it('are found to be dealt so, by ranges of their hashes as by all at once', () => {
    const random = createRandom(3);
    const classes = Int32Array.from({ length: 5_000 }, () => Math.floor(random.uniform() ** 4 * 12));
    for (const validation of ['cv', 'tvh'] as const) {
      const partitioning = { ...PARTITIONING, validation, validationFraction: validation === 'tvh' ? 0.2 : null };
      const of = dealStratified(partitioning, classes, 12);
      for (const rangeRows of [5_000, 1_000, 37]) {
        expect(misdealtRow(partitioning, Uint16Array.from(classes), of, 12, rangeRows)).to.equal(null);
        for (const row of [0, 1_234, 4_999]) {
          const other = of.with(row, of[row] === -1 ? 0 : -1);
          expect(misdealtRow(partitioning, Uint16Array.from(classes), other, 12, rangeRows)).to.equal(row);
        }
      }
    }
  });
});
