import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import { PAIRS_MAX, type BatchPredictionRecord } from '#store';
import { replayedPairs } from '../../../../../appserver/server/services/replayed-pairs.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const CLASSES: TargetSpec = {
  ...{ name: 'income', targetType: 'binary', positiveClass: 1 },
  classes: [
    { label: 'no', texts: ['no'], rowCount: 1 },
    { label: '1', texts: ['1', '1.0'], rowCount: 1 },
  ],
};
const NUMBERS: TargetSpec = { name: 'price', targetType: 'regression', positiveClass: null, classes: [] };

/** Where the rows of a model lie. */
const batch = (id: string, rowCount: number): BatchPredictionRecord => ({
  ...{ id, modelId: id, deploymentId: null, datasetId: 'ds_1', jobId: 'job_1', passthroughColumns: [], output: null },
  ...{ stagingPath: null, resultPath: id, rowCount, rowsPerSecond: null, rowsPerCoreSecond: null, partCount: 1 },
  ...{ warnings: [], createdAt: 0, createdBy: 'user_1' },
});

/** A store of lines, handed out in chunks that end anywhere, also within a character. */
function storeOf(files: Readonly<Record<string, readonly object[]>>) {
  return {
    async *read(path: string): AsyncGenerator<Uint8Array> {
      const rows = files[path.replace(/\/rows\.ndjson$/, '')] ?? expect.fail(path);
      const bytes = Buffer.from(rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
      for (let from = 0; from < bytes.length; from += 7) yield bytes.subarray(from, from + 7);
    },
  };
}

const replay = (target: TargetSpec, rows: number, files: Parameters<typeof storeOf>[0], threshold?: number) =>
  replayedPairs(
    storeOf(files),
    { champion: batch('one', rows), challenger: batch('two', rows), target, threshold },
    new AbortController().signal,
  );

const row = (probability: number, more: object = {}) => ({
  ...{ prediction: probability >= 0.5 ? '1' : 'no', probability_no: 1 - probability, probability_1: probability },
  ...more,
});

describe('app server: replayed pairs', () => {
  it('have both predictions of a row and its target, by any of its spellings', async () => {
    const one = [row(0.75, { income: '1.0', name: 'Zoë 🚂' }), row(0.25, { income: 'no' }), row(0.5, { income: null })];
    const two = [row(0.5), row(0.5), row(0.25)];
    expect(await replay(CLASSES, 3, { one, two })).to.deep.equal([
      {
        champion: { classIndex: 1, probabilities: [0.25, 0.75] },
        challenger: { classIndex: 1, probabilities: [0.5, 0.5] },
        actual: 1,
      },
      {
        champion: { classIndex: 0, probabilities: [0.75, 0.25] },
        challenger: { classIndex: 1, probabilities: [0.5, 0.5] },
        actual: 0,
      },
      {
        champion: { classIndex: 1, probabilities: [0.5, 0.5] },
        challenger: { classIndex: 0, probabilities: [0.75, 0.25] },
        actual: null,
      },
    ]);
  });

  it('have the classes that the threshold of the deployment gives', async () => {
    const pairs = await replay(CLASSES, 1, { one: [row(0.75)], two: [row(0.9)] }, 0.8);
    expect(pairs[0]?.champion).to.include({ classIndex: 0 });
    expect(pairs[0]?.challenger).to.include({ classIndex: 1 });
  });

  it('are numbers where numbers are predicted, and of many rows each k-th', async () => {
    const rows = 2 * PAIRS_MAX + 1;
    const numbered = (shift: number) =>
      Array.from({ length: rows }, (_, index) => ({ prediction: index + shift, price: String(index) }));
    const pairs = await replay(NUMBERS, rows, { one: numbered(0), two: numbered(0.5) });
    expect(pairs).to.have.length(Math.ceil(rows / 3));
    expect(pairs[1]).to.deep.equal({ champion: 3, challenger: 3.5, actual: 3 });
  });

  it('are none of files that have other rows', async () => {
    const files = { one: [{ prediction: 1 }, { prediction: 2 }], two: [{ prediction: 1 }] };
    const { message } = await appErrorOf('INTERNAL', () => replay(NUMBERS, 2, files));
    expect(message).to.include('other rows');
  });
});
