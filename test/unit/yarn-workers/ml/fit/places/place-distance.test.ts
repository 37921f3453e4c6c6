import { expect } from 'chai';
import { StoredInsight, parse, type InsightTask, type Parameters as Settings, type TrainTask } from '#contracts';
import { manifestOf } from '#ml';
import { fitModel } from '../../../../../support/in-memory.ts';
import { checkInsight, computeInsight } from '../../../../../support/in-memory.ts';
import { kilometresBetween, openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { placeColumnsOf } from '../../../../../../yarn-workers/ml/blueprints/places.ts';
import { readingOf, usualSteps } from '../../../../../../yarn-workers/ml/blueprints/reading.ts';
import { settingsOf } from '../../../../../../yarn-workers/ml/blueprints/catalogue.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import {
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const ROWS = 600;
/** Some that read distances, with what makes them quick. */
const BLUEPRINTS: readonly (readonly [string, Settings])[] = [
  ['lightgbm-fast', {}],
  ['xgboost-default', { maxIterations: 60 }],
  ['linear', {}],
  ['linear-splines', {}],
];

/** Fares of rides across the 180th meridian, by the kilometres from one place to the other: each as two numbers, or as a text. */
function rides(from: 'numbers' | 'text' | 'none', to: typeof from = from, latitudeOf = (north: number) => north) {
  const random = createRandom(6);
  const place = (): readonly [number, number] => {
    const east = 179 + 2 * random.uniform();
    return [latitudeOf(50 + random.uniform()), east > 180 ? east - 360 : east];
  };
  const places = Array.from({ length: ROWS }, () => [place(), place()] as const);
  const column = (
    name: string,
    parse: MemoryColumn['parse'],
    cellOf: (row: number) => string | null,
  ): MemoryColumn => ({
    name,
    parse,
    cells: Array.from({ length: ROWS }, (_, row) => (row % 60 === 7 ? null : cellOf(row))),
  });
  const columnsOf = (name: string, what: typeof from, end: 0 | 1): MemoryColumn[] => {
    const [north, east] = [0, 1].map((side) => places.map((ends) => String(ends[end][side])));
    const cellsOf =
      (cells: readonly string[] = []) =>
      (row: number) =>
        cells[row] ?? null;
    if (what === 'text') return [column(name, textRule, (row) => `${north?.[row] ?? ''}, ${east?.[row] ?? ''}`)];
    return [
      column(what === 'none' ? `${name} x` : `${name} lat`, numberRule, cellsOf(north)),
      column(what === 'none' ? `${name} y` : `${name} lon`, numberRule, cellsOf(east)),
    ];
  };
  const fares = places.map(([own, other]) => {
    const kilometres = kilometresBetween(...own, ...other);
    return String((Number.isNaN(kilometres) ? 0 : kilometres) + 5 * (random.uniform() - 0.5));
  });
  return [
    ...columnsOf('pickup', from, 0),
    ...columnsOf('dropoff', to, 1),
    { name: 'fare', cells: fares, parse: numberRule },
  ];
}

async function taskOf(
  table: readonly MemoryColumn[],
  blueprintId: string,
  { increasing = [], parameters = {} }: { readonly increasing?: string[]; readonly parameters?: Settings } = {},
) {
  const plan = await planOf(table, {
    target: 'fare',
    partitioning: { method: 'random', folds: 3, holdoutFraction: 0 },
    monotonic: { increasing, decreasing: [] },
  });
  return trainTask(table, plan, { blueprintId, parameters });
}

const fitOf = (table: readonly MemoryColumn[], task: TrainTask, batchRows = 1_000) =>
  fitModel(task, memorySource(table, batchRows), testEngine(), freeIo());

const distancesOf = ({ content }: Awaited<ReturnType<typeof fitOf>>) =>
  content.steps.flatMap((step) => (step.kind === 'place-distance' ? [step] : []));

describe('ml: distances between two places of a row', function () {
  this.timeout(60_000);

  it('are of each two of the first four places, whatever they are given as', () => {
    const numeric = (name: string) => ({ name, type: 'numeric' as const });
    const features = [
      ...[numeric('b lon'), { name: 'spot', type: 'geo' as const }, numeric('a lat'), numeric('b lat')],
      ...[numeric('a lon'), { name: 'home', type: 'geo' as const }, { name: 'late', type: 'geo' as const }],
    ];
    const found = (id: string, increasing: string[] = []) =>
      placeColumnsOf(readingOf({ blueprintId: id, parameters: {} }), features, { increasing, decreasing: [] });
    const [spot, a, b, home] = [
      ...[
        { feature: 1, longitude: null },
        { feature: 2, longitude: 4 },
      ],
      ...[
        { feature: 3, longitude: 0 },
        { feature: 5, longitude: null },
      ],
    ];
    for (const id of [...BLUEPRINTS.map(([name]) => name), 'network', 'factorization-machine'])
      expect(found(id).distances, id).to.deep.equal([
        ...[
          [spot, a],
          [spot, b],
          [a, b],
          [spot, home],
        ],
        ...[
          [a, home],
          [b, home],
        ],
      ]);
    expect(found('linear', ['a lon', 'x']).distances.flat()).to.not.deep.include(a);
    expect(found('baseline').distances).to.deep.equal([]);
    for (const id of ['extra-trees', 'random-forest']) expect(found(id).distances, id).to.deep.equal([]);
    for (const [id] of BLUEPRINTS)
      expect(found(id).measures, id).to.deep.equal(['kilometres', ...(id === 'linear' ? ['log-kilometres'] : [])]);
    const one = placeColumnsOf(readingOf({ blueprintId: 'linear', parameters: {} }), features.slice(1, 2), {
      increasing: [],
      decreasing: [],
    });
    expect(one.distances).to.deep.equal([]);
  });

  it('gain where the distance decides, for boosted trees and lines, of numbers and of texts', async () => {
    for (const [blueprintId, parameters] of BLUEPRINTS) {
      const rmseOf = async (...[from, to]: readonly Parameters<typeof rides>[0][]): Promise<number> => {
        const table = rides(from ?? 'none', to);
        const { scores } = await fitOf(table, await taskOf(table, blueprintId, { parameters }));
        return scores?.crossValidation?.rmse ?? NaN;
      };
      const unknown = await rmseOf('none');
      for (const what of [['numbers'], ['text'], ['text', 'numbers']] as const)
        expect(await rmseOf(...what), `${blueprintId} of ${what.join(' and ')}`).to.be.below(0.5 * unknown);
    }
  });

  it('are the same model whatever the batches, and in other models are none', async () => {
    for (const what of ['numbers', 'text'] as const) {
      const task = await taskOf(rides(what), 'linear-splines');
      const fit = await fitOf(rides(what), task);
      expect(distancesOf(fit).length).to.equal(1);
      expect((await fitOf(rides(what), task, 7)).contentHash).to.equal(fit.contentHash);
    }
    for (const blueprintId of ['lightgbm-fast', 'linear', 'linear-splines']) {
      const table = rides('numbers', 'none');
      const task = await taskOf(table, blueprintId);
      const featureSteps = usualSteps(blueprintId, settingsOf(blueprintId, {}));
      const without = featureSteps.filter((kind) => kind !== 'place-distance');
      expect(without.length).to.equal(featureSteps.length - 1);
      const { contentHash } = await fitOf(table, { ...task, featureSteps: without });
      expect((await fitOf(table, task)).contentHash, blueprintId).to.equal(contentHash);
    }
  });

  it('are none of numbers that are no degrees, nor of a place with a number that is to rise with the target', async () => {
    const projected = rides('text', 'numbers', (north) => 100 * north);
    const [pickup] = rides('text');
    const table = projected.map((column) => (column.name === 'pickup' && pickup !== undefined ? pickup : column));
    expect(distancesOf(await fitOf(table, await taskOf(table, 'lightgbm-fast')))).to.deep.equal([]);
    const rising = await taskOf(rides('numbers'), 'lightgbm-fast', { increasing: ['dropoff lat'] });
    expect(distancesOf(await fitOf(rides('numbers'), rising))).to.deep.equal([]);
  });

  it('are told as the first place’s in explanations, and move with both in impact and effects', async () => {
    const table = rides('text', 'numbers');
    const task = await taskOf(table, 'linear');
    const fit = await fitOf(table, task);
    const manifest = manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    const scorer = openArtifact(manifest, fit.blob, sha256);
    const answer = scorer.createPrediction(true);
    expect(scorer.explainer().features).to.deep.equal(['pickup', 'dropoff lat', 'dropoff lon']);
    const largest = new Float64Array(3);
    for (let row = 0; row < ROWS; row += 1) {
      scorer.scoreRow(Object.fromEntries(table.map(({ name, cells }) => [name, cells[row] ?? null])), answer, row);
      const contributions = [...(answer.contributions ?? [])];
      const [base = NaN] = scorer.explainer().baseValues;
      expect(contributions.reduce((sum, value) => sum + value, base)).to.be.closeTo(Number(answer.prediction), 1e-9);
      for (const [feature, value] of contributions.entries())
        largest[feature] = Math.max(largest[feature] ?? 0, Math.abs(value));
    }
    const outOfFold = fit.outOfFold ?? expect.fail('no row is held back');
    for (const insight of ['feature-impact', 'feature-effects'] as const) {
      const { projectId, datasetId, metric, seed, modelId, target } = task;
      const asked: InsightTask = {
        ...{ kind: 'insight', insight, projectId, datasetId, metric, seed, modelId, target },
        ...{ table: storedTable(table), artifactPath: '', manifestSha256: '' },
      };
      const input = { manifest, outOfFold, blob: fit.blob, source: memorySource(table, 64) };
      const stored = await computeInsight(asked, input, freeIo());
      await checkInsight(asked, stored, manifest, outOfFold);
      const made = parse(StoredInsight, JSON.parse(JSON.stringify(stored)), 'insight').insight;
      if (made.kind !== 'feature-impact') continue;
      // Half a ride is as wrong whichever of its ends is moved.
      for (const { feature, impact } of made.features) expect(impact, feature).to.be.greaterThan(1);
    }
    expect(largest[0]).to.be.greaterThan(2 * Math.max(largest[1] ?? NaN, largest[2] ?? NaN));
  });
});
