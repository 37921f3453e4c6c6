import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  CLASS_CURVE_POINTS_MAX,
  CLASS_CURVES_MAX,
  CONFUSION_CLASSES_MAX,
  CURVE_POINTS_MAX,
  type InsightContent,
  type InsightOf,
  type TargetSpec,
  type TargetType,
} from '#contracts';
import { insightOf, insightRows, insightRowsMax, metricOf, type OutOfFold } from '#ml';
import { createRandom } from '#statistics';
import { appErrorOf } from '../../../../support/expect-error.ts';

type Json = Record<string, unknown>;

interface Case {
  readonly targetType: TargetType;
  readonly actual: number[];
  readonly predictions: number[];
  readonly weights: number[] | null;
  readonly roc?: Record<'falsePositiveRate' | 'truePositiveRate' | 'thresholds' | 'precision', number[]> & {
    auc: number;
  };
  readonly precisionRecall?: Record<'precision' | 'recall' | 'thresholds', number[]> & { averagePrecision: number };
  readonly everyClass?: Record<'macroAuc' | 'macroAveragePrecision', number> &
    Record<'auc' | 'averagePrecision' | 'weight', number[]>;
  readonly lift: { meanActual: number; bins: Record<string, number>[] };
  readonly confusion?: Record<'precision' | 'recall' | 'f1', (number | null)[]> & { weights: number[][] };
  readonly calibration?: { meanActual: number[]; meanPredicted: number[] };
  readonly residuals?: { mean: number; std: number; quantiles: number[]; edges: number[]; counts: number[] };
}

const FIXTURE = new URL('../../../../fixtures/insights/insights.json', import.meta.url);
const { cases } = JSON.parse(readFileSync(FIXTURE, 'utf8')) as { cases: Case[] };

/** Sums of some hundred terms in another order. */
const TOLERANCE = 1e-12;

const targetOf = (targetType: TargetType, classCount: number): TargetSpec => ({
  name: 'y',
  targetType,
  classes: Array.from({ length: classCount }, (_, index) => ({
    label: `c${index}`,
    texts: [`c${index}`],
    rowCount: 1,
  })),
  positiveClass: targetType === 'binary' ? 1 : null,
});

/** All rows in two folds. */
function outOfFold(one: Pick<Case, 'targetType' | 'actual' | 'predictions' | 'weights'>): OutOfFold {
  const isRegression = one.targetType === 'regression';
  return {
    rows: Uint32Array.from(one.actual.keys()),
    partitions: Int8Array.from(one.actual, (_, row) => row % 2),
    foldCount: 2,
    classes: isRegression ? null : Int32Array.from(one.actual),
    values: isRegression ? Float64Array.from(one.actual) : null,
    weights: one.weights === null ? null : Float64Array.from(one.weights),
    outputCount: one.predictions.length / one.actual.length,
    predictions: Float64Array.from(one.predictions),
  };
}

/** The insight, which must be of this kind. */
function ofKind<K extends InsightContent['kind']>(found: InsightContent, kind: K): InsightOf<K> {
  if (found.kind !== kind) throw new Error(found.kind);
  return found as InsightOf<K>; // its kind was just compared
}

const close = (found: readonly (number | null)[], expected: readonly (number | null)[], what: string): void => {
  expect(found.length, what).to.equal(expected.length);
  for (const [place, value] of found.entries()) {
    const wanted = expected[place] ?? null;
    if (wanted === null || value === null) expect(value, `${what} ${place}`).to.equal(wanted);
    else expect(value, `${what} ${place}`).to.be.closeTo(wanted, TOLERANCE * Math.max(1, Math.abs(wanted)));
  }
};

