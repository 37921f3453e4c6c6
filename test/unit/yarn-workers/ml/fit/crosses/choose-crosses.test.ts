import { expect } from 'chai';
import type { ManifestStep, Parameters } from '#contracts';
import { coefficientsOf, manifestOf, type AutopilotRequest } from '#ml';
import { fitModel } from '../../../../../support/in-memory.ts';
import { modelReader, openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import {
  jointGain,
  slopesBesideLevels,
  type CrossColumn,
} from '../../../../../../yarn-workers/ml/fit/crosses/joint-gain.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { CROSSES_FEATURES, crossesTable } from '../../../../../support/crosses-table.ts';
import { memorySource, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const ROWS = 900;
const TABLE = crossesTable(ROWS);

async function fitOf(
  table: readonly MemoryColumn[],
  request: AutopilotRequest,
  { parameters, batchRows = 1_000 }: { readonly parameters?: Parameters; readonly batchRows?: number } = {},
) {
  const plan = await planOf(table, {
    featureNames: [...CROSSES_FEATURES],
    partitioning: { method: 'random', folds: 3, holdoutFraction: 0 },
    ...request,
  });
  const task = trainTask(table, plan, { blueprintId: 'linear', parameters: parameters ?? { crosses: 8 } });
  return { task, fit: await fitModel(task, memorySource(table, batchRows), testEngine(), freeIo()) };
}

type CrossStep = Extract<ManifestStep, { kind: 'category-cross' }>;
const crossesOf = ({ fit: { content } }: Awaited<ReturnType<typeof fitOf>>) =>
  content.members.map(({ steps }) =>
    steps.flatMap((index): CrossStep[] => {
      const step = content.steps[index];
      return step?.kind === 'category-cross' ? [step] : [];
    }),
  );
const namesOf = (found: Awaited<ReturnType<typeof fitOf>>): string[][] =>
  crossesOf(found).map((steps) =>
    steps.map(({ feature, other }) =>
      [feature, other].map((index) => found.fit.content.features[index]?.name ?? '').join(' x '),
    ),
  );

describe('ml: crosses of features', function () {
  this.timeout(30_000);

  it('are those that say more together than added up, found in each fold, for every kind of target', async () => {
    for (const [target, metric] of [
      ['binary', 'logLoss'],
      ['multiclass', 'logLoss'],
      ['regression', 'rmse'],
      ['count', 'poissonDeviance'],
    ] as const) {
      const found = await fitOf(TABLE, { target, metric });
      for (const names of namesOf(found)) expect(names[0], target).to.equal('kind x doors');
      expect(namesOf(found).flat().length, target).to.be.at.most(5);
      const without = await fitOf(TABLE, { target, metric }, { parameters: {} });
      expect(namesOf(without).flat()).to.deep.equal([]);
      const scoreOf = ({ fit }: typeof found): number => fit.scores?.crossValidation?.[metric] ?? NaN;
      expect(scoreOf(found), target).to.be.below(0.85 * scoreOf(without));
    }
  });

  it('have codes of pairs with twenty training rows of the member, by keys that are read as in the table', async () => {
    const found = await fitOf(TABLE, { target: 'regression' });
    const { outOfFold } = found.fit;
    for (const [fold, steps] of crossesOf(found).entries()) {
      const step = steps[0] ?? expect.fail('no cross');
      expect(step.otherKeys).to.deep.equal(['0', '1', '2', '3']);
      const trains = [...(outOfFold?.rows ?? [])].filter((_, at) => outOfFold?.partitions[at] !== fold);
      const cell = (name: string, row: number) => TABLE.find((one) => one.name === name)?.cells[row] ?? null;
      const placeOf = (keys: readonly string[], key: string | null): number => {
        if (key === null) return keys.length;
        return keys.includes(key) ? keys.indexOf(key) : keys.length + 1;
      };
      const counts = step.codes.map(() => 0);
      for (const row of trains) {
        const doors = cell('doors', row);
        const place = placeOf(step.keys, cell('kind', row));
        const at = place * 6 + placeOf(step.otherKeys, doors === 'NA' ? null : String(Number(doors)));
        counts[at] = (counts[at] ?? 0) + 1;
      }
      expect(step.codes.map((code) => code !== null)).to.deep.equal(counts.map((count) => count >= 20));
      const codes = step.codes.filter((code) => code !== null);
      expect(codes).to.deep.equal([...codes.keys()]);
    }
  });

  it('are none of noise, of a number that predictions are to rise with, or beside an offset', async () => {
    const random = createRandom(77);
    const noise = TABLE.map((column) =>
      column.name === 'regression' ? { ...column, cells: column.cells.map(() => String(random.uniform())) } : column,
    );
    expect(namesOf(await fitOf(noise, { target: 'regression' })).flat()).to.deep.equal([]);
    const rising = await fitOf(TABLE, { target: 'regression', monotonic: { increasing: ['doors'], decreasing: [] } });
    expect(
      namesOf(rising)
        .flat()
        .filter((name) => name.includes('doors')),
    ).to.deep.equal([]);
    const offset = { target: 'regression', offsetColumn: 'x', featureNames: ['kind', 'doors', 'plain'] };
    expect(namesOf(await fitOf(TABLE, offset)).flat()).to.deep.equal([]);
  });

  it('give the same model whatever the batches', async () => {
    const first = await fitOf(TABLE, { target: 'binary' });
    const again = await fitOf(TABLE, { target: 'binary' }, { batchRows: 7 });
    expect(again.fit.contentHash).to.equal(first.fit.contentHash);
  });

  it('count as their first feature in explanations that add up, and have a coefficient a pair of levels', async () => {
    const found = await fitOf(TABLE, { target: 'regression' });
    const { task, fit } = found;
    const scorer = openArtifact(
      manifestOf(task, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] }),
      fit.blob,
      sha256,
    );
    const answer = scorer.createPrediction(true);
    for (let row = 0; row < 60; row += 1) {
      scorer.scoreRow(Object.fromEntries(TABLE.map(({ name, cells }) => [name, cells[row] ?? null])), answer, row);
      const [base = NaN] = scorer.explainer().baseValues;
      const sum = [...(answer.contributions ?? [])].reduce((total, value) => total + value, base);
      expect(sum).to.be.closeTo(Number(answer.prediction), 1e-9);
    }
    const asked = { output: 0, label: null, deviations: {} };
    const terms = coefficientsOf(fit.content, modelReader(fit.content, fit.blob), asked).terms;
    const own = terms.filter(({ column }) => column === 'kind x doors');
    const valueOf = (level: string): number => own.find((term) => term.level === level)?.coefficient ?? NaN;
    expect(own.every(({ feature }) => feature === 'kind')).to.equal(true);
    expect(valueOf('kind 1 x 1')).to.be.greaterThan(valueOf('kind 1 x 2') + 10);
  });
});

