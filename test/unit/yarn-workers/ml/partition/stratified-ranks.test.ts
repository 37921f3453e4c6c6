import { expect } from 'chai';
import type { Partitioning } from '#contracts';
import { createRandom, rowHash } from '#statistics';
import { dealStratified, misdealtRow } from '../../../../../yarn-workers/ml/partition/ranks.ts';
import { HOLDOUT, TRAINING } from '../../../../../yarn-workers/ml/partition/types.ts';

const partitioning = (changes: Partial<Partitioning>): Partitioning => ({
  ...{ method: 'stratified', validation: 'tvh', folds: 1, validationFraction: 0.2, holdoutFraction: 0.15 },
  ...{ column: null, seed: 11 },
  ...changes,
});

/** By the definition: rows of each class sorted by hash and row, cut where the shares end. */
function sorted({ seed, holdoutFraction, validationFraction }: Partitioning, classes: Uint8Array, count: number) {
  const of = new Int8Array(classes.length).fill(TRAINING);
  for (let index = 0; index < count; index += 1) {
    const rows = [...classes.keys()].filter((row) => classes[row] === index);
    rows.sort((a, b) => rowHash(seed, a) - rowHash(seed, b) || a - b);
    const held = Math.max(0, Math.min(Math.round(holdoutFraction * rows.length), rows.length - 2));
    const validates = rows.length - held < 2 ? 0 : Math.max(1, Math.round((validationFraction ?? 0) * rows.length));
    for (const [rank, row] of rows.entries()) {
      if (rank < held) of[row] = HOLDOUT;
      else if (rank < Math.min(held + validates, rows.length - 1)) of[row] = 0;
    }
  }
  return of;
}

describe('ml partition: ranks within classes', function () {
  this.timeout(30_000);
  const random = createRandom(3);
  const many = Uint8Array.from({ length: 200_000 }, () => (random.uniform() < 0.2 ? 1 : 0));
  const few = Uint8Array.from({ length: 40 }, (_, row) =>
    row < 20 ? 0 : row < 30 ? 1 : row < 33 ? 2 : row < 35 ? 3 : 4,
  );

  for (const [name, classes, count] of [
    ['many rows', many, 2],
    ['small classes', few, 5],
    ['a class without rows', few, 6],
  ] as const) {
    it(`are counted as they are sorted: ${name}`, () => {
      for (const changes of [{}, { holdoutFraction: 0 }, { validationFraction: 0.5 }, { seed: 12 }])
        expect(dealStratified(partitioning(changes), classes, count)).to.deep.equal(
          sorted(partitioning(changes), classes, count),
        );
    });

    it(`are the same by ranges of hashes: ${name}`, () => {
      const folds = partitioning({ validation: 'cv', folds: 5 });
      const whole = dealStratified(folds, classes, count);
      expect(dealStratified(folds, classes, count, 7 + classes.length / 9)).to.deep.equal(whole);
      expect(misdealtRow(folds, classes, whole, count, 1 + classes.length / 4)).to.equal(null);
    });
  }
});