describe('insights beside scikit-learn and NumPy', () => {
  for (const [index, one] of cases.entries()) {
    const data = outOfFold(one);
    const target = targetOf(one.targetType, one.targetType === 'binary' ? 2 : data.outputCount);
    const rows = insightRows(data, one.targetType === 'regression' ? targetOf('regression', 0) : target, undefined);
    const label = one.targetType === 'regression' ? undefined : 'c1';
    const of = <K extends InsightContent['kind']>(kind: K): InsightOf<K> =>
      ofKind(insightOf(kind, rows, kind === 'confusion' ? undefined : label), kind);
    const what = `${index}, ${one.targetType}${one.weights === null ? '' : ', weighted'}`;

    it(`lift: ${what}`, () => {
      const { bins, meanActual } = of('lift');
      close([meanActual], [one.lift.meanActual], 'mean');
      for (const [bin, expected] of one.lift.bins.entries())
        for (const [name, value] of Object.entries(expected))
          close([(bins[bin] as Json | undefined)?.[name] as number], [value], `bin ${bin} ${name}`);
      expect(bins.length).to.equal(10);
    });

    const { roc, precisionRecall, everyClass, confusion, calibration, residuals } = one;
    if (roc !== undefined)
      it(`roc: ${what}`, () => {
        const { points, auc } = of('roc');
        close([auc], [roc.auc], 'auc');
        for (const name of ['falsePositiveRate', 'truePositiveRate'] as const)
          close(
            points.map((point): number => point[name]),
            roc[name],
            name,
          );
        close(
          points.map(({ threshold }) => threshold),
          [null, ...roc.thresholds],
          'threshold',
        );
        close(
          points.map(({ precision }) => precision),
          [null, ...roc.precision],
          'precision',
        );
      });
    if (precisionRecall !== undefined)
      it(`precision and recall: ${what}`, () => {
        const { points, averagePrecision } = of('precision-recall');
        close([averagePrecision], [precisionRecall.averagePrecision], 'average precision');
        for (const name of ['precision', 'recall'] as const)
          close(
            points.map((point): number => point[name]),
            precisionRecall[name],
            name,
          );
        close(
          points.map(({ threshold }) => threshold),
          precisionRecall.thresholds,
          'threshold',
        );
      });
    if (everyClass !== undefined)
      it(`roc, precision and recall of all classes: ${what}`, () => {
        const { macroAuc = null, classes: areas = [] } = ofKind(insightOf('roc', rows, undefined), 'roc');
        const found = ofKind(insightOf('precision-recall', rows, undefined), 'precision-recall');
        const { macroAveragePrecision = null, classes: precisions = [] } = found;
        close([macroAuc, macroAveragePrecision], [everyClass.macroAuc, everyClass.macroAveragePrecision], 'macro');
        const order = Array.from(everyClass.weight.keys()).sort(
          (a, b) => (everyClass.weight[b] ?? 0) - (everyClass.weight[a] ?? 0) || a - b,
        );
        expect(areas.map((entry) => entry.label)).to.deep.equal(order.map((index) => `c${index}`));
        expect(precisions.map((entry) => entry.label)).to.deep.equal(areas.map((entry) => entry.label));
        const inOrder = (name: 'auc' | 'averagePrecision' | 'weight') =>
          order.map((index) => everyClass[name][index] ?? null);
        for (const classes of [areas, precisions])
          close(
            classes.map(({ weight }) => weight),
            inOrder('weight'),
            'weight',
          );
        close(
          areas.map(({ auc }) => auc),
          inOrder('auc'),
          'auc',
        );
        close(
          precisions.map(({ averagePrecision }) => averagePrecision),
          inOrder('averagePrecision'),
          'average precision',
        );
        const { points } = of('roc');
        const drawn = areas.find((entry) => entry.label === 'c1')?.points ?? [];
        expect([drawn[0], drawn.at(-1)]).to.deep.equal([
          { falsePositiveRate: 0, truePositiveRate: 0 },
          { falsePositiveRate: 1, truePositiveRate: 1 },
        ]);
        const known = new Set(points.map((point) => `${point.falsePositiveRate} ${point.truePositiveRate}`));
        expect(drawn.every((point) => known.has(`${point.falsePositiveRate} ${point.truePositiveRate}`))).to.equal(
          true,
        );
        expect(insightOf('roc', rows, 'c1')).to.not.have.any.keys('classes', 'macroAuc');
      });
    if (confusion !== undefined)
      it(`confusion: ${what}`, () => {
        const { weights, classes } = of('confusion');
        for (const [row, expected] of confusion.weights.entries()) close(weights[row] ?? [], expected, `row ${row}`);
        for (const name of ['precision', 'recall', 'f1'] as const)
          close(
            classes.map((entry): number | null => entry[name]),
            confusion[name],
            name,
          );
      });
    if (calibration !== undefined)
      it(`calibration: ${what}`, () => {
        const { bins, expectedError } = of('calibration');
        close(
          bins.map(({ meanActual }) => meanActual),
          calibration.meanActual,
          'actual',
        );
        close(
          bins.map(({ meanPredicted }) => meanPredicted),
          calibration.meanPredicted,
          'predicted',
        );
        expect(expectedError).to.be.within(0.01, 0.3);
      });
    if (residuals !== undefined)
      it(`residuals: ${what}`, () => {
        const found = of('residuals');
        close([found.mean, found.std], [residuals.mean, residuals.std], 'moments');
        close(
          found.quantiles.map(({ value }) => value),
          residuals.quantiles,
          'quantile',
        );
        close(found.edges, residuals.edges, 'edge');
        expect(found.counts).to.deep.equal(residuals.counts);
        expect(found.points[7]).to.deep.equal({ rowIndex: 7, actual: one.actual[7], predicted: one.predictions[7] });
      });
  }
});

