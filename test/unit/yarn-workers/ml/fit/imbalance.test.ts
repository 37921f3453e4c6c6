import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import type { ImbalanceRequest, TrainTask } from '#contracts';
import { ensembleManifest, manifestOf, checkOutOfFold, refittedRowCount, type AutopilotRequest } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { makeEnsemble } from '../../../../support/in-memory.ts';
import { openArtifact, type Scorer } from '#scoring';
import { drawnRows } from '../../../../../yarn-workers/ml/fit/down-sample.ts';
import { readTargetRows } from '../../../../../yarn-workers/ml/fit/target-rows.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { ensembleTask, fitModels, modelReader } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

type TargetName = 'rare' | 'kind';
type Method = 'weights' | 'downsampling';
interface Fixture {
  readonly seed: number;
  readonly ratio: number;
  readonly table: Readonly<Record<string, readonly (number | string)[]>>;
  readonly target: Readonly<
    Record<
      TargetName,
      {
        readonly weights: readonly number[];
        readonly drawn: readonly number[];
        readonly rates: readonly number[];
        readonly linear: Readonly<Record<Method, readonly (readonly number[])[]>>;
        readonly lightgbm: readonly (readonly number[])[];
      }
    >
  >;
}
// The fixture's script writes this shape.
const FIXTURE = JSON.parse(
  readFileSync(new URL('../../../../fixtures/imbalance/imbalance.json', import.meta.url), 'utf8'),
) as Fixture;
const TARGETS = ['rare', 'kind'] as const;
const TABLE: MemoryColumn[] = Object.entries(FIXTURE.table).map(([name, cells]) => ({
  name,
  cells: cells.map(String),
  parse: name in FIXTURE.target ? textRule : numberRule,
}));
const FIRST: Readonly<Record<Method, ImbalanceRequest>> = {
  weights: { method: 'weights' },
  downsampling: { method: 'downsampling', ratio: FIXTURE.ratio },
};

async function taskOf(
  target: TargetName,
  imbalance: ImbalanceRequest | undefined,
  changes: Partial<TrainTask>,
  request: Partial<AutopilotRequest> = {},
): Promise<TrainTask> {
  const plan = await planOf(TABLE, {
    target,
    ...(imbalance === undefined ? {} : { imbalance }),
    weightColumn: 'weight',
    featureNames: ['x', 'z'],
    seed: FIXTURE.seed,
    ...request,
  });
  return trainTask(TABLE, plan, changes);
}

const fit = (task: TrainTask, table = TABLE, batchRows = 130): Promise<FitResult> =>
  fitModel(task, memorySource(table, batchRows), testEngine(), freeIo({ now: () => 0 }));

const opened = (task: TrainTask, made: FitResult): Scorer =>
  openArtifact(manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] }), made.blob, sha256);

const rowOf = (table: readonly MemoryColumn[], row: number): Record<string, unknown> =>
  Object.fromEntries(table.map(({ name, cells }) => [name, cells[row]]));

