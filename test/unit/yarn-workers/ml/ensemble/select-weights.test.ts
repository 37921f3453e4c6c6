import { expect } from 'chai';
import { selectWeights, type SelectionRows } from '#ml';
import { createRandom, type Random } from '#statistics';
import { stoppingLoss } from '../../../../../yarn-workers/ml/fit/stopping-loss.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const ROWS = 60;
const allRows = (count = ROWS): Uint32Array => Uint32Array.from({ length: count }, (_, row) => row);

/** Models that see a part of the truth each, with noise of their own. */
function problem(random: Random, modelCount: number, outputCount = 1, rowCount = ROWS): SelectionRows {
  const truth = Float64Array.from({ length: rowCount * outputCount }, () => 4 * random.uniform() - 2);
  const labels = Float64Array.from({ length: rowCount }, (_, row) => {
    if (outputCount === 1) return random.uniform() < 1 / (1 + Math.exp(-(truth[row] ?? 0))) ? 1 : 0;
    const scores = [...truth.subarray(row * outputCount, (row + 1) * outputCount)];
    return scores.indexOf(Math.max(...scores));
  });
  const raw = Array.from({ length: modelCount }, () => {
    const share = random.uniform();
    return truth.map((value) => share * value + 2 * random.uniform() - 1);
  });
  return {
    raw,
    outputCount,
    term: stoppingLoss({ stoppingMetric: 'logLoss', constant: 'prior' }, labels, outputCount),
    weights: null,
  };
}

/** The loss of weights, computed in another way than the selection does. */
function lossOf({ raw, outputCount, term, weights }: SelectionRows, shares: readonly number[]): number {
  let loss = 0;
  for (let row = 0; row < (raw[0]?.length ?? 0) / outputCount; row += 1) {
    const scores = Float64Array.from({ length: outputCount }, (_, i) =>
      shares.reduce((sum, share, model) => sum + share * (raw[model]?.[row * outputCount + i] ?? NaN), 0),
    );
    loss += (weights?.[row] ?? 1) * term(scores, 0, row);
  }
  return loss;
}

const only = (model: number, count: number): number[] => Array.from({ length: count }, (_, i) => Number(i === model));

/** Every way to take at most `stepsMax` models with replacement. */
function* multisets(
  modelCount: number,
  stepsMax: number,
  first = 0,
  counts = only(-1, modelCount),
): Generator<number[]> {
  const taken = counts.reduce((sum, count) => sum + count, 0);
  if (taken > 0) yield counts.map((count) => count / taken);
  if (taken === stepsMax) return;
  for (let model = first; model < modelCount; model += 1)
    yield* multisets(
      modelCount,
      stepsMax,
      model,
      counts.map((count, i) => count + Number(i === model)),
    );
}

describe('ml ensemble selection', () => {
  it('comes close to the best of all ways to take models, and is never worse than the best single one', () => {
    const random = createRandom(1);
    let ofBest = 0;
    for (let turn = 0; turn < 40; turn += 1) {
      const data = problem(random, 3, turn % 4 === 0 ? 3 : 1);
      const { weights, loss } = selectWeights(data, allRows(), { membersMax: 3, stepsMax: 8 });
      expect(loss).to.be.closeTo(lossOf(data, weights), 1e-9 * Math.abs(loss));
      const singles = data.raw.map((_, model) => lossOf(data, only(model, 3)));
      const all = [...multisets(3, 8)].map((shares) => lossOf(data, shares));
      const best = Math.min(...all);
      const single = Math.min(...singles);
      expect(loss).to.be.at.most(single);
      expect(loss).to.be.at.least(best - 1e-9);
      // Greedy steps may miss the best multiset; they have never missed more than a tenth of what blending gains.
      expect(loss - best).to.be.at.most(0.1 * (single - best) + 1e-9);
      if (loss - best < 1e-9) ofBest += 1;
    }
    expect(ofBest, 'problems solved as well as by trying everything').to.be.at.least(20);
  });

  it('keeps its limits, and weighs in steps', () => {
    const random = createRandom(2);
    for (const [membersMax, stepsMax] of [
      [1, 10],
      [2, 10],
      [4, 3],
      [9, 30],
    ] as const) {
      const { weights } = selectWeights(problem(random, 9), allRows(), { membersMax, stepsMax });
      const taken = weights.filter((weight) => weight > 0);
      expect(taken.length).to.be.within(1, Math.min(membersMax, stepsMax));
      expect(weights.reduce((sum, weight) => sum + weight, 0)).to.be.closeTo(1, 1e-12);
      const steps = Array.from({ length: stepsMax }, (_, step) => step + 1);
      const fits = (count: number): boolean =>
        taken.every((weight) => Math.abs(weight * count - Math.round(weight * count)) < 1e-9);
      expect(steps.some(fits), `${taken.join(', ')} in ${stepsMax} steps`).to.be.true;
    }
  });

  it('gives the same weights again, and to models in another order their own', () => {
    const random = createRandom(3);
    for (let turn = 0; turn < 20; turn += 1) {
      const data = problem(random, 5);
      const limits = { membersMax: 3, stepsMax: 12 };
      const selected = selectWeights(data, allRows(), limits);
      expect(selectWeights(data, allRows(), limits)).to.deep.equal(selected);
      const order = [3, 0, 4, 2, 1];
      const turned = selectWeights(
        { ...data, raw: order.map((model) => data.raw[model] ?? new Float64Array()) },
        allRows(),
        limits,
      );
      expect(turned.weights).to.deep.equal(order.map((model) => selected.weights[model]));
      expect(turned.loss).to.equal(selected.loss);
    }
  });

  it('takes the first of models that are the same, once', () => {
    const data = problem(createRandom(4), 1);
    const raw = [0, 1, 2].map(() => data.raw[0] ?? new Float64Array());
    const { weights } = selectWeights({ ...data, raw }, allRows(), { membersMax: 3, stepsMax: 10 });
    expect(weights).to.deep.equal([1, 0, 0]);
  });

  it('leaves out a model that predicts no number', () => {
    const data = problem(createRandom(5), 3);
    const raw = [data.raw[0]?.map(() => NaN) ?? new Float64Array(), ...data.raw.slice(1)];
    const { weights, loss } = selectWeights({ ...data, raw }, allRows(), { membersMax: 3, stepsMax: 10 });
    expect(weights[0]).to.equal(0);
    expect(loss).to.be.finite;
  });

  it('looks at the rows that it is given only, each by its weight', () => {
    const random = createRandom(6);
    const data = problem(random, 4);
    const half = allRows().filter((row) => row % 2 === 0);
    const limits = { membersMax: 4, stepsMax: 10 };
    const weights = Float64Array.from({ length: ROWS }, (_, row) => (row % 2 === 0 ? 1 : 0));
    expect(selectWeights({ ...data, weights }, allRows(), limits)).to.deep.equal(selectWeights(data, half, limits));
    const twice = Uint32Array.from([...half, ...half]);
    const doubled = Float64Array.from({ length: ROWS }, () => 2);
    const heavy = selectWeights({ ...data, weights: doubled }, half, limits);
    expect(heavy.weights).to.deep.equal(selectWeights(data, twice, limits).weights);
  });

  it('needs a model', async () => {
    const data = { ...problem(createRandom(7), 1), raw: [] };
    await appErrorOf('INTERNAL', () => selectWeights(data, allRows(), { membersMax: 1, stepsMax: 1 }));
  });
});
