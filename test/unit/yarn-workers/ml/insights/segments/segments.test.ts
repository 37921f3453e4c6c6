import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { InsightTask, Manifest, StoredInsight, TargetSpec } from '#contracts';
import { checkInsight, computeInsight, type InsightInput } from '../../../../../support/in-memory.ts';
import { createRandom, studentTwoSided } from '#statistics';
import type { OutOfFold } from '../../../../../../yarn-workers/ml/fit/out-of-fold.ts';
import { rowsAt } from '../../../../../../yarn-workers/ml/fit/out-of-fold.ts';
import { disparitiesOf, ratesOf } from '../../../../../../yarn-workers/ml/insights/segments/rates.ts';
import { holm, segmentScorer } from '../../../../../../yarn-workers/ml/insights/segments/segment-gains.ts';
import { fitModels, type FittedModel } from '../../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import {
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../../support/memory-table.ts';
import { freeIo, planOf } from '../../../../../support/modelling-task.ts';

interface Reference {
  readonly rates: Readonly<
    Record<
      string,
      { selected: number; truePositive: number; falsePositive: number; precision: number; logLoss: number }
    >
  >;
  readonly disparities: Readonly<Record<string, number>>;
}

const FIXTURE = new URL('../../../../../fixtures/segments/segments.json', import.meta.url);
// The cast holds: generate.py beside the file writes this shape.
const REFERENCES = JSON.parse(readFileSync(FIXTURE, 'utf8')) as {
  readonly group: readonly string[];
  readonly actual: readonly number[];
  readonly probability: readonly number[];
  readonly weights: readonly number[];
  readonly plain: Reference;
  readonly weighted: Reference;
  readonly studentT: readonly { readonly t: number; readonly degrees: number; readonly p: number }[];
  readonly holm: { readonly p: readonly number[]; readonly corrected: readonly number[] };
};

const TARGET: TargetSpec = {
  name: 'y',
  targetType: 'binary',
  classes: ['0', '1'].map((label) => ({ label, texts: [label], rowCount: 300 })),
  positiveClass: 1,
};

const ROWS: OutOfFold = {
  rows: Uint32Array.from(REFERENCES.group.keys()),
  partitions: Int8Array.from(REFERENCES.group, () => 0),
  foldCount: 2,
  classes: Int32Array.from(REFERENCES.actual),
  values: null,
  weights: null,
  outputCount: 1,
  predictions: Float64Array.from(REFERENCES.probability),
};

describe('ml segments: beside fairlearn, SciPy and statsmodels', () => {
  for (const [name, expected, weights] of [
    ['plain', REFERENCES.plain, null],
    ['weighted', REFERENCES.weighted, Float64Array.from(REFERENCES.weights)],
  ] as const) {
    it(`rates of groups and their differences, ${name}, to 1e-12`, () => {
      const rows = { ...ROWS, weights };
      const { gainOf, score } = segmentScorer(rows, TARGET, 'logLoss', 0);
      const segments = Object.entries(expected.rates).map(([level, reference]) => {
        const places = rows.rows.filter((row) => REFERENCES.group[row] === level);
        const own = {
          ...rows,
          rows: places,
          partitions: rows.partitions.subarray(0, places.length),
          classes: Int32Array.from(places, (row) => REFERENCES.actual[row] ?? -1),
          weights: weights === null ? null : Float64Array.from(places, (row) => weights[row] ?? NaN),
          predictions: Float64Array.from(places, (row) => REFERENCES.probability[row] ?? NaN),
        };
        const rates = ratesOf(own, TARGET);
        for (const key of ['selected', 'truePositive', 'falsePositive', 'precision'] as const)
          expect(rates?.[key], `${level} ${key}`).to.be.closeTo(reference[key], 1e-12);
        const gain = gainOf(rowsAt(rows, places));
        expect(gain.score).to.be.closeTo(reference.logLoss, 1e-12);
        expect(gain.gain).to.be.closeTo((score ?? NaN) - reference.logLoss, 1e-12);
        return { kind: 'level' as const, rowCount: places.length, rates };
      });
      const found = disparitiesOf(segments);
      for (const [key, value] of Object.entries(expected.disparities))
        expect(found, key).to.have.property(key).that.is.closeTo(value, 1e-12);
      expect(disparitiesOf(segments.slice(0, 1))).to.equal(null);
      expect(disparitiesOf(segments.map((one) => ({ ...one, rowCount: 49 })))).to.equal(null);
    });
  }

  it('probabilities of Student’s t, and Holm’s correction', () => {
    for (const { t, degrees, p } of REFERENCES.studentT)
      expect(studentTwoSided(t, degrees), `t ${t} of ${degrees}`).to.be.closeTo(p, 1e-12);
    const { p, corrected } = REFERENCES.holm;
    for (const [index, value] of holm(p).entries()) expect(value).to.be.closeTo(corrected[index] ?? NaN, 1e-15);
    expect(holm([null, 0.5, null])).to.deep.equal([null, 0.5, null]);
  });

  it('gives chance no more than its share: groups that mean nothing are as good as the whole', () => {
    let below = 0;
    let belowHalf = 0;
    for (let seed = 0; seed < 10; seed += 1) {
      const { gainOf } = segmentScorer(ROWS, TARGET, 'logLoss', seed);
      const random = createRandom(seed);
      for (let segment = 0; segment < 20; segment += 1) {
        const places = ROWS.rows.filter(() => random.below(3) === 0);
        const { pValue } = gainOf(rowsAt(ROWS, places));
        if ((pValue ?? 1) < 0.05) below += 1;
        if ((pValue ?? 1) < 0.5) belowHalf += 1;
      }
    }
    expect(below).to.be.below(14);
    expect(belowHalf).to.be.within(50, 110);
  });
});