describe('ml imbalance', function () {
  this.timeout(60_000);

  for (const target of TARGETS) {
    const known = FIXTURE.target[target];

    it(`${target}: balanced weights are scikit-learn's, drawn rows those of the hash`, async () => {
      const weighted = await taskOf(target, FIRST.weights, {});
      expect(weighted.imbalance?.factors).to.deep.equal(known.weights);
      const drawn = await taskOf(target, FIRST.downsampling, {});
      const rows = await readTargetRows(drawn, memorySource(TABLE, 100));
      const flags = drawnRows(drawn, rows);
      expect([...(flags?.keys() ?? [])].filter((row) => flags?.[row] === 1)).to.deep.equal(known.drawn);
    });

    for (const method of ['weights', 'downsampling'] as const) {
      it(`${target}: a linear model with ${method} has scikit-learn's probabilities, corrected by Bayes' theorem`, async () => {
        const task = await taskOf(target, FIRST[method], {
          blueprintId: 'linear',
          parameters: { l1Ratio: 0, penalties: 60, penaltyRatio: 1e-8, earlyStoppingRounds: 0 },
          refit: { of: 'm', iterations: 60 },
        });
        const made = await fit(task);
        const scorer = opened(task, made);
        const answer = scorer.createPrediction();
        for (const [row, probabilities] of known.linear[method].entries()) {
          scorer.scoreRow(rowOf(TABLE, row), answer);
          for (const [index, probability] of probabilities.entries())
            expect(answer.probabilities[index]).to.be.closeTo(probability, 2e-4);
        }
        expect(made.rowCount).to.equal(method === 'weights' ? TABLE[0]?.cells.length : known.drawn.length);
      });
    }

    it(`${target}: LightGBM's raw scores on weighted rows are its own from Python, less the logarithm of the weights`, async () => {
      const task = await taskOf(target, FIRST.weights, {
        blueprintId: 'lightgbm-default',
        parameters: {
          learningRate: 0.1,
          maxIterations: 30,
          earlyStoppingRounds: 0,
          leaves: 8,
          minRowsPerLeaf: 20,
        },
        refit: { of: 'm', iterations: 30 },
      });
      const scorer = opened(task, await fit(task));
      const answer = scorer.createPrediction();
      const logs = known.weights.map(Math.log);
      const shift = target === 'rare' ? [(logs[1] ?? NaN) - (logs[0] ?? NaN)] : logs;
      for (const [row, raw] of known.lightgbm.entries()) {
        scorer.scoreRow(rowOf(TABLE, row), answer);
        for (const [output, value] of raw.entries())
          expect((answer.rawScores[output] ?? NaN) + (shift[output] ?? NaN)).to.be.closeTo(value, 1e-12);
      }
    });

    it(`${target}: the baseline is as without, also where its task says otherwise`, async () => {
      const plain = await fit(await taskOf(target, undefined, { blueprintId: 'baseline' }));
      for (const method of ['weights', 'downsampling'] as const) {
        const own = await taskOf(target, FIRST[method], { blueprintId: 'baseline' });
        expect((await fit(own)).contentHash).to.equal(plain.contentHash);
        const { imbalance } = await taskOf(target, FIRST[method], {});
        const forced = await fit({ ...own, ...(imbalance === undefined ? {} : { imbalance }) });
        for (const [place, value] of (plain.outOfFold?.predictions ?? []).entries())
          expect(forced.outOfFold?.predictions[place]).to.be.closeTo(value, 1e-12);
      }
    });
  }
});

/** Rows whose true probabilities are known: classes a, b, c, of which the last two are rare, and yes in 5 % of the rows. */
const SIZE = 4_000;
const GROUND = groundTable(12_345);
/** Rows that no model has seen. */
const UNSEEN = groundTable(678_901);

function groundTable(seed: number) {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  const normal = (): number => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
  const x: string[] = [];
  const z: string[] = [];
  const city: string[] = [];
  const rare: string[] = [];
  const kind: string[] = [];
  const truth = { rare: [] as number[][], kind: [] as number[][] };
  for (let row = 0; row < SIZE; row += 1) {
    const [a, b] = [normal(), normal()];
    const place = Math.floor(uniform() * 8);
    const p = 1 / (1 + Math.exp(4.2 - 1.3 * a - 0.8 * b * b + 0.2 * place));
    const scores = [3, a + 0.2 * place, b].map(Math.exp);
    const total = scores.reduce((sum, one) => sum + one, 0);
    const shares = scores.map((one) => one / total);
    truth.rare.push([1 - p, p]);
    truth.kind.push(shares);
    x.push(a.toFixed(4));
    z.push(b.toFixed(4));
    city.push(`city ${place}`);
    rare.push(uniform() < p ? 'yes' : 'no');
    const u = uniform();
    kind.push(u < (shares[0] ?? 0) ? 'a' : u < (shares[0] ?? 0) + (shares[1] ?? 0) ? 'b' : 'c');
  }
  const table: MemoryColumn[] = [
    { name: 'x', cells: x, parse: numberRule },
    { name: 'z', cells: z, parse: numberRule },
    { name: 'city', cells: city, parse: textRule },
    { name: 'rare', cells: rare, parse: textRule },
    { name: 'kind', cells: kind, parse: textRule },
  ];
  return { table, truth };
}

/** Mean probability of the rare class in unseen rows. */
function meanOfRare(scorer: Scorer): number {
  const answer = scorer.createPrediction();
  let sum = 0;
  for (let row = 0; row < SIZE; row += 1) {
    scorer.scoreRow(rowOf(UNSEEN.table, row), answer);
    sum += answer.probabilities[1] ?? NaN;
  }
  return sum / SIZE;
}

const groundTask = async (
  target: TargetName,
  imbalance: ImbalanceRequest,
  changes: Partial<TrainTask>,
  request: Partial<AutopilotRequest> = {},
): Promise<TrainTask> =>
  trainTask(
    GROUND.table,
    await planOf(GROUND.table, { target, imbalance, featureNames: ['x', 'z', 'city'], ...request }),
    changes,
  );

