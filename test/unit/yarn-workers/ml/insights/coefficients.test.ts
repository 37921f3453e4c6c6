import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import type { ManifestContent } from '#contracts';
import { coefficientsOf, wordCloudOf } from '#ml';
import { modelReader, openArtifact, type LinearArrays, type ModelReader } from '#scoring';
import { neumaierSum } from '#statistics';
import { sha256 } from '../../../../support/boosting-engine.ts';
import { fitModels, type FittedModel } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';
import { textTable } from '../../../../support/text-table.ts';
import type { GlmFamily } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import {
  linearArrays,
  planColumn,
  blocksOf,
  type ColumnSpec,
} from '../../../../../yarn-workers/ml/fit/linear/columns.ts';
import { penaltyPath } from '../../../../../yarn-workers/ml/fit/linear/path.ts';

interface Fixture {
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
  readonly targets: Readonly<Record<string, readonly number[]>>;
  readonly cases: readonly {
    readonly family: GlmFamily;
    readonly lambda: number;
    readonly l1Ratio: number;
    readonly coefficients: readonly (readonly number[])[];
  }[];
}

const FIXTURE_URL = new URL('../../../../fixtures/linear/linear.json', import.meta.url);
const FIXTURE = JSON.parse(readFileSync(FIXTURE_URL, 'utf8')) as Fixture; // generate.py beside it writes this shape

/** A model of one linear member that reads three numbers and a category of five levels, as an artefact names it. */
const CONTENT: ManifestContent = {
  ...{ targetType: 'regression', target: 'y', classes: [], positiveClass: null, threshold: null, link: 'identity' },
  features: ['age', 'pay', 'trend', 'colour'].map((name) => ({
    name,
    type: name === 'colour' ? ('categorical' as const) : ('numeric' as const),
    parse: { nullMarkers: [], physicalType: 'text', formats: [], keyRule: 'text' } as never, // not read here
  })),
  steps: [
    { kind: 'numeric', feature: 0 },
    { kind: 'numeric', feature: 1 },
    { kind: 'numeric', feature: 2 },
    { kind: 'category-codes', feature: 3, keys: ['a', 'b', 'c', 'd', 'e'], missingCode: null },
  ],
  members: [
    { weight: 1, steps: [0, 1, 2, 3], model: { kind: 'linear', prefix: 'm0', outputCount: 1, columnCount: 4 } },
  ],
  ...{ sections: [], blobSizeBytes: 0, blobSha256: '0'.repeat(64) },
};
const readerOf = (linear: LinearArrays): ModelReader => ({
  linear: () => linear,
  trees: () => expect.fail('the model has no trees'),
  forest: () => expect.fail('the model has no forest'),
  factorization: () => expect.fail('the model has no vectors'),
  network: () => expect.fail('the model has no network'),
});

/** Places in the reference's coefficients: age, pay and its indicator, trend, five colours. */
const PLACES = { age: 0, trend: 3, colour: 4 };
const LEVELS = 'abcde';

describe('coefficients beside scikit-learn', () => {
  const names = ['age', 'pay', 'trend', 'colour'];
  const cells = (name: string) => Float64Array.from(FIXTURE.columns[name] ?? [], (cell) => cell ?? NaN);
  const total = neumaierSum(cells('weight'));
  const weights = cells('weight').map((weight) => weight / total);
  const deviationOf = (name: string) => {
    const values = cells(name);
    const mean = neumaierSum(values.map((value, row) => value * (weights[row] ?? 0)));
    return Math.sqrt(neumaierSum(values.map((value, row) => (weights[row] ?? 0) * (value - mean) ** 2)));
  };

  for (const { family, lambda, l1Ratio, coefficients } of FIXTURE.cases.filter((one) => one.family !== 'multinomial'))
    it(`are standardised by the deviation of the rows: ${family}, lambda ${lambda}, lasso part ${l1Ratio}`, () => {
      const specs: ColumnSpec[] = names.map((name) =>
        name === 'colour' ? { kind: 'category', codeCount: 5, sign: 0 } : { kind: 'number', codeCount: 0, sign: 0 },
      );
      const plans = specs.map((spec, index) => planColumn(spec, cells(names[index] ?? ''), weights, 1));
      const blocks = plans.flatMap((plan, index) => blocksOf(plan, cells(names[index] ?? '')));
      const training = {
        design: { rowCount: weights.length, blocks },
        labels: Float64Array.from(FIXTURE.targets[family] ?? []),
        weights,
        offsets: null,
      };
      const fit = { outputCount: 1, training, l1Ratio, tolerance: 1e-14, isTooLate: () => false };
      const { outputs } = penaltyPath({ family, ...fit }).fitAt(lambda);
      const deviations = { age: deviationOf('age'), trend: deviationOf('trend') };
      const asked = { output: 0, label: null, deviations };
      const { terms } = coefficientsOf(CONTENT, readerOf(linearArrays(plans, outputs)), asked);
      // As close as the fit is to the reference.
      const expected = (place: number) => coefficients[0]?.[place] ?? NaN;
      for (const name of ['age', 'trend'] as const) {
        const term = terms.find(({ column, kind }) => column === name && kind === 'number');
        expect(term?.standardized, name).to.be.closeTo(expected(PLACES[name]), 1e-4);
      }
      const levels = terms.filter(({ kind }) => kind === 'level');
      expect(levels.length).to.equal(LEVELS.length);
      for (const { level, coefficient } of levels)
        expect(coefficient, level ?? '').to.be.closeTo(expected(PLACES.colour + LEVELS.indexOf(level ?? ' ')), 1e-4);
    });
});

