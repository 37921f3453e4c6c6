import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import type { TargetSpec, TrainTask } from '#contracts';
import { blendArtifacts, manifestOf, memoryPredictions, type OutOfFold } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { openArtifact, type Scorer } from '#scoring';
import { tryCalibration } from '../../../../../yarn-workers/ml/fit/calibration.ts';
import { sha256, testEngine } from '../../../../support/boosting-engine.ts';
import { memorySource } from '../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

interface Fixture {
  readonly binary: { raw: number[]; label: number[]; weight: number[]; slope: number; intercept: number };
  readonly offset: { offset: number[]; label: number[]; slope: number; intercept: number };
}
// The fixture's script writes this shape.
const FIXTURE = JSON.parse(
  readFileSync(new URL('../../../../fixtures/calibration/calibration.json', import.meta.url), 'utf8'),
) as Fixture;

function targetOf(classCount: number): TargetSpec {
  const classes = Array.from({ length: classCount }, (_, index) => ({
    label: `c${index}`,
    texts: [`c${index}`],
    rowCount: 1,
  }));
  const isBinary = classCount === 2;
  return { name: 't', targetType: isBinary ? 'binary' : 'multiclass', classes, positiveClass: isBinary ? 1 : null };
}

function heldOf(raw: readonly number[], label: readonly number[], weight: readonly number[] | null): OutOfFold {
  const rowCount = label.length;
  return {
    rows: Uint32Array.from(label.keys()),
    partitions: Int8Array.from(label, (_, row) => row % 5),
    foldCount: 5,
    classes: Int32Array.from(label),
    values: null,
    weights: weight === null ? null : Float64Array.from(weight),
    outputCount: raw.length / rowCount,
    predictions: Float64Array.from(raw),
  };
}

const tried = (held: OutOfFold, target: TargetSpec, offsets: ((row: number) => number) | null = null) =>
  tryCalibration(memoryPredictions(held), target, offsets, 1);

async function trialOf(...args: Parameters<typeof tried>) {
  const trial = await tried(...args);
  if (trial === null) throw new Error('no calibration');
  return trial;
}

const TABLE = mixedTable(900);

async function taskOf(changes: Partial<TrainTask>, target = 'binary'): Promise<TrainTask> {
  const plan = await planOf(TABLE, { target, featureNames: [...MIXED_FEATURES] });
  return trainTask(TABLE, plan, changes);
}

const fit = (task: TrainTask): Promise<FitResult> => fitModel(task, memorySource(TABLE, 200), testEngine(), freeIo());

const sealed = (task: TrainTask, made: FitResult) =>
  manifestOf(task, made, { createdAt: '2026-01-01T00:00:00Z', files: [] });

const FOREST: Partial<TrainTask> = { blueprintId: 'lightgbm-random-forest', parameters: { maxIterations: 40 } };

function rawOf(scorer: Scorer, row: number): number {
  const answer = scorer.createPrediction(true);
  scorer.scoreRow(Object.fromEntries(TABLE.map(({ name, cells }) => [name, cells[row] ?? null])), answer);
  const sum = [...(answer.contributions ?? [])].reduce(
    (all, one) => all + one,
    scorer.explainer().baseValues[0] ?? NaN,
  );
  expect(sum).to.be.closeTo(answer.rawScores[0] ?? NaN, 1e-10);
  return answer.rawScores[0] ?? NaN;
}

