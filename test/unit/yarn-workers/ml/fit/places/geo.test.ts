import { expect } from 'chai';
import { StoredInsight, parse, type InsightTask, type TaskInsightKind } from '#contracts';
import { coefficientsOf, manifestOf } from '#ml';
import { fitModel } from '../../../../../support/in-memory.ts';
import { checkInsight, computeInsight } from '../../../../../support/in-memory.ts';
import { cellNames, cellOf, modelReader, openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { growCells } from '../../../../../../yarn-workers/ml/fit/places/place-cells.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import {
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const ROWS = 900;

/** Prices with two hills, by where houses stand: as one text, or as two numbers. */
function houses(what: 'text' | 'numbers' | 'unknown'): MemoryColumn[] {
  const random = createRandom(5);
  const cells: Record<string, (string | null)[]> = { spot: [], lat: [], lon: [], size: [], price: [] };
  for (let row = 0; row < ROWS; row += 1) {
    const [north, east, size] = [34 + 8 * random.uniform(), -124 + 10 * random.uniform(), random.uniform()];
    const hills =
      Math.exp(-((north - 36) ** 2) - (east + 121) ** 2) + Math.exp(-((north - 40) ** 2) - (east + 117) ** 2);
    const isMissing = row % 50 === 0;
    cells['spot']?.push(isMissing ? null : `${north}, ${east}`);
    cells['lat']?.push(isMissing ? null : String(north));
    cells['lon']?.push(isMissing ? null : String(east));
    cells['size']?.push(String(size));
    cells['price']?.push(String(10 * hills + size + 0.2 * (random.uniform() - 0.5)));
  }
  const named = (from: string, name = from): MemoryColumn => ({
    name,
    cells: cells[from] ?? [],
    parse: from === 'spot' ? textRule : numberRule,
  });
  const rest = [named('size'), named('price')];
  if (what === 'text') return [named('spot'), ...rest];
  const names = what === 'numbers' ? (['lat', 'lon'] as const) : (['north', 'east'] as const);
  return [named('lat', names[0]), named('lon', names[1]), ...rest];
}

async function fitOf(table: readonly MemoryColumn[], blueprintId: string, batchRows = 1_000) {
  const plan = await planOf(table, {
    target: 'price',
    partitioning: { method: 'random', folds: 3, holdoutFraction: 0 },
  });
  const task = trainTask(table, plan, { blueprintId });
  return { task, plan, fit: await fitModel(task, memorySource(table, batchRows), testEngine(), freeIo()) };
}

const rmseOf = async (what: Parameters<typeof houses>[0], blueprintId: string): Promise<number> =>
  (await fitOf(houses(what), blueprintId)).fit.scores?.crossValidation?.rmse ?? NaN;

describe('ml: features that are places', function () {
  this.timeout(30_000);

  it('predict as their latitude and longitude do in two numbers', async () => {
    for (const id of ['lightgbm-fast', 'extra-trees', 'linear-splines', 'linear'])
      expect(await rmseOf('text', id), id).to.be.closeTo(await rmseOf('numbers', id), 0.1);
  });

  it('have cells in linear models, which gain where a surface bends', async () => {
    for (const id of ['linear', 'linear-splines'])
      expect(await rmseOf('numbers', id), id).to.be.below(0.9 * (await rmseOf('unknown', id)));
    const { fit } = await fitOf(houses('text'), 'linear');
    const kinds = fit.content.steps.map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'place-cells').length, 'one a fold').to.equal(3);
    const { fit: boosted } = await fitOf(houses('text'), 'lightgbm-fast');
    expect(boosted.content.steps.map(({ kind }) => kind)).to.not.include('place-cells');
  });

  it('give the same model whatever the batches', async () => {
    for (const what of ['text', 'numbers'] as const) {
      const first = await fitOf(houses(what), 'linear-splines');
      const again = await fitOf(houses(what), 'linear-splines', 7);
      expect(again.fit.contentHash).to.equal(first.fit.contentHash);
    }
  });

  it('are one feature in explanations, impact, effects, segments and coefficients', async () => {
    const table = houses('text');
    const { task, plan, fit } = await fitOf(table, 'linear-splines');
    const manifest = manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    const scorer = openArtifact(manifest, fit.blob, sha256);
    const answer = scorer.createPrediction(true);
    for (let row = 0; row < 100; row += 1) {
      scorer.scoreRow(Object.fromEntries(table.map(({ name, cells }) => [name, cells[row] ?? null])), answer, row);
      const [base = NaN] = scorer.explainer().baseValues;
      const sum = [...(answer.contributions ?? [])].reduce((total, value) => total + value, base);
      expect(scorer.explainer().features).to.deep.equal(['spot', 'size']);
      expect(sum).to.be.closeTo(Number(answer.prediction), 1e-9);
    }
    const outOfFold = fit.outOfFold ?? expect.fail('no row is held back');
    const insightOf = async (insight: TaskInsightKind) => {
      const { projectId, datasetId, metric, seed, modelId } = task;
      const asked: InsightTask = {
        ...{ kind: 'insight', insight, projectId, datasetId, metric, seed, modelId },
        ...{ target: plan.target, table: storedTable(table), artifactPath: '', manifestSha256: '' },
      };
      const input = { manifest, outOfFold, blob: fit.blob, source: memorySource(table, 64) };
      const stored = await computeInsight(asked, input, freeIo());
      await checkInsight(asked, stored, manifest, outOfFold);
      return parse(StoredInsight, JSON.parse(JSON.stringify(stored)), 'insight').insight;
    };
    const impact = await insightOf('feature-impact');
    if (impact.kind !== 'feature-impact') return expect.fail(impact.kind);
    expect(impact.features.map(({ feature }) => feature)).to.deep.equal(['spot', 'size']);
    const effects = await insightOf('feature-effects');
    if (effects.kind !== 'feature-effects') return expect.fail(effects.kind);
    const bins = effects.features.find(({ feature }) => feature === 'spot')?.bins ?? [];
    expect(bins.map(({ kind }) => kind)).to.deep.equal([...Array.from({ length: 16 }, () => 'level'), 'missing']);
    expect(bins[0]?.level).to.match(/^34\.\d+ to 3\d\.\d+, -12\d\.\d+ to -1\d\d\.\d+$/);
    const near = bins.filter(({ meanActual }) => (meanActual[0] ?? 0) > 2);
    for (const { partialDependence, meanActual } of near)
      expect(partialDependence?.[0]).to.be.greaterThan((meanActual[0] ?? NaN) / 3);
    expect(near.length).to.be.greaterThan(1);
    const segments = await insightOf('segments');
    if (segments.kind !== 'segments') return expect.fail(segments.kind);
    expect(segments.features.find(({ feature }) => feature === 'spot')?.segments.length).to.equal(9);
    const terms = coefficientsOf(fit.content, modelReader(fit.content, fit.blob), {
      output: 0,
      label: null,
      deviations: {},
    }).terms.filter(({ column }) => column.startsWith('spot.cells'));
    expect(terms.length).to.be.greaterThan(16);
    for (const { feature, kind, level } of terms) {
      expect(feature).to.equal('spot');
      if (kind === 'level')
        expect(level).to.match(/^(all|up to .*|above .*|.* to .*), (all|up to .*|above .*|.* to .*)$/);
    }
    return undefined;
  });
});