describe('rows and bounds of insights', () => {
  const base = { targetType: 'binary' as const, actual: [0, 1, 1, 0], predictions: [0.1, 0.9, 0.4, 0.6] };
  const binary = targetOf('binary', 2);

  it('are those asked for, rows of weight 0 left out', async () => {
    const data = { ...outOfFold({ ...base, weights: [1, 0, 1, 1] }), partitions: Int8Array.of(0, 0, 1, -1) };
    expect([...insightRows(data, binary, undefined).chosen]).to.deep.equal([0, 2]);
    expect([...insightRows(data, binary, 'validation').chosen]).to.deep.equal([0]);
    expect([...insightRows(data, binary, 'holdout').chosen]).to.deep.equal([3]);
    const single = { ...data, foldCount: 1, partitions: Int8Array.of(0, 0, 0, 0) };
    expect(insightRows(single, binary, undefined).partition).to.equal('validation');
    await appErrorOf('VALIDATION_FAILED', () => insightRows(single, binary, 'crossValidation'));
    await appErrorOf('VALIDATION_FAILED', () => insightRows(single, binary, 'holdout'));
  });

  it('are evenly spaced where there are too many', () => {
    const count = 1_500_001;
    const actual = new Array<number>(count).fill(1);
    const rows = insightRows(outOfFold({ ...base, actual, predictions: actual, weights: null }), binary, undefined);
    expect(rows.chosen.length).to.equal(1_000_000);
    expect([rows.chosen[0], rows.chosen[2], rows.chosen.at(-1)]).to.deep.equal([0, 3, count - 1]);
  });

  it('of one class alone have no curve', () => {
    const rows = insightRows(outOfFold({ ...base, actual: [1, 1, 1, 1], weights: null }), binary, undefined);
    expect(insightOf('roc', rows, undefined)).to.deep.include({ auc: null, points: [], positiveWeight: 4 });
    expect(insightOf('roc', rows, 'c0')).to.deep.include({ auc: null, negativeWeight: 4 });
    expect(insightOf('precision-recall', rows, 'c0')).to.deep.include({ averagePrecision: null, points: [] });
    expect(insightOf('precision-recall', rows, 'c1')).to.deep.include({ averagePrecision: 1, negativeWeight: 0 });
  });

  it('show evenly spaced points of a long curve, and the largest of many classes', () => {
    const count = 5_000;
    const actual = Array.from({ length: count }, (_, row) => row % 2);
    const predictions = actual.map((_, row) => row / count);
    const roc = insightOf('roc', insightRows(outOfFold({ ...base, actual, predictions, weights: null }), binary, undefined), undefined); // prettier-ignore
    if (roc.kind !== 'roc') throw new Error(roc.kind);
    expect([roc.pointCount, roc.points.length]).to.deep.equal([count + 1, CURVE_POINTS_MAX]);
    expect([roc.points[0]?.truePositiveRate, roc.points.at(-1)?.truePositiveRate]).to.deep.equal([0, 1]);
    const classCount = 150;
    const classes = Array.from({ length: 300 }, (_, row) => (row < classCount ? row : 149));
    const sure = classes.flatMap((own) => Array.from({ length: classCount }, (_, index) => Number(index === own)));
    const many = outOfFold({ targetType: 'multiclass', actual: classes, predictions: sure, weights: null });
    const confusion = insightOf(
      'confusion',
      insightRows(many, targetOf('multiclass', classCount), undefined),
      undefined,
    );
    if (confusion.kind !== 'confusion') throw new Error(confusion.kind);
    expect(confusion.labels.length).to.equal(CONFUSION_CLASSES_MAX);
    expect([confusion.labels.at(-2), confusion.labels.at(-1)]).to.deep.equal(['c149', null]);
    expect([confusion.weights.at(-2)?.at(-2), confusion.weights.at(-1)?.at(-1)]).to.deep.equal([151, 51]);
  });

  it('draw the largest of a thousand classes, and leave those out of the mean that have no rows', () => {
    const [count, classCount] = [600, 1_000];
    const random = createRandom(4);
    const target = targetOf('multiclass', classCount);
    // Half of the rows are of ten classes; the last class has none.
    const actual = Array.from({ length: count }, (_, row) =>
      row % 2 === 0 ? random.below(10) : row % (classCount - 1),
    );
    const predictions = actual.flatMap((own) =>
      Array.from({ length: classCount }, (_, index) => random.uniform() * (index === own ? 0.9 : 0.3)),
    );
    const data = outOfFold({ targetType: 'multiclass', actual, predictions, weights: null });
    const rows = insightRows(data, target, undefined, insightRowsMax('roc', target, undefined));
    for (const kind of ['roc', 'precision-recall'] as const) {
      const found = insightOf(kind, rows, undefined);
      if (found.kind !== 'roc' && found.kind !== 'precision-recall') throw new Error(found.kind);
      const classes = found.classes ?? [];
      expect(classes.length).to.equal(classCount);
      const drawn = classes.filter(({ points }) => points !== undefined);
      expect(drawn).to.deep.equal(classes.slice(0, CLASS_CURVES_MAX));
      expect(new Set(drawn.map((one) => one.label))).to.deep.equal(
        new Set(Array.from({ length: 10 }, (_, index) => `c${index}`)),
      );
      for (const { points = [] } of drawn) expect(points.length).to.be.within(20, CLASS_CURVE_POINTS_MAX);
      expect(classes.at(-1)).to.deep.include({ label: 'c999', weight: 0 });
      expect(JSON.stringify(found).length).to.be.below(400_000);
    }
    const { macroAuc, classes = [] } = ofKind(insightOf('roc', rows, undefined), 'roc');
    expect(classes.at(-1)?.auc).to.equal(null);
    expect(macroAuc).to.be.closeTo(metricOf('auc', data, target, () => true) ?? NaN, TOLERANCE);
  });

  it('are fewer where there are many classes, so that an answer about each stays quick', () => {
    const of = (classCount: number, label?: string) => insightRowsMax('roc', targetOf('multiclass', classCount), label);
    expect([of(3), of(100), of(1_000), of(1_000, 'c1')]).to.deep.equal([1_000_000, 80_000, 8_000, 1_000_000]);
    expect(insightRowsMax('lift', targetOf('multiclass', 1_000), undefined)).to.equal(1_000_000);
  });
});