/** `where` is no feature: in the south the target is a coin. */
function tableOf(rowCount: number): MemoryColumn[] {
  const at = (row: number, step: number): number => ((Math.imul(row + 1, step) >>> 0) % 1_000) / 1_000;
  const cells = Array.from({ length: rowCount }, (_, row) => {
    const where = row % 4 === 0 ? 'south' : row % 4 === 1 ? 'west' : 'north';
    const x = at(row, 2_654_435_761);
    const coin = at(row, 40_503) < 0.5;
    return { where, x: x.toFixed(3), y: (where === 'south' ? coin : x > 0.5) ? 'yes' : 'no', key: `k${row}` };
  });
  const column = (name: 'where' | 'x' | 'y' | 'key', parse: MemoryColumn['parse']): MemoryColumn => ({
    name,
    cells: cells.map((row) => row[name]),
    parse,
  });
  return [column('x', numberRule), column('where', textRule), column('key', textRule), column('y', textRule)];
}

describe('ml segments: of a model', function () {
  this.timeout(60_000);
  const TABLE = tableOf(800);
  let task: InsightTask;
  let input: InsightInput;
  let model: FittedModel;

  before(async () => {
    const plan = await planOf(TABLE, {
      target: 'y',
      featureNames: ['x'],
      partitioning: { method: 'random', folds: 3 },
    });
    const models = await fitModels(TABLE, plan);
    model = models.find((one) => one.task.blueprintId === 'lightgbm-fast') ?? expect.fail('no model');
    const { projectId, datasetId, metric, seed, modelId } = model.task;
    task = {
      ...{ kind: 'insight', insight: 'segments', projectId, datasetId, metric, seed, modelId, target: plan.target },
      ...{ table: storedTable(TABLE), artifactPath: 'models/m/1-a', manifestSha256: '0'.repeat(64) },
    };
    const { manifest, outOfFold, fit } = model;
    input = { manifest, outOfFold, blob: fit.blob, source: memorySource(TABLE, 100) };
  });

  it('finds where it is worse, by a column that it does not read', async () => {
    const stored = await computeInsight(task, input, freeIo());
    await checkInsight(task, stored, model.manifest, model.outOfFold);
    const { insight } = stored;
    if (insight.kind !== 'segments') expect.fail(insight.kind);
    expect(insight.features.map(({ feature, isModelled }) => [feature, isModelled])).to.deep.equal([
      ['x', true],
      ['where', false],
    ]);
    expect(insight.columnCount).to.equal(3);
    const where = insight.features[1]?.segments ?? [];
    const worst = where.findIndex(({ level }) => level === 'south');
    expect(insight.notable[0]).to.deep.equal({ feature: 'where', segment: worst });
    expect(where[worst]?.gain).to.be.below(0);
    expect(where[worst]?.pValue).to.be.below(0.05);
    expect(where[worst]?.rates?.selected).to.be.within(0.3, 0.7);
    const again = await computeInsight(task, { ...input, source: memorySource(TABLE, 37) }, freeIo());
    expect(again).to.deep.equal(stored);
  });

  it('is refused where it is not of the task', async () => {
    const stored = await computeInsight(task, input, freeIo());
    if (stored.insight.kind !== 'segments') expect.fail(stored.insight.kind);
    const own = stored.insight;
    const refused = async (change: Partial<typeof own>, says: RegExp): Promise<void> => {
      const spoiled: StoredInsight = { ...stored, insight: { ...own, ...change } };
      const manifest: Manifest = model.manifest;
      const err = await appErrorOf('RESULT_MISMATCH', () => checkInsight(task, spoiled, manifest, model.outOfFold));
      expect(err.message).to.match(says);
    };
    await refused({ score: 9 }, /score is not that/);
    await refused({ notable: [{ feature: 'where', segment: 17 }] }, /notable segment/);
    const [first = expect.fail('no feature'), ...rest] = own.features;
    await refused({ features: [{ ...first, feature: 'y' }, ...rest] }, /not columns of the table/);
    await refused({ features: [{ ...first, isModelled: false }, ...rest] }, /that the model reads it/);
    await refused({ features: [{ ...first, segments: first.segments.slice(1) }, ...rest] }, /do not add up/);
  });
});