describe('ml: cells of places', () => {
  const random = createRandom(9);
  const values = (scale: number): Float64Array => Float64Array.from({ length: 4_000 }, () => scale * random.uniform());
  const places = { latitudes: values(1), longitudes: values(3) };

  it('have as many places each, first cut along the longer side', () => {
    const cuts = growCells(places, 1, 4);
    const counts = new Float64Array(16);
    for (const [row, latitude] of places.latitudes.entries()) {
      const cell = cellOf(cuts, 4, latitude, places.longitudes[row] ?? NaN);
      counts[cell] = (counts[cell] ?? 0) + 1;
    }
    expect([...counts]).to.deep.equal(Array.from({ length: 16 }, () => 250));
    expect(cuts.onLongitude.slice(0, 3)).to.deep.equal([true, true, true]);
    expect(growCells(places, 0.1, 1).onLongitude).to.deep.equal([false]);
  });

  it('are named by what they span', () => {
    const cuts = { onLongitude: [true, false, true], cuts: [5, 40, 9] };
    expect(cellNames(cuts, 1)).to.deep.equal(['all, up to 5', 'all, above 5']);
    expect(cellNames(cuts, 2)).to.deep.equal(['up to 40, up to 5', 'above 40, up to 5', 'all, 5 to 9', 'all, above 9']);
  });

  it('stay with places that are all the same, or none', () => {
    const same = { latitudes: new Float64Array(50).fill(3), longitudes: new Float64Array(50).fill(4) };
    expect(cellOf(growCells(same, 1, 3), 3, 3, 4)).to.equal(0);
    const none = growCells({ latitudes: Float64Array.of(NaN, 1), longitudes: Float64Array.of(2, NaN) }, 1, 2);
    expect(none.cuts).to.deep.equal([0, 0, 0]);
  });
});
