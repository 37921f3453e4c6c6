import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { oneOf, parse, Type, type TrainTask } from '#contracts';
import { fitModel, manifestOf, settingsOf, type AutopilotRequest, type FitResult } from '#ml';
import { openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { hasWidePair, WIDE_LEVELS_MIN } from '../../../../../../yarn-workers/ml/blueprints/factorization.ts';
import { checkFits } from '../../../../../../yarn-workers/ml/blueprints/misfit.ts';
import { vectorPath } from '../../../../../../yarn-workers/ml/fit/factorization/vector-path.ts';
import { machineScores, type MachineShape } from '../../../../../../yarn-workers/ml/fit/factorization/machine.ts';
import type { Block, Design } from '../../../../../../yarn-workers/ml/fit/linear/design.ts';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import {
  dateRule,
  memorySource,
  numberRule,
  textRule,
  type MemoryColumn,
} from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const ID = 'factorization-machine';

const Numbers = Type.Array(Type.Number());
const References = Type.Object({
  users: Type.Integer(),
  items: Type.Integer(),
  rank: Type.Integer(),
  rows: Type.Array(Numbers),
  cases: Type.Array(
    Type.Object({
      family: oneOf(['gaussian', 'binomial', 'poisson']),
      coefficientPenalty: Type.Number(),
      vectorPenalty: Type.Number(),
      labels: Numbers,
      objective: Type.Number(),
      scores: Numbers,
    }),
  ),
});
const references = parse(
  References,
  JSON.parse(
    readFileSync(new URL('../../../../../fixtures/factorization-machine/references.json', import.meta.url), 'utf8'),
  ) as unknown,
  'factorization machines of numpy',
);

const block = (changes: Partial<Block>): Block => ({
  ...{ levelCount: 1, codes: null, values: null, sparse: null, sign: 0, isComplete: false },
  ...changes,
});

/** The references' table: two categories and a number as it is. */
const DESIGN: Design = {
  rowCount: references.rows.length,
  blocks: [
    block({ levelCount: references.users, codes: Uint16Array.from(references.rows, ([user = 0]) => user) }),
    block({ levelCount: references.items, codes: Uint16Array.from(references.rows, ([, item = 0]) => item) }),
    block({ values: Float32Array.from(references.rows, ([, , number = 0]) => number) }),
  ],
};

const USERS = 120;
const ITEMS = 60;
const ROWS = 5_000;

/** Ratings whose pairs of user and item say by two factors what neither of them says alone. */
const TABLE: MemoryColumn[] = (() => {
  const random = createRandom(11);
  const vectors = Array.from({ length: 2 * (USERS + ITEMS) }, () => 2.4 * random.uniform() - 1.2);
  const vectorOf = (index: number): number[] => vectors.slice(2 * index, 2 * index + 2);
  const rows = Array.from({ length: ROWS }, () => {
    const [user, item, x] = [random.below(USERS), random.below(ITEMS), random.uniform()];
    const [[a = 0, b = 0], [c = 0, d = 0]] = [vectorOf(user), vectorOf(USERS + item)];
    const score = 2 * (a * c + b * d) + 0.3 * x;
    return {
      user,
      item,
      x,
      y: score + random.uniform() - 0.5,
      likes: random.uniform() < 1 / (1 + Math.exp(-3 * score)),
    };
  });
  const texts = (name: string, cellOf: (row: (typeof rows)[number], index: number) => string): MemoryColumn => ({
    name,
    parse: textRule,
    cells: rows.map(cellOf),
  });
  return [
    texts('user', ({ user }) => `u${user}`),
    texts('item', ({ item }) => `i${item}`),
    texts('likes', ({ likes }) => (likes ? 'yes' : 'no')),
    texts('kind', (_, index) => `k${index % 101}`),
    { name: 'x', parse: numberRule, cells: rows.map(({ x }) => String(x)) },
    { name: 'y', parse: numberRule, cells: rows.map(({ y }) => String(y)) },
  ];
})();

async function taskOf(changes: Partial<TrainTask> = {}, request: Partial<AutopilotRequest> = {}): Promise<TrainTask> {
  const plan = await planOf(TABLE, {
    ...{ target: 'y', targetType: 'regression', featureNames: ['user', 'item', 'x'] },
    partitioning: { method: 'random', folds: 3, holdoutFraction: 0 },
    ...request,
  });
  return trainTask(TABLE, plan, { blueprintId: ID, ...changes });
}

const fit = (task: TrainTask, batchRows = 700): Promise<FitResult> =>
  fitModel(task, memorySource(TABLE, batchRows), testEngine(), freeIo());

const scoreOf = ({ scores }: FitResult, metric: 'rmse' | 'auc'): number =>
  scores?.crossValidation?.[metric] ?? scores?.validation?.[metric] ?? NaN;

const scorerOf = (task: TrainTask, made: FitResult) =>
  openArtifact(manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] }), made.blob, sha256);

