import { expect } from 'chai';
import type { Partitioning } from '#contracts';
import { HOLDOUT, TRAINING, partitionOf, type PartitionRows } from '#ml';
import { createRandom } from '#statistics';
import { appErrorOf } from '../../../../support/expect-error.ts';

const partitioning = (changes: Partial<Partitioning> = {}): Partitioning => ({
  method: 'random',
  validation: 'cv',
  folds: 5,
  validationFraction: null,
  holdoutFraction: 0.2,
  column: null,
  seed: 11,
  ...changes,
});

const tvh = (changes: Partial<Partitioning> = {}): Partitioning =>
  partitioning({ validation: 'tvh', folds: 1, validationFraction: 0.16, ...changes });

const plain = (rowCount: number): PartitionRows => ({ rowCount, classes: null, classLabels: [], key: null });

function withClasses(sizes: readonly number[]): PartitionRows {
  const random = createRandom(3);
  const classes = sizes.flatMap((size, index) => Array.from({ length: size }, () => index));
  for (let i = classes.length - 1; i > 0; i -= 1) {
    const j = random.below(i + 1);
    [classes[i], classes[j]] = [classes[j] ?? 0, classes[i] ?? 0];
  }
  return {
    rowCount: classes.length,
    classes: Int32Array.from(classes),
    classLabels: sizes.map((_, index) => `class ${index}`),
    key: null,
  };
}

function withKey(values: readonly (string | null)[]): PartitionRows {
  const keys = [...new Set(values.filter((value) => value !== null))];
  const codes = Int32Array.from(values, (value) => (value === null ? -1 : keys.indexOf(value)));
  return { ...plain(values.length), key: { name: 'key', codes, keys } };
}

function counts(of: Int8Array): Record<string, number> {
  const result: Record<string, number> = {};
  for (const partition of of) result[partition] = (result[partition] ?? 0) + 1;
  return result;
}