const BLUEPRINTS = [
  ['lightgbm-fast', { maxIterations: 60 }],
  ['lightgbm-default', { maxIterations: 60 }],
  // Slowly, as it looks only after 50 iterations; without drops, which take the shares of the classes away with the first tree.
  ['lightgbm-dart', { maxIterations: 50, learningRate: 0.03, skipDrop: 1 }],
  ['lightgbm-linear-trees', { maxIterations: 60 }],
  ['xgboost-default', { maxIterations: 60 }],
  ['linear-splines', { penalties: 30 }],
  ['factorization-machine', {}],
  ['random-forest', { trees: 60 }],
  ['extra-trees', { trees: 60 }],
] as const;

const METHODS: readonly ImbalanceRequest[] = [{ method: 'weights' }, { method: 'downsampling', ratio: 3 }];

describe('ml imbalance, where true probabilities are known', function () {
  this.timeout(120_000);

  for (const target of TARGETS) {
    for (const [blueprintId, parameters] of BLUEPRINTS) {
      for (const imbalance of METHODS) {
        it(`${target}: ${blueprintId} with ${imbalance.method} predicts the shares that there are`, async () => {
          const task = await groundTask(target, imbalance, { blueprintId, parameters });
          const made = await fit(task, GROUND.table, 700);
          const held = made.outOfFold;
          if (held === null) throw new Error('there are predictions of held-back rows');
          expect(held.rows).to.have.length(SIZE);
          expect(held.weights).to.equal(null);
          const classCount = task.target.classes.length;
          for (let index = 1; index < classCount; index += 1) {
            let [predicted, was, variance] = [0, 0, 0];
            for (const [place, row] of held.rows.entries()) {
              const of = target === 'rare' ? place : place * classCount + index;
              predicted += held.predictions[of] ?? NaN;
              const p = GROUND.truth[target][row]?.[index] ?? NaN;
              was += p;
              variance += p * (1 - p);
            }
            // Three standard errors, and what a model smooths away: without the correction it would be two to six times as much.
            const tolerance = 3 * Math.sqrt(variance) + 0.05 * was;
            expect(predicted).to.be.closeTo(was, tolerance);
          }
          const scorer = opened(task, made);
          const answer = scorer.createPrediction(true);
          const { baseValues } = scorer.explainer();
          for (let row = 0; row < 5; row += 1) {
            scorer.scoreRow(rowOf(GROUND.table, row), answer);
            const outputCount = baseValues.length;
            const count = (answer.contributions?.length ?? 0) / outputCount;
            for (let output = 0; output < outputCount; output += 1) {
              const own = answer.contributions?.slice(output * count, (output + 1) * count) ?? [];
              const sum = [...own].reduce((all, one) => all + one, baseValues[output] ?? NaN);
              expect(sum).to.be.closeTo(answer.rawScores[output] ?? NaN, 1e-9);
            }
          }
          const { least, most } = checkOutOfFold(task, held);
          expect([least, most]).to.deep.equal([made.rowCount, made.rowCount]);
        });
      }
    }
  }

  it('a member is corrected by what was drawn of its own rows: folds and samples', async () => {
    const request = { method: 'downsampling', ratio: 3 } as const;
    const changes = { blueprintId: 'linear', parameters: { penalties: 1 } };
    const task = await groundTask('rare', request, changes);
    // The strongest penalty leaves the intercept alone: the constant of all rows outside the fold.
    const none = await fit(await groundTask('rare', { method: 'none' }, { blueprintId: 'baseline' }), GROUND.table);
    const made = await fit(task, GROUND.table);
    for (const [place, value] of (none.outOfFold?.predictions ?? []).entries())
      expect(made.outOfFold?.predictions[place]).to.be.closeTo(value, 1e-4 * value);
    const whole = await fit({ ...task, sampleFraction: 0.5, modelId: 'half' }, GROUND.table);
    expect(whole.rowCount).to.be.within(0.4 * made.rowCount, 0.6 * made.rowCount);
    expect(
      checkOutOfFold({ ...task, sampleFraction: 0.5 }, whole.outOfFold ?? expect.fail('no predictions')).least,
    ).to.equal(whole.rowCount);
    const refit = { ...task, refit: { of: 'm', iterations: 1 } };
    const { least, most } = refittedRowCount(refit);
    expect((await fit(refit, GROUND.table)).rowCount).to.be.within(least, most);
  });

  it('bags of a refit are corrected as the one model of all rows', async () => {
    for (const imbalance of METHODS) {
      const means = await Promise.all(
        [1, 6].map(async (copies) => {
          const refit = { of: 'm', iterations: 30, copies };
          const task = await groundTask('rare', imbalance, { blueprintId: 'lightgbm-default', refit });
          const made = await fit(task, GROUND.table);
          expect(made.content.members).to.have.length(copies);
          return meanOfRare(opened(task, made));
        }),
      );
      expect(means[1]).to.be.closeTo(means[0] ?? NaN, 0.1 * (means[0] ?? NaN));
    }
  });

  it('gives the same content whatever the batches, and resumes to it', async () => {
    for (const imbalance of METHODS) {
      for (const [blueprintId, parameters] of [
        ['lightgbm-slow', { maxIterations: 120, earlyStoppingRounds: 0 }],
        ['xgboost-slow', { maxIterations: 120, earlyStoppingRounds: 0 }],
        ['random-forest', { trees: 25 }],
        ['lightgbm-encoded', { maxIterations: 60 }],
      ] as const) {
        const task = await groundTask('kind', imbalance, { blueprintId, parameters });
        const states: Uint8Array[] = [];
        const io = freeIo({
          now: () => 0,
          onCheckpoint: async ({ encode }) => {
            if (states.length < 2) states.push(encode());
          },
        });
        const whole = await fitModel(task, memorySource(GROUND.table, 333), testEngine(), io);
        expect((await fit(task, GROUND.table, 4_000)).contentHash).to.equal(whole.contentHash);
        const [state] = states.slice(-1);
        if (state === undefined) throw new Error('there is a state');
        const again = await fitModel(
          task,
          memorySource(GROUND.table, 500),
          testEngine(),
          freeIo({ now: () => 0, resumeFrom: state }),
        );
        expect(again.contentHash).to.equal(whole.contentHash);
      }
    }
  });

  it('draws a smaller part out of a larger one, of the largest class only, and says so', async () => {
    const [many, few] = await Promise.all(
      [6, 2].map(async (ratio) => {
        const task = await groundTask('rare', { method: 'downsampling', ratio }, {});
        return { task, flags: drawnRows(task, await readTargetRows(task, memorySource(GROUND.table, 500))) };
      }),
    );
    const rare = GROUND.table.find(({ name }) => name === 'rare')?.cells ?? [];
    for (const [row, flag] of (few?.flags ?? []).entries()) {
      if (flag === 1) expect(many?.flags?.[row]).to.equal(1);
      if (rare[row] === 'yes') expect(flag).to.equal(1);
    }
    const lines: string[] = [];
    const task = { ...(few?.task as TrainTask), blueprintId: 'linear' };
    const io = freeIo({ now: () => 0, log: (line) => void lines.push(line) });
    const { rowCount, trainingStatistics } = await fitModel(task, memorySource(GROUND.table), testEngine(), io);
    const outside = 0.8 * SIZE;
    expect(lines.join('\n')).to.match(new RegExp(`down-sampled: ${rowCount} of 3\\d\\d\\d rows`));
    // Drift is measured against all rows, not against what was drawn.
    for (const statistics of trainingStatistics) expect(statistics.rowCount).to.be.closeTo(outside, 20);
  });

  it('an ensemble blends corrected scores, and keeps the constraints that its members keep', async () => {
    for (const imbalance of METHODS) {
      const request = { target: 'rare', imbalance, featureNames: ['x', 'z'], monotonic: { increasing: ['x'] } };
      const plan = await planOf(GROUND.table, request);
      const models = await fitModels(GROUND.table, plan, [
        ['linear', { penalties: 20 }],
        ['lightgbm-fast', { maxIterations: 40 }],
        ['xgboost-default', { maxIterations: 40 }],
      ]);
      const task = ensembleTask(GROUND.table, plan, models);
      const blend = await makeEnsemble(task, modelReader(models), { sha256, now: () => 0, remainingMs: () => null });
      const manifest = ensembleManifest(task, blend, { createdAt: '2026-01-01T00:00:00Z', files: [] });
      const scorer = openArtifact(JSON.parse(JSON.stringify(manifest)), blend.blob, sha256);
      const answer = scorer.createPrediction();
      const was = UNSEEN.truth.rare.reduce((sum, [, yes = NaN]) => sum + yes, 0) / SIZE;
      expect(meanOfRare(scorer)).to.be.closeTo(was, 3 * Math.sqrt(was / SIZE) + 0.05 * was);
      for (let step = -3; step < 3; step += 0.25) {
        const at = (x: number): number => {
          scorer.scoreRow({ x, z: 0.5 }, answer);
          return answer.rawScores[0] ?? NaN;
        };
        expect(at(step + 0.25)).to.be.at.least(at(step));
      }
    }
  });

  it('refuses forests whose scores are no log odds', async () => {
    const task = await groundTask('rare', { method: 'weights' }, { blueprintId: 'lightgbm-random-forest' });
    const err = await appErrorOf('VALIDATION_FAILED', () => fit(task, GROUND.table));
    expect(err.message).to.include('lightgbm-random-forest').and.to.include('log odds');
  });
});
