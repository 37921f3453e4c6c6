import { expect } from 'chai';
import { createRandom } from '#statistics';
import { RowPlaces } from '../../../../../yarn-workers/ml/fit/row-places.ts';

describe('ml fit: places of rows', () => {
  for (const [name, rowCount, share] of [
    ['some', 1_003, 0.3],
    ['all', 64, 1],
    ['none', 65, 0],
    ['no row at all', 0, 1],
  ] as const)
    it(`counts those before: ${name}`, () => {
      const random = createRandom(7);
      const wanted = Array.from({ length: rowCount }, () => random.uniform() < share);
      const places = RowPlaces.of(rowCount, (row) => wanted[row] === true);
      let count = 0;
      for (const [row, isWanted] of wanted.entries()) {
        expect(places.placeOf(row), `row ${row}`).to.equal(isWanted ? count : -1);
        expect(places.has(row)).to.equal(isWanted);
        if (isWanted) count += 1;
      }
      expect(places.count).to.equal(count);
    });

  it('has no place for what is no row', () => {
    const places = RowPlaces.of(10, () => true);
    for (const row of [10, 31, 32, 1_000, -1]) expect(places.placeOf(row)).to.equal(-1);
  });

  it('comes back from its bits', () => {
    const places = RowPlaces.of(100, (row) => row % 3 === 1);
    const again = new RowPlaces(places.bits.slice());
    expect([again.count, again.placeOf(40), again.placeOf(41)]).to.deep.equal([33, 13, -1]);
  });
});
