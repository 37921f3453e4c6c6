import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { createRandom, type Random } from '#statistics';
import { layerLoss } from '../../../../../yarn-workers/ml/ensemble/layer-loss.ts';
import { stackWeights, type LayerRows } from '../../../../../yarn-workers/ml/ensemble/stack-weights.ts';
import { objectiveOf, type Objective } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import { stoppingLoss } from '../../../../../yarn-workers/ml/fit/stopping-loss.ts';

interface Case {
  readonly kind: 'gaussian' | 'binomial' | 'poisson' | 'multinomial';
  readonly outputCount: number;
  readonly raw: number[][];
  readonly label: number[];
  readonly weight: number[] | null;
  readonly part: number[];
  readonly greedy: number[];
  readonly layer: { readonly weights: number[]; readonly shifts: number[]; readonly penalty: number } | null;
}

// The cast holds: generate.py beside it writes this.
const { cases } = JSON.parse(readFileSync('test/fixtures/stacked-layer/stacked-layer.json', 'utf8')) as {
  cases: Case[];
};

const PARTS = 5;

function objective(kind: Case['kind'], classCount: number): Objective {
  const classes = Array.from({ length: classCount }, (_, index) => ({
    label: `${index}`,
    texts: [`${index}`],
    rowCount: 10,
  }));
  if (kind === 'binomial') return objectiveOf({ targetType: 'binary', classes }, 'logLoss');
  if (kind === 'multinomial') return objectiveOf({ targetType: 'multiclass', classes }, 'logLoss');
  return objectiveOf({ targetType: 'regression', classes: [] }, kind === 'poisson' ? 'poissonDeviance' : 'rmse');
}

function rowsOf(
  kind: Case['kind'],
  raw: readonly Float64Array[],
  labels: Float64Array,
  outputCount = 1,
  weights: Float64Array | null = null,
): LayerRows {
  const own = objective(kind, Math.max(2, outputCount));
  const loss = layerLoss(own);
  if (loss === null) throw new Error(`${kind} has no layer`);
  return { raw, labels, outputCount, weights, loss, term: stoppingLoss(own, labels, outputCount) };
}

const byPart = (parts: readonly number[]): Uint32Array[] =>
  Array.from({ length: PARTS }, (_, part) => Uint32Array.from(parts.keys()).filter((row) => parts[row] === part));

const dealt = (count: number): number[] => Array.from({ length: count }, (_, row) => row % PARTS);

/** About normal. */
const noise = (random: Random): number => random.uniform() + random.uniform() + random.uniform() - 1.5;

describe('ml ensemble stacked layer', () => {
  it('is the one that NumPy and SciPy find', () => {
    for (const { kind, outputCount, raw, label, weight, part, greedy, layer } of cases) {
      const data = rowsOf(
        kind,
        raw.map((scores) => Float64Array.from(scores)),
        Float64Array.from(label),
        outputCount,
        weight === null ? null : Float64Array.from(weight),
      );
      const found = stackWeights(data, byPart(part), greedy);
      expect(found === null, `${kind}: whether there is one`).to.equal(layer === null);
      if (found === null || layer === null) continue;
      expect(found.penalty, kind).to.equal(layer.penalty);
      for (const [index, value] of layer.weights.entries())
        expect(found.weights[index], `${kind} weight ${index}`).to.be.closeTo(value, 1e-7);
      expect(found.shifts, kind).to.have.length(layer.shifts.length);
      for (const [index, value] of layer.shifts.entries())
        expect(found.shifts[index], `${kind} shift ${index}`).to.be.closeTo(value, 1e-7);
    }
    expect(cases.filter(({ layer }) => layer !== null).length).to.be.at.least(4);
    expect(cases.filter(({ layer }) => layer === null).length).to.be.at.least(1);
  });

  it('makes scores bolder that are too timid, and moves them where they are off', () => {
    const random = createRandom(7);
    const truth = Float64Array.from({ length: 3_000 }, () => 3 * noise(random));
    const labels = truth.map((score) => Number(random.uniform() < 1 / (1 + Math.exp(-score))));
    const raw = [truth.map((score) => 0.5 * score - 0.7)];
    const layer = stackWeights(rowsOf('binomial', raw, labels), byPart(dealt(truth.length)), [1]);
    // One Newton step goes most of the way to 2 and 1.4.
    expect(layer?.weights[0]).to.be.within(1.5, 2.3);
    expect(layer?.shifts[0]).to.be.within(0.9, 1.8);
  });

  it('leaves greedy weights alone where nothing is wrong with them', () => {
    let found = 0;
    for (let seed = 0; seed < 40; seed += 1) {
      const random = createRandom(seed);
      const truth = Float64Array.from({ length: 400 }, () => 2 * noise(random));
      const labels = truth.map((value) => value + noise(random));
      if (stackWeights(rowsOf('gaussian', [truth], labels), byPart(dealt(400)), [1]) !== null) found += 1;
    }
    // A gain of more than one standard error by chance: one in six at most.
    expect(found).to.be.at.most(10);
  });

  it('takes no model that greedy selection left out, and gives none a weight below 0', () => {
    const random = createRandom(3);
    const truth = Float64Array.from({ length: 600 }, () => 2 * noise(random));
    const labels = truth.map((value) => 2 * value + noise(random));
    const raw = [truth.map((value) => value + noise(random)), truth.map((value) => -value), truth];
    const layer = stackWeights(rowsOf('gaussian', raw, labels), byPart(dealt(600)), [0.5, 0.5, 0]);
    expect(layer?.weights[2]).to.equal(0);
    expect(layer?.weights[1]).to.be.at.least(0);
    expect(layer?.weights[0]).to.be.above(0.5);
  });

  it('has no shifts for targets of many classes', () => {
    const random = createRandom(11);
    const classes = 25;
    const truth = Float64Array.from({ length: 500 * classes }, () => 4 * noise(random));
    const labels = Float64Array.from({ length: 500 }, (_, row) => {
      const scores = [...truth.subarray(row * classes, (row + 1) * classes)];
      return scores.indexOf(Math.max(...scores));
    });
    const layer = stackWeights(rowsOf('multinomial', [truth], labels, classes), byPart(dealt(500)), [1]);
    expect(layer?.shifts).to.deep.equal([]);
    expect(layer?.weights[0]).to.be.above(1);
  });

  it('is nothing where there are too few parts, a model predicts nothing, or the loss has no curvature', () => {
    const labels = Float64Array.from({ length: 20 }, (_, row) => row);
    const rows = rowsOf('gaussian', [labels.map((value) => value / 2)], labels);
    expect(stackWeights(rows, [Uint32Array.from(labels.keys())], [1])).to.equal(null);
    const broken = rowsOf('gaussian', [labels.map(() => NaN)], labels);
    expect(stackWeights(broken, byPart(dealt(20)), [1])).to.equal(null);
    expect(layerLoss(objectiveOf({ targetType: 'regression', classes: [] }, 'mae'))).to.equal(null);
  });

  it('forgets: the same rows give the same layer', () => {
    const [first] = cases;
    if (first === undefined) throw new Error('no cases');
    const make = () =>
      stackWeights(
        rowsOf(
          first.kind,
          first.raw.map((scores) => Float64Array.from(scores)),
          Float64Array.from(first.label),
        ),
        byPart(first.part),
        first.greedy,
      );
    expect(make()).to.deep.equal(make());
  });
});