describe('ml calibration', function () {
  this.timeout(30_000);

  it('is what scikit-learn and SciPy find: with weights, and beside offsets', async () => {
    const { binary, offset } = FIXTURE;
    const platt = await trialOf(heldOf(binary.raw, binary.label, binary.weight), targetOf(2));
    expect(platt.calibration.slope).to.be.closeTo(binary.slope, 1e-5);
    expect(platt.calibration.intercept).to.be.closeTo(binary.intercept, 1e-5);
    expect(platt.gain).to.be.within(0.005, 0.02);
    const beside = await trialOf(
      heldOf(binary.raw, offset.label, null),
      targetOf(2),
      (row) => offset.offset[row] ?? NaN,
    );
    expect(beside.calibration.slope).to.be.closeTo(offset.slope, 1e-5);
    expect(beside.calibration.intercept).to.be.closeTo(offset.intercept, 1e-5);
  });

  it('gains nothing where raw scores are right already', async () => {
    const { binary } = FIXTURE;
    const right = binary.raw.map((raw) => binary.slope * raw + binary.intercept);
    const { gain, noise } = await trialOf(heldOf(right, binary.label, binary.weight), targetOf(2));
    expect(gain).to.be.lessThan(noise);
  });

  it('is none of perfect or constant scores, of no regression, and of no more than two classes', async () => {
    const label = Array.from({ length: 50 }, (_, row) => Number(row % 3 === 0));
    const perfect = heldOf(
      label.map((one) => (one === 1 ? 30 : -30)),
      label,
      null,
    );
    const target = targetOf(2);
    const trial = await tried(perfect, target);
    expect(trial === null || trial.gain <= 1e-9).to.equal(true);
    const constant = await trialOf(
      heldOf(
        label.map(() => 0),
        label,
        null,
      ),
      target,
    );
    expect(constant.calibration.slope).to.equal(1);
    expect(constant.calibration.intercept).to.be.closeTo(Math.log(17 / 33), 1e-9);
    const regression = { ...target, targetType: 'regression' as const, classes: [], positiveClass: null };
    expect(await tried(perfect, regression)).to.equal(null);
    expect(await tried(perfect, targetOf(3))).to.equal(null);
  });

  it('makes a forest say what comes true, and is in its scores and predictions', async () => {
    const task = await taskOf(FOREST);
    const made = await fit(task);
    const { calibration } = made.content;
    expect(calibration?.slope).to.be.greaterThan(1.2);
    const plain = { ...made.content };
    delete plain.calibration;
    const { outOfFold } = made;
    if (outOfFold === null || calibration === undefined) throw new Error('a forest is calibrated here');
    // The scores without it, from what the predictions were before.
    const labels = outOfFold.classes ?? new Int32Array(0);
    const lossOf = (undo: boolean): number =>
      outOfFold.predictions.reduce((sum, p, row) => {
        const odds = Math.log(p / (1 - p));
        const raw = undo ? (odds - calibration.intercept) / calibration.slope : odds;
        return sum + Math.log1p(Math.exp(labels[row] === task.target.positiveClass ? -raw : raw));
      }, 0) / outOfFold.predictions.length;
    expect(lossOf(false)).to.be.lessThan(0.97 * lossOf(true));
    expect(made.scores?.crossValidation?.['logLoss']).to.be.lessThan(lossOf(true));
    const boosted = await fit(await taskOf({ blueprintId: 'linear', parameters: { penalties: 30 } }, 'regression'));
    expect(boosted.content).not.to.have.property('calibration');
  });

  it('is repeated by a refit, and kept by a blend: slopes in the weights, one intercept', async () => {
    const task = await taskOf(FOREST);
    const made = await fit(task);
    const calibration = { slope: 1.5, intercept: -0.25 };
    const refitTask = { ...task, refit: { of: 'm', iterations: 40, calibration } };
    const refit = await fit(refitTask);
    expect(refit.content.calibration).to.deep.equal(calibration);
    const without = { ...task, refit: { of: 'm', iterations: 40 } };
    const bare = await fit(without);
    const scorers = [refit, bare].map((one, index) =>
      openArtifact(sealed(index === 0 ? refitTask : without, one), one.blob, sha256),
    );
    const [calibrated, uncalibrated] = scorers;
    if (calibrated === undefined || uncalibrated === undefined) throw new Error('two scorers');
    for (let row = 0; row < 20; row += 1)
      expect(rawOf(calibrated, row)).to.be.closeTo(1.5 * rawOf(uncalibrated, row) - 0.25, 1e-12);
    const parts = [
      { manifest: sealed(refitTask, refit), readBlob: async () => refit.blob, weight: 0.75 },
      { manifest: sealed(task, made), readBlob: async () => made.blob, weight: 0.25 },
    ];
    const blend = await blendArtifacts(parts, sha256);
    const manifest = { ...sealed(refitTask, refit), content: blend.content, contentHash: blend.contentHash };
    const scorer = openArtifact(JSON.parse(JSON.stringify(manifest)), blend.blob, sha256);
    const own = openArtifact(sealed(task, made), made.blob, sha256);
    for (let row = 0; row < 20; row += 1)
      expect(rawOf(scorer, row)).to.be.closeTo(0.75 * rawOf(calibrated, row) + 0.25 * rawOf(own, row), 1e-10);
  });
});
