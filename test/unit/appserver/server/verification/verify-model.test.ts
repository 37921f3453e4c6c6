import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { isAppError, type SealedFile, type TargetType, type TrainOutcome, type TrainTask } from '#contracts';
import { encodeOutOfFold, HOLDOUT, manifestOf, scoresFromOutOfFold, type OutOfFold } from '#ml';
import { fitModel, type FitResult } from '../../../../support/in-memory.ts';
import { FileObjectStore } from '#object-store';
import { verifyModel } from '../../../../../appserver/server/verification/verify-model.ts';
import { testEngine } from '../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource } from '../../../../support/memory-table.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { freeIo, planOf, trainTask } from '../../../../support/modelling-task.ts';

const TABLE = mixedTable(600);

interface Fitted {
  readonly spec: TrainTask;
  readonly fit: FitResult;
  readonly data: OutOfFold;
}

/** What a worker says beside the fit that it made. */
interface Story {
  readonly data?: OutOfFold;
  readonly outcome?: Partial<TrainOutcome>;
  readonly manifestRowCount?: number;
}

describe('a model that a worker made', function () {
  this.timeout(30_000);
  let folder: string;
  let attempts = 0;
  const fits = new Map<string, Fitted>();

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-verify-'));
    for (const targetType of ['binary', 'regression'] as const)
      for (const validation of ['cv', 'tvh'] as const)
        fits.set(`${targetType} ${validation}`, await fitOf(targetType, validation));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  async function fitOf(targetType: TargetType, validation: 'cv' | 'tvh', method?: 'random'): Promise<Fitted> {
    const plan = await planOf(TABLE, { target: targetType, targetType, featureNames: [...MIXED_FEATURES] });
    const split = validation === 'cv' ? { folds: 3 } : { folds: 1, validationFraction: 0.2 };
    const partitioning = { ...plan.partitioning, ...(method === undefined ? {} : { method }), validation, ...split };
    const spec = trainTask(TABLE, plan, { parameters: { maxIterations: 5 }, sampleFraction: 0.9, partitioning });
    const fit = await fitModel(spec, memorySource(TABLE, 500), testEngine(), freeIo());
    if (fit.outOfFold === null) throw new Error('no out-of-fold predictions');
    return { spec, fit, data: fit.outOfFold };
  }

  /** Seals what the story says, consistently: its scores are those of its predictions. */
  async function verify({ spec, fit }: Fitted, { data, outcome, manifestRowCount }: Story): Promise<string> {
    const told = data ?? fit.outOfFold;
    const store = new FileObjectStore(folder);
    const attemptPath = `models/m/${(attempts += 1)}-a`;
    const manifest = manifestOf(spec, fit, { createdAt: '2026-01-01T00:00:00Z', files: [] });
    const rowCount = manifestRowCount ?? manifest.rowCount;
    const contents: Record<string, Uint8Array> = {
      blob: fit.blob,
      'manifest.json': Buffer.from(JSON.stringify({ ...manifest, rowCount })),
      ...(told === null ? {} : { 'out-of-fold.bin': encodeOutOfFold(told) }),
    };
    const files: SealedFile[] = [];
    for (const [name, bytes] of Object.entries(contents))
      files.push({ name, ...(await store.write(`${attemptPath}/${name}`, bytes)) });
    const honest: TrainOutcome = {
      ...{ kind: 'train', contentHash: fit.contentHash, rowCount: fit.rowCount, iterations: fit.iterations },
      ...(fit.content.calibration === undefined ? {} : { calibration: fit.content.calibration }),
      scores: told === null ? null : scoresIn(told, spec),
      ...{ fitMs: 1, predictMicrosPerRow: 1, sizeBytes: 1, peakMemoryBytes: 1, stoppedByDeadline: false },
    };
    return verifyModel(spec, { fence: 1, attemptPath, files, outcome: { ...honest, ...outcome } }, store);
  }

  /** Null where the predictions have none. */
  function scoresIn(data: OutOfFold, spec: TrainTask): TrainOutcome['scores'] {
    try {
      return scoresFromOutOfFold(data, spec.target);
    } catch (err) {
      if (isAppError(err, 'INTERNAL')) return null;
      throw err;
    }
  }

  async function refuses(name: string, story: (fitted: Fitted) => Story, found: RegExp): Promise<void> {
    const fitted = fits.get(name);
    if (fitted === undefined) throw new Error(`no fit ${name}`);
    const error = await appErrorOf('RESULT_MISMATCH', () => verify(fitted, story(fitted)));
    expect(error.message, name).to.match(found);
  }

  /** Only the rows at these places. */
  function pick(data: OutOfFold, places: readonly number[]): OutOfFold {
    const at = Uint32Array.from(places);
    const numbers = (values: Float64Array | null) =>
      values === null ? null : Float64Array.from(at, (place) => values[place] ?? NaN);
    const { classes, outputCount } = data;
    return {
      ...data,
      rows: Uint32Array.from(at, (place) => data.rows[place] ?? 0),
      partitions: Int8Array.from(at, (place) => data.partitions[place] ?? 0),
      classes: classes === null ? null : Int32Array.from(at, (place) => classes[place] ?? 0),
      values: numbers(data.values),
      weights: numbers(data.weights),
      predictions: Float64Array.from({ length: at.length * outputCount }, (_, index) => {
        const place = at[Math.floor(index / outputCount)] ?? 0;
        return data.predictions[place * outputCount + (index % outputCount)] ?? NaN;
      }),
    };
  }
  const all = ({ rows }: OutOfFold): number[] => [...rows.keys()];
  /** How far a prediction is off. */
  const error = ({ values, classes, predictions }: OutOfFold, place: number): number =>
    Math.abs((values?.[place] ?? classes?.[place] ?? 0) - (predictions[place] ?? 0));

  it('has no step that its blueprint left out', async () => {
    const fitted = fits.get('binary cv');
    if (fitted === undefined) throw new Error('no fit');
    const asked = (...featureSteps: string[]): Fitted => ({ ...fitted, spec: { ...fitted.spec, featureSteps } });
    const usual = ['numeric', 'category-codes', 'date-parts', 'date-difference'];
    expect(await verify(asked(...usual), {})).to.match(/^[0-9a-f]{64}$/);
    const error = await appErrorOf('RESULT_MISMATCH', () => verify(asked('numeric', 'category-codes'), {}));
    expect(error.message).to.include('no date-parts step');
  });

  it('is taken when it is what was asked for', async () => {
    for (const [name, fitted] of fits) expect(await verify(fitted, {}), name).to.match(/^[0-9a-f]{64}$/);
    expect(await verify(await fitOf('multiclass', 'cv'), {})).to.match(/^[0-9a-f]{64}$/);
    expect(await verify(await fitOf('binary', 'tvh', 'random'), {})).to.match(/^[0-9a-f]{64}$/);
  });

  it('is taken as a refit of as many copies as were asked for, or fewer, and refused with more', async () => {
    const plan = await planOf(TABLE, { target: 'binary', featureNames: [...MIXED_FEATURES] });
    const refitOf = (copies?: number): TrainTask =>
      trainTask(TABLE, plan, {
        blueprintId: 'lightgbm-slow',
        refit: { of: 'model-0', iterations: 5, ...(copies === undefined ? {} : { copies }) },
      });
    const fit = await fitModel(refitOf(2), memorySource(TABLE, 500), testEngine(), freeIo());
    const verifyAs = (copies?: number) =>
      verify({ spec: refitOf(copies), fit, data: fits.get('binary cv')?.data ?? expect.fail('no fit') }, {});
    for (const copies of [2, 3]) expect(await verifyAs(copies)).to.match(/^[0-9a-f]{64}$/);
    for (const copies of [undefined, 1]) {
      const refused = await appErrorOf('RESULT_MISMATCH', () => verifyAs(copies));
      expect(refused.message).to.contain('expected 1 members; the manifest has 2');
    }
  });

  it('is refused without the rows that it predicts worst', async () => {
    for (const name of fits.keys()) {
      const lie = ({ data }: Fitted): Story => {
        const worst = all(data).toSorted((a, b) => error(data, b) - error(data, a));
        const left = new Set(worst.slice(worst.length / 2));
        return {
          data: pick(
            data,
            all(data).filter((place) => left.has(place)),
          ),
        };
      };
      if (name !== 'binary tvh') await refuses(name, lie, /rows|partition/);
      else await refuses(name, lie, /rows fitted on/);
    }
  });

  it('is refused with a row twice, with rows of no table, and in another order', async () => {
    for (const name of fits.keys()) {
      await refuses(name, ({ data }) => ({ data: pick(data, [0, ...all(data).slice(0, -1)]) }), /row \d+ after row/);
      await refuses(name, ({ data }) => ({ data: pick(data, all(data).toReversed()) }), /row \d+ after row/);
      const beyond = ({ data }: Fitted): Story => ({ data: { ...data, rows: data.rows.map((row) => row + 600) } });
      await refuses(name, beyond, /row 6\d\d after row -1 of a table of 600 rows/);
    }
  });

  it('is refused with rows in other partitions than the seed deals them to', async () => {
    const swap = ({ data }: Fitted): Story => ({
      data: { ...data, partitions: data.partitions.map((of) => (of === HOLDOUT ? 0 : of === 0 ? HOLDOUT : of)) },
    });
    for (const name of ['binary cv', 'regression cv', 'regression tvh']) await refuses(name, swap, /the seed deals/);
    await refuses('binary tvh', swap, /rows fitted on/);
  });

  it('is refused with other classes than the table has', async () => {
    const flip = ({ data }: Fitted): Story => ({
      data: { ...data, classes: Int32Array.from(data.predictions, (probability) => (probability > 0.5 ? 1 : 0)) },
    });
    await refuses('binary cv', flip, /class \d has \d+ rows|the seed deals/);
    const none = ({ data }: Fitted): Story => ({
      data: { ...data, classes: (data.classes ?? new Int32Array()).map(() => 7) },
    });
    await refuses('binary cv', none, /class/);
  });

  it('is refused with fewer folds, weights that nobody asked for, and what is no probability', async () => {
    const oneFold = ({ data }: Fitted): Story => ({
      data: { ...data, foldCount: 1, partitions: data.partitions.map((of) => (of === HOLDOUT ? of : 0)) },
    });
    await refuses('binary cv', oneFold, /1 folds; the task has 3/);
    const weighted = ({ data }: Fitted): Story => ({
      data: { ...data, weights: Float64Array.from(data.rows, (_, place) => (error(data, place) < 0.5 ? 1 : 0)) },
    });
    await refuses('binary cv', weighted, /weight/);
    const doubled = ({ data }: Fitted): Story => ({
      data: { ...data, predictions: data.predictions.map((p) => p + 1) },
    });
    await refuses('binary cv', doubled, /no probability/);
  });

  it('is refused when it says of itself that it was fitted on other rows', async () => {
    for (const name of fits.keys()) {
      await refuses(name, () => ({ outcome: { rowCount: 1 } }), /rows fitted on: expected \d+/);
      await refuses(name, () => ({ manifestRowCount: 1, outcome: { rowCount: 1 } }), /rows fitted on: expected \d+/);
    }
  });

  it('is refused with scores of other predictions', async () => {
    const perfect = ({ spec, data }: Fitted): Story => {
      const predictions = data.values ?? Float64Array.from(data.classes ?? []);
      return { outcome: { scores: scoresFromOutOfFold({ ...data, predictions }, spec.target) } };
    };
    for (const name of fits.keys()) await refuses(name, perfect, /the scores are not those/);
  });
});
