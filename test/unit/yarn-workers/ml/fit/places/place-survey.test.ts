import { expect } from 'chai';
import { fitModel } from '../../../../../support/in-memory.ts';
import { createRandom } from '#statistics';
import { placeColumnsOf, placePairs } from '../../../../../../yarn-workers/ml/blueprints/places.ts';
import { readingOf } from '../../../../../../yarn-workers/ml/blueprints/reading.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { memorySource, numberRule, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const numeric = (...names: string[]) => names.map((name) => ({ name, type: 'numeric' as const }));
const NO_SIGNS = { increasing: [], decreasing: [] };

/** Prices that rise and fall in waves from south-west to north-east, as beside a coast that runs across. */
function coast(rowCount: number, names: readonly [string, string], latitudeOf = (north: number) => north) {
  const random = createRandom(5);
  const cells: readonly [string[], string[], string[]] = [[], [], []];
  for (let row = 0; row < rowCount; row += 1) {
    const [north, east] = [34 + 8 * random.uniform(), -124 + 10 * random.uniform()];
    cells[0].push(String(latitudeOf(north)));
    cells[1].push(String(east));
    cells[2].push(String(Math.sin(2 * (north + 0.8 * east)) + (random.uniform() - 0.5) / 4));
  }
  return [names[0], names[1], 'price'].map((name, column): MemoryColumn => ({
    name,
    cells: cells[column] ?? [],
    parse: numberRule,
  }));
}

async function fitOf(
  table: readonly MemoryColumn[],
  { blueprintId = 'lightgbm-fast', batchRows = 1_000, increasing = [] as string[] } = {},
) {
  const plan = await planOf(table, {
    target: 'price',
    partitioning: { method: 'random', folds: 3, holdoutFraction: 0 },
    monotonic: { increasing, decreasing: [] },
  });
  const task = trainTask(table, plan, { blueprintId });
  return fitModel(task, memorySource(table, batchRows), testEngine(), freeIo());
}

const directionsOf = ({ content }: Awaited<ReturnType<typeof fitOf>>) =>
  content.steps.flatMap((step) => (step.kind === 'place-directions' ? [step] : []));

describe('ml: places', () => {
  it('are pairs of numbers whose names are alike but for one word', () => {
    const features = [
      ...numeric('pickup_lng', 'dropoff lon', 'Latitude', 'pickup_lat', 'homeLat', 'LONGITUDE'),
      { name: 'home_long', type: 'categorical' as const },
      ...numeric('lat.lat', 'flat', 'flon', 'dropoffLatitude', 'relationship', 'belong'),
    ];
    expect(placePairs(features)).to.deep.equal([
      { latitude: 2, longitude: 5 },
      { latitude: 3, longitude: 0 },
      { latitude: 10, longitude: 1 },
    ]);
    expect(placePairs(numeric('lat', 'x'))).to.deep.equal([]);
  });

  it('are read by trees and broken lines, unless a prediction is to rise or fall with one of their features', () => {
    const features = numeric('lat', 'lon');
    const pairs = [{ latitude: 0, longitude: 1 }];
    const read = (id: string) => readingOf({ blueprintId: id, parameters: {} });
    const found = (id: string) => {
      const { directions, cellSizes, ...columns } = placeColumnsOf(read(id), features, NO_SIGNS);
      return { pairs: columns.pairs, directions, cellSizes };
    };
    for (const id of ['lightgbm-default', 'xgboost-default', 'extra-trees'])
      expect(found(id), id).to.deep.equal({ pairs, directions: true, cellSizes: 0 });
    expect(found('linear-splines')).to.deep.equal({ pairs, directions: true, cellSizes: 3 });
    expect(found('linear')).to.deep.equal({ pairs, directions: false, cellSizes: 3 });
    expect(placeColumnsOf(read('baseline'), features, NO_SIGNS).pairs).to.deep.equal([]);
    for (const id of ['lightgbm-default', 'linear'])
      expect(placeColumnsOf(read(id), features, { increasing: [], decreasing: ['lon'] }).pairs).to.deep.equal([]);
    const straight = { blueprintId: 'linear-splines', parameters: {}, featureSteps: ['numeric' as const] };
    expect(placeColumnsOf(readingOf(straight), features, NO_SIGNS)).to.include({ directions: false, cellSizes: 0 });
  });

  it('have the width of a degree where each member’s own training rows are', async () => {
    const table = coast(600, ['lat', 'lon']);
    const fit = await fitOf(table);
    const steps = directionsOf(fit);
    expect(new Set(steps.map(({ width }) => width)).size).to.equal(3);
    const { outOfFold } = fit;
    if (outOfFold === null) throw new Error('no row is held back');
    for (const [fold, { feature, longitude, width }] of steps.entries()) {
      expect([fit.content.features[feature]?.name, fit.content.features[longitude]?.name]).to.deep.equal([
        'lat',
        'lon',
      ]);
      const trains = [...outOfFold.rows].filter((_, index) => outOfFold.partitions[index] !== fold);
      const mean = trains.reduce((sum, row) => sum + Number(table[0]?.cells[row]), 0) / trains.length;
      expect(width).to.be.closeTo(Math.cos((mean * Math.PI) / 180), 1e-8);
    }
    const again = await fitOf(table, { batchRows: 7 });
    expect(again.contentHash).to.equal(fit.contentHash);
  });

  it('gain where the signal runs across latitude and longitude, for boosted trees, forests and broken lines', async () => {
    for (const blueprintId of ['lightgbm-fast', 'extra-trees', 'linear-splines']) {
      const rmseOf = async (names: readonly [string, string]): Promise<number> => {
        const { scores } = await fitOf(coast(900, names), { blueprintId });
        return scores?.crossValidation?.rmse ?? NaN;
      };
      expect(await rmseOf(['lat', 'lon'])).to.be.below(0.8 * (await rmseOf(['north', 'east'])));
    }
  });

  it('are none where a number is no latitude, or one is to rise with the target', async () => {
    expect(directionsOf(await fitOf(coast(300, ['lat', 'lon'], (north) => 10 * north)))).to.deep.equal([]);
    expect(directionsOf(await fitOf(coast(300, ['lat', 'lon']), { increasing: ['lat'] }))).to.deep.equal([]);
  });
});