describe('coefficients of a fitted model', function () {
  this.timeout(60_000);
  const table = mixedTable(300);
  let models: FittedModel[];

  before(async () => {
    const plan = await planOf(table, { target: 'binary', featureNames: [...MIXED_FEATURES] });
    models = await fitModels(table, plan, [
      ['linear', {}],
      ['linear-splines', {}],
      ['lightgbm-fast', {}],
    ]);
  });

  const told = ({ manifest, fit }: FittedModel) =>
    coefficientsOf(manifest.content, modelReader(manifest.content, fit.blob), {
      output: 0,
      label: 'yes',
      deviations: {},
    });
  const rawScore = ({ manifest, fit }: FittedModel, row: Record<string, unknown>): number => {
    const scorer = openArtifact(manifest, fit.blob, sha256);
    const out = scorer.createPrediction();
    scorer.scoreRow(row, out);
    return out.rawScores[0] ?? NaN;
  };

  it('are what one more of a number, or another level, changes in the raw score of the blend of all folds', () => {
    const [linear] = models;
    if (linear === undefined) expect.fail('no model');
    const { terms, memberCount } = told(linear);
    expect(memberCount).to.equal(linear.manifest.content.members.length).and.greaterThan(1);
    const row = { x: '0.1', colour: 'red' };
    const x = terms.find(({ column, kind }) => column === 'x' && kind === 'number');
    const change = rawScore(linear, { ...row, x: '0.2' }) - rawScore(linear, row);
    expect(x?.coefficient).to.be.closeTo(change / 0.1, 1e-9);
    expect(Math.abs(x?.coefficient ?? 0)).to.be.greaterThan(1e-3);
    const level = (wanted: string) =>
      terms.find((term) => term.column === 'colour' && term.level === wanted)?.coefficient ?? NaN;
    const colours = rawScore(linear, { ...row, colour: 'blue' }) - rawScore(linear, row);
    expect(level('blue') - level('red')).to.be.closeTo(colours, 1e-9);
  });

  it('take what a stacked layer adds to all rows into the intercept, and into nothing else', () => {
    const [linear] = models;
    if (linear === undefined) expect.fail('no model');
    const { manifest, fit } = linear;
    const { content } = manifest;
    const read = modelReader(content, fit.blob);
    const asked = { output: 0, label: 'yes', deviations: {} };
    const shift: (typeof content.members)[number] = {
      ...{ weight: 1, steps: [] },
      model: { kind: 'constant', scores: [0.75] },
    };
    const shifted = { ...content, members: [...content.members, shift] };
    const plain = coefficientsOf(content, read, asked);
    const told = coefficientsOf(shifted, read, asked);
    expect(told.intercept).to.be.closeTo(plain.intercept + 0.75, 1e-12);
    expect({ ...told, intercept: 0 }).to.deep.equal({ ...plain, intercept: 0 });
  });

  it('are those of the calibrated raw score, where a model is calibrated', () => {
    const [linear] = models;
    if (linear === undefined) expect.fail('no model');
    const { manifest, fit } = linear;
    const { calibration: _, ...content } = manifest.content;
    const read = modelReader(content, fit.blob);
    const asked = { output: 0, label: 'yes', deviations: {} };
    const plain = coefficientsOf(content, read, asked);
    const steeper = coefficientsOf({ ...content, calibration: { slope: 2, intercept: 0.5 } }, read, asked);
    expect(steeper.intercept).to.be.closeTo(2 * plain.intercept + 0.5, 1e-12);
    expect(steeper.terms.map(({ coefficient }) => coefficient)).to.deep.equal(
      plain.terms.map(({ coefficient }) => (coefficient === null ? null : 2 * coefficient)),
    );
  });

  it('are curves where a number may bend', () => {
    const splines = models[1] ?? expect.fail('no model');
    const curve = told(splines).terms.find(({ column }) => column === 'x');
    const points = curve?.points ?? expect.fail('no curve');
    const [from, to] = [points[2], points.at(-3)];
    if (from === undefined || to === undefined) expect.fail('a curve has points');
    const change = rawScore(splines, { x: String(to.at) }) - rawScore(splines, { x: String(from.at) });
    expect(to.value - from.value).to.be.closeTo(change, 1e-9);
    expect(curve).to.include({ kind: 'curve', coefficient: null });
  });

  it('are not of trees', async () => {
    const trees = models[2] ?? expect.fail('no model');
    await appErrorOf('VALIDATION_FAILED', () => told(trees));
    await appErrorOf('VALIDATION_FAILED', () => wordCloudOf(trees.manifest.content, 0, null));
  });
});

describe('words of texts', function () {
  this.timeout(60_000);

  it('raise the score where they tell of the class, and lower it where they tell of the other', async () => {
    const table = textTable(600);
    const plan = await planOf(table, { target: 'binary', featureNames: ['x', 'colour', 'note'] });
    const [model] = await fitModels(table, plan, [['linear-text', {}]]);
    const { content } = model?.manifest ?? expect.fail('no model');
    const { terms, memberCount, termCount } = wordCloudOf(content, 0, 'yes');
    expect(memberCount).to.equal(content.members.length);
    expect(terms.length).to.be.at.most(200).and.at.most(termCount);
    const of = (wanted: string) => terms.find(({ term }) => term === wanted) ?? expect.fail(wanted);
    for (const word of ['refund', 'broken']) expect(of(word).coefficient, word).to.be.greaterThan(0);
    for (const word of ['thanks', 'perfect']) expect(of(word).coefficient, word).to.be.lessThan(0);
    expect(of('refund')).to.include({ feature: 'note' }).and.property('documentCount').greaterThan(20);
    const sizes = terms.map(({ coefficient }) => Math.abs(coefficient));
    expect(sizes).to.deep.equal(sizes.toSorted((a, b) => b - a));
  });
});