describe('ml: gain of two features together', () => {
  const random = createRandom(3);
  const rowCount = 4_000;
  const column = (): CrossColumn => ({
    codes: Int32Array.from({ length: rowCount }, () => random.below(3)),
    codeCount: 3,
  });
  const [a, b] = [column(), column()];
  const halves = Uint8Array.from({ length: rowCount }, (_, row) => row & 1);
  const weights = new Float64Array(rowCount).fill(1);
  const noise = Float64Array.from({ length: rowCount }, () => random.uniform() - 0.5);
  const gainOf = (valueOf: (row: number) => number) => {
    const target = { family: 'gaussian' as const, values: noise.map((value, row) => value + valueOf(row)), weights };
    return jointGain(slopesBesideLevels(target, [a, b]), a, b, halves);
  };

  it('is half the variance that cells explain, of a known table of cells', () => {
    // Of an exclusive or half of the levels are 1 and half -1, so sums of levels explain none of it: 1/2 but for noise and the prior.
    const { gain, error } = gainOf((row) => (((a.codes[row] ?? 0) === 0) === ((b.codes[row] ?? 0) === 0) ? 1 : -1));
    // Levels of 1/3 and 2/3: the interaction's variance is (2 p q)^2 x 4 with p = 1/3, so 64/81; half of it.
    expect(gain).to.be.closeTo(32 / 81, 0.03);
    expect(gain).to.be.greaterThan(20 * error);
  });

  it('is within noise where levels add up, or say nothing', () => {
    for (const valueOf of [() => 0, (row: number) => (a.codes[row] ?? 0) - 2 * (b.codes[row] ?? 0)]) {
      const { gain, error } = gainOf(valueOf);
      expect(gain).to.be.below(2 * error);
    }
  });
});
