import { expect } from 'chai';
import type { FeatureProfile } from '#contracts';
import { createRandom } from '#statistics';
import { textRule } from '../../../../support/memory-table.ts';
import { planOf, profileOf } from '../../../../support/modelling-task.ts';
import { mixedTable } from '../../../../support/mixed-table.ts';

const column = (cells: readonly (string | null)[]) => ({ name: 'spot', cells, parse: textRule });

async function featureOf(cells: readonly (string | null)[]): Promise<FeatureProfile> {
  const [feature] = (await profileOf([column(cells)])).features;
  return feature ?? expect.fail('no feature');
}
const codesOf = ({ warnings }: FeatureProfile): string[] => warnings.map(({ code }) => code);

/** Different places around San Francisco, in four spellings. */
function places(count: number): string[] {
  const random = createRandom(3);
  return Array.from({ length: count }, (_, row) => {
    const [latitude, longitude] = [(37 + random.uniform()).toFixed(5), (-122 - random.uniform()).toFixed(5)];
    return (
      [`${latitude},${longitude}`, `${latitude} ${longitude}`, `(${latitude}, ${longitude})`][row % 4] ??
      `POINT(${longitude} ${latitude})`
    );
  });
}

describe('ml profile: places', () => {
  it('are texts of which each is a latitude with a longitude, however many there are', async () => {
    for (const count of [40, 2_000]) {
      const feature = await featureOf([...places(count), '36.5, -121.25', 'NA', null]);
      expect([feature.type, feature.inferredType, feature.missingCount]).to.deep.equal(['geo', 'geo', 2]);
      expect(feature.boundingBox?.south).to.equal(36.5);
      expect(feature.boundingBox?.east).to.equal(-121.25);
      expect(feature.boundingBox?.north).to.be.within(37.8, 38);
      expect(feature.boundingBox?.west).to.be.within(-123, -122.8);
      expect(codesOf(feature)).to.deep.equal([]);
    }
  });

  it('are not taken from decimal commas, pairs of counts or ratings, nor where all are the same', async () => {
    for (const cells of [
      places(60).map((_, row) => `${row % 9},${row % 7}5`),
      places(60).map((_, row) => `${row % 9} ${row % 7}`),
      places(60).map((_, row) => `(${row % 9}, ${row % 7})`),
    ]) {
      const feature = await featureOf(cells);
      expect(feature.type).to.be.oneOf(['categorical', 'id']);
      expect(feature.boundingBox).to.equal(undefined);
    }
    expect((await featureOf(places(60).map(() => '1.5,2.5'))).type).to.equal('constant');
  });

  it('one text that is none keeps the column from it, and a warning says so', async () => {
    const feature = await featureOf([...places(60), 'unknown place']);
    expect(feature.type).to.equal('id');
    expect(codesOf(feature)).to.include('UNREADABLE_PLACES');
    expect(feature.warnings.find(({ code }) => code === 'UNREADABLE_PLACES')?.message).to.match(/^1 of 61 values/);
    const mixed = await featureOf([...places(60), ...places(60).map((_, row) => `street ${row}`)]);
    expect(codesOf(mixed)).to.not.include('UNREADABLE_PLACES');
  });

  it('are modelled; predictions can neither rise nor fall with one', async () => {
    const table = [...mixedTable(200, 3), column(places(200))];
    const request = { target: 'regression', featureNames: ['x', 'spot'] };
    expect((await planOf(table, request)).features.map(({ type }) => type)).to.deep.equal(['numeric', 'geo']);
    const refused = await planOf(table, { ...request, monotonic: { increasing: ['spot'], decreasing: [] } }).catch(
      String,
    );
    expect(refused).to.contain('is geo; only numbers can be constrained');
  });
});