describe('ml partition', () => {
  it('deals exact proportions at random up to 100,000 rows', () => {
    const { of, foldCount } = partitionOf(partitioning(), plain(1_000));
    expect(foldCount).to.equal(5);
    expect(counts(of)).to.deep.equal({ [HOLDOUT]: 200, 0: 160, 1: 160, 2: 160, 3: 160, 4: 160 });
    expect(counts(partitionOf(tvh(), plain(1_000)).of)).to.deep.equal({ [HOLDOUT]: 200, 0: 160, [TRAINING]: 640 });
  });

  it('deals by the hash alone above, near to the proportions', () => {
    const found = counts(partitionOf(partitioning(), plain(200_000)).of);
    expect(found[HOLDOUT]).to.be.within(39_500, 40_500);
    for (const fold of [0, 1, 2, 3, 4]) expect(found[fold]).to.be.within(31_500, 32_500);
    const split = counts(partitionOf(tvh(), plain(200_000)).of);
    expect(split[0]).to.be.within(31_500, 32_500);
    expect(split[TRAINING]).to.be.within(127_000, 129_000);
  });

  it('depends on the seed, and on nothing else', () => {
    const rows = withClasses([300, 50, 20]);
    const first = partitionOf(partitioning({ method: 'stratified' }), rows);
    expect(partitionOf(partitioning({ method: 'stratified' }), rows)).to.deep.equal(first);
    expect(partitionOf(partitioning({ method: 'stratified', seed: 12 }), rows)).not.to.deep.equal(first);
  });

  it('gives every class the same proportions when stratified', () => {
    const rows = withClasses([500, 100, 10]);
    const { of } = partitionOf(partitioning({ method: 'stratified' }), rows);
    for (const [index, size] of [500, 100, 10].entries()) {
      const own = counts(of.filter((_, row) => rows.classes?.[row] === index));
      expect(own[HOLDOUT]).to.equal(size / 5);
      for (const fold of [0, 1, 2, 3, 4])
        expect(own[fold] ?? 0).to.be.within(Math.floor(size * 0.16), Math.ceil(size * 0.16));
    }
  });

  it('works with three, and with two rows of a class, stratified', () => {
    for (const size of [2, 3]) {
      const rows = withClasses([100, size]);
      for (const request of [partitioning({ method: 'stratified' }), tvh({ method: 'stratified' })]) {
        const { of } = partitionOf(request, rows);
        const own = of.filter((_, row) => rows.classes?.[row] === 1);
        expect(own.filter((partition) => partition !== HOLDOUT)).to.have.length.at.least(2);
      }
    }
  });

  it('refuses a class that some training part would lack', async () => {
    const one = await appErrorOf('TARGET_CLASS_TOO_SMALL', () =>
      partitionOf(partitioning({ method: 'stratified' }), withClasses([100, 1])),
    );
    expect(one.message).to.contain('"class 1"').and.contain('has no training row');
    // All rows of the class in one group: its fold takes the class along.
    const grouped = { ...withClasses([100, 10]) };
    const key = {
      name: 'k',
      codes: Int32Array.from(grouped.classes ?? [], (index, row) => (index === 1 ? 0 : 1 + (row % 12))),
      keys: Array.from({ length: 13 }, (_, i) => `g${i}`),
    };
    await appErrorOf('TARGET_CLASS_TOO_SMALL', () =>
      partitionOf(partitioning({ method: 'group', holdoutFraction: 0 }), { ...grouped, key }),
    );
  });

  it('deals regression at random when stratified is asked for', () => {
    expect(partitionOf(partitioning({ method: 'stratified' }), plain(500))).to.deep.equal(
      partitionOf(partitioning(), plain(500)),
    );
  });

  it('keeps groups whole; a row without a key is a group of its own', () => {
    const random = createRandom(8);
    const values = Array.from({ length: 4_000 }, () => (random.uniform() < 0.1 ? null : `group ${random.below(150)}`));
    const { of } = partitionOf(partitioning({ method: 'group' }), withKey(values));
    const byGroup = new Map<string, Set<number>>();
    values.forEach(
      (value, row) => value !== null && byGroup.set(value, (byGroup.get(value) ?? new Set()).add(of[row] ?? 9)),
    );
    expect([...byGroup.values()].every((partitions) => partitions.size === 1)).to.be.true;
    expect(new Set(of.filter((_, row) => values[row] === null)).size).to.equal(6);
    const found = counts(of);
    expect(found[HOLDOUT]).to.be.within(700, 900);
    for (const fold of [0, 1, 2, 3, 4]) expect(found[fold]).to.be.within(560, 720);
  });

  it('gives every partition a group as long as there are as many', async () => {
    const uneven = ['a', 'b', 'c', 'd', 'e', 'f'].flatMap((name, index) =>
      Array.from({ length: index === 5 ? 500 : 1 }, () => name),
    );
    expect(Object.keys(counts(partitionOf(partitioning({ method: 'group' }), withKey(uneven)).of))).to.have.length(6);
    const err = await appErrorOf('PARTITION_INVALID', () =>
      partitionOf(partitioning({ method: 'group' }), withKey(['a', 'b', 'c', 'a'])),
    );
    expect(err.message).to.contain('3 groups').and.contain('at least 6');
  });

  it('reads partitions from a column', () => {
    const names = ['Train', 'training', 'VALID', 'holdout', 'test', 'validation'];
    const { of } = partitionOf(tvh({ method: 'column', column: 'key' }), withKey(names));
    expect([...of]).to.deep.equal([TRAINING, TRAINING, 0, HOLDOUT, HOLDOUT, 0]);
    const folds = partitionOf(
      partitioning({ method: 'column', folds: 3, holdoutFraction: 0 }),
      withKey(['10', '9', 'x10'].concat(['9', '10', 'x10'])),
    );
    expect([...folds.of]).to.deep.equal([0, 1, 2, 1, 0, 2]);
    const numeric = partitionOf(
      partitioning({ method: 'column', folds: 2, holdoutFraction: 0 }),
      withKey(['10', '9', '9', '10', 'Holdout']),
    );
    expect(numeric.of[4]).to.equal(HOLDOUT);
    const numbers = partitionOf(
      partitioning({ method: 'column', folds: 2, holdoutFraction: 0 }),
      withKey(['10', '9', '9', '10']),
    );
    expect([...numbers.of]).to.deep.equal([1, 0, 0, 1]);
  });

  it('refuses other names, missing values and too many folds, naming what it found', async () => {
    const other = await appErrorOf('PARTITION_INVALID', () =>
      partitionOf(tvh({ method: 'column' }), withKey(['train', 'valid', 'dev'])),
    );
    expect(other.message).to.contain('"dev"').and.contain('"key"').and.contain('training, validation, holdout');
    await appErrorOf('PARTITION_INVALID', () => partitionOf(tvh({ method: 'column' }), withKey(['train', 'test'])));
    const missing = await appErrorOf('PARTITION_INVALID', () =>
      partitionOf(tvh({ method: 'column' }), withKey(['train', null, 'valid'])),
    );
    expect(missing.message).to.contain('row 1');
    const many = Array.from({ length: 30 }, (_, i) => `f${i}`);
    const err = await appErrorOf('PARTITION_INVALID', () =>
      partitionOf(partitioning({ method: 'column', folds: 30 }), withKey(many)),
    );
    expect(err.message).to.contain('and 20 more');
    await appErrorOf('PARTITION_INVALID', () =>
      partitionOf(partitioning({ method: 'column', folds: 4 }), withKey(['a', 'b', 'a'])),
    );
    await appErrorOf('PARTITION_INVALID', () =>
      partitionOf(partitioning({ method: 'column', folds: 2 }), withKey(['__proto__'])),
    );
  });

  it('refuses too few rows', async () => {
    const err = await appErrorOf('TOO_FEW_ROWS', () => partitionOf(partitioning(), plain(3)));
    expect(err.message).to.contain('has no rows').and.contain('fewer folds');
  });
});