describe('ml fit: factorization machines', function () {
  this.timeout(60_000);

  for (const one of references.cases)
    it(`minimise their objective as L-BFGS does: ${one.family}, penalties ${one.coefficientPenalty} and ${one.vectorPenalty}`, () => {
      const { rank, rows } = references;
      const shape: MachineShape = { rank, blockFields: [0, 1, 2] };
      const labels = Float64Array.from(one.labels);
      const job = {
        family: one.family,
        outputCount: 1,
        training: { design: DESIGN, labels, weights: labels.map(() => 1 / rows.length), offsets: null },
        isTooLate: () => false,
      };
      const path = vectorPath(job, shape, { coefficientPenalty: one.coefficientPenalty, rounds: 3_000 }, 5);
      const [made] = path.fitAt(one.vectorPenalty).outputs;
      const scores = new Float64Array(rows.length);
      if (made !== undefined) machineScores(DESIGN, shape, made, scores);
      for (const [row, score] of scores.entries()) expect(score).to.be.closeTo(one.scores[row] ?? NaN, 1e-5);
    });

  it('learn what two categories say together, where a linear model cannot', async () => {
    const task = await taskOf();
    const made = await fit(task);
    const linear = await fit({ ...task, blueprintId: 'linear' });
    // The noise alone is 0.289.
    expect(scoreOf(made, 'rmse')).to.be.lessThan(0.36);
    expect(scoreOf(linear, 'rmse')).to.be.greaterThan(1);
    const binary = await taskOf({}, { target: 'likes', targetType: 'binary', metric: 'auc' });
    expect(scoreOf(await fit(binary), 'auc')).to.be.greaterThan(0.85);
    expect(scoreOf(await fit({ ...binary, blueprintId: 'linear' }), 'auc')).to.be.lessThan(0.65);
  });

  it('are explained exactly, a feature each, and say little of levels that they have not seen', async () => {
    const task = await taskOf();
    const scorer = scorerOf(task, await fit(task));
    expect(scorer.explainer().features).to.deep.equal(['user', 'item', 'x']);
    const answer = scorer.createPrediction(true);
    const [base = NaN] = scorer.explainer().baseValues;
    for (const row of [
      { user: 'u1', item: 'i2', x: 0.2 },
      { user: 'u3', item: null, x: null },
      { user: 'nobody', item: 'nothing', x: 1e300 },
    ]) {
      scorer.scoreRow(row, answer);
      const sum = [...(answer.contributions ?? [])].reduce((total, value) => total + value, base);
      expect(sum).to.be.closeTo(answer.rawScores[0] ?? NaN, 1e-12);
    }
    scorer.scoreRow({ user: 'nobody', item: 'nothing', x: 0.5 }, answer);
    for (const contribution of answer.contributions ?? []) expect(Math.abs(contribution)).to.be.lessThan(0.05);
  });

  it('are the same model whatever the threads and batches, and a refit makes as many steps', async () => {
    const task = await taskOf();
    const first = await fit(task);
    expect((await fit({ ...task, threadCount: 2 }, 333)).contentHash).to.equal(first.contentHash);
    expect((await fit({ ...task, seed: 8 })).contentHash).not.to.equal(first.contentHash);
    const refit = { ...task, refit: { of: 'model-0', iterations: first.iterations } };
    const made = await fit(refit);
    expect(made.iterations).to.equal(first.iterations);
    expect(made.content.members).to.have.length(1);
    expect((await fit(refit, 99)).contentHash).to.equal(made.contentHash);
  });

  it('have a field a feature, whatever columns it has, and vectors of all levels that two rows have', async () => {
    const many = Array.from({ length: ROWS }, (_, row) => `v${row % 2_400}`);
    const days = Array.from({ length: ROWS }, (_, row) => `2024-01-${String(1 + (row % 28)).padStart(2, '0')}`);
    const table: MemoryColumn[] = [
      ...TABLE,
      { name: 'many', parse: textRule, cells: many },
      { name: 'day', parse: dateRule, cells: days },
    ];
    const plan = await planOf(table, { target: 'y', targetType: 'regression', featureNames: ['many', 'day'] });
    const task = trainTask(table, plan, {
      blueprintId: ID,
      parameters: { penalties: 2 },
      refit: { of: 'model-0', iterations: 1 },
    });
    const { content, blob } = await fitModel(task, memorySource(table, 700), testEngine(), freeIo());
    const [codes] = content.steps.filter(({ kind }) => kind === 'category-codes');
    expect(codes?.kind === 'category-codes' ? codes.keys : []).to.have.length(2_400);
    const { offset = 0, length = 0 } = content.sections.find(({ name }) => name === 'member0.columnField') ?? {};
    const fields = [...new Int32Array(blob.slice(offset, offset + 4 * length).buffer)];
    expect(fields).to.deep.equal([0, ...Array<number>(12).fill(1)]);
    expect(content.members[0]?.model).to.deep.include({ kind: ID, rank: 4, columnCount: 13, outputCount: 1 });
  });

  it('are refused where they cannot be, each with its reason', async () => {
    const settings = settingsOf(ID, {});
    const plan = await planOf(TABLE, { target: 'y', targetType: 'regression' });
    const classes = Array.from({ length: 101 }, (_, index) => ({
      label: `${index}`,
      texts: [`${index}`],
      rowCount: 9,
    }));
    const { metric, monotonic, target } = plan;
    const cases: [Partial<Parameters<typeof checkFits>[2]>, string][] = [
      [{ monotonic: { increasing: ['x'], decreasing: [] } }, 'cannot keep the constraints'],
      [{ target: { ...target, quantile: 0.9 }, metric: 'quantileLoss' }, 'no loss for a quantile'],
      [{ target: { ...target, targetType: 'multiclass', classes } }, '101, more than 100'],
    ];
    for (const [changes, part] of cases) {
      const err = await appErrorOf('VALIDATION_FAILED', () =>
        checkFits(ID, settings, { target, metric, monotonic, ...changes }),
      );
      expect(err.message).to.contain(part);
    }
    const alone = await appErrorOf('VALIDATION_FAILED', () =>
      planOf(TABLE, { target: 'y', blueprints: [ID], featureNames: ['user'] }),
    );
    expect(alone.message).to.contain('needs two features that are no texts');
    for (const [name, value] of [
      ['rank', 17],
      ['rank', 0],
      ['rounds', 1.5],
      ['coefficientPenalty', 0],
      ['leaves', 3],
    ] as const) {
      const err = await appErrorOf('VALIDATION_FAILED', () => settingsOf(ID, { [name]: value }));
      expect(err.message).to.contain(`parameters.${name}`);
    }
  });

  it('are searched where two categories are wide, with or without a budget, and elsewhere by name alone', async () => {
    const idsOf = async (featureNames: string[], request: Partial<AutopilotRequest> = {}): Promise<string[]> =>
      (await planOf(TABLE, { target: 'y', featureNames, ...request })).candidates.map(({ blueprintId }) => blueprintId);
    for (const request of [{}, { timeBudgetSeconds: 60 }, { mode: 'full' as const }]) {
      expect(await idsOf(['user', 'item', 'x'], request)).to.include(ID);
      expect(await idsOf(['user', 'x'], request)).not.to.include(ID);
    }
    expect(await idsOf(['user', 'x'], { blueprints: [ID] })).to.deep.equal([ID]);
    const { features } = await planOf(TABLE, { target: 'y' });
    const of = (uniqueCount: number) =>
      features.filter(({ name }) => ['user', 'item'].includes(name)).map((one) => ({ ...one, uniqueCount }));
    expect([WIDE_LEVELS_MIN - 1, WIDE_LEVELS_MIN].map((count) => hasWidePair(of(count)))).to.deep.equal([false, true]);
  });
});
