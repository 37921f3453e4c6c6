import { expect } from 'chai';
import {
  decodeOutOfFold,
  encodeOutOfFold,
  memoryPredictions,
  openOutOfFold,
  outOfFoldFile,
  type OutOfFold,
  type OutOfFoldSource,
} from '#ml';
import { blocksTogether, isSmall, takeRows } from '../../../../../yarn-workers/ml/fit/out-of-fold-source.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { manyPredictions, type MadePredictions } from '../../../../support/many-predictions.ts';

/** Odd numbers of rows, so that sections are padded. */
const KINDS: readonly MadePredictions[] = [
  { rowCount: 1_001, targetType: 'binary', foldCount: 5 },
  { rowCount: 1_003, targetType: 'multiclass', isWeighted: true },
  { rowCount: 999, targetType: 'regression', isWeighted: true, foldCount: 3, isByDate: true },
  { rowCount: 0, targetType: 'binary' },
];

const fileOf = (bytes: Uint8Array, numbersPerBlock: number): Promise<OutOfFoldSource> =>
  openOutOfFold(async (start, end) => bytes.slice(start, end), bytes.length, numbersPerBlock);

const collected = async (pieces: AsyncIterable<Uint8Array>): Promise<Buffer> =>
  Buffer.concat(await Array.fromAsync(pieces));

describe('out-of-fold predictions in blocks', () => {
  it('are written as they are encoded, and read as they were, whatever the size of blocks', async () => {
    for (const kind of KINDS) {
      const data = manyPredictions(kind);
      const bytes = encodeOutOfFold(data);
      expect(await collected(outOfFoldFile(memoryPredictions(data)))).to.deep.equal(Buffer.from(bytes));
      for (const numbersPerBlock of [1, 100, 333, 1_000_000]) {
        const source = await fileOf(bytes, numbersPerBlock);
        expect(source.facts).to.deep.equal(memoryPredictions(data).facts);
        expect(await takeRows(source, ({ rows }) => Uint32Array.from(rows.keys()))).to.deep.equal(data);
        expect(await source.whole()).to.deep.equal(data);
        expect(await collected(outOfFoldFile(source))).to.deep.equal(Buffer.from(bytes));
      }
    }
  });

  it('are views of a file’s bytes where these lie as numbers do, else copies of them', () => {
    const data = manyPredictions({ rowCount: 100, targetType: 'binary', isWeighted: true });
    const bytes = encodeOutOfFold(data);
    const decoded = decodeOutOfFold(bytes);
    expect(decoded).to.deep.equal(data);
    for (const section of [decoded.rows, decoded.partitions, decoded.classes, decoded.weights, decoded.predictions])
      expect(section?.buffer).to.equal(bytes.buffer);
    const shifted = new Uint8Array(bytes.length + 1);
    shifted.set(bytes, 1);
    expect(decodeOutOfFold(shifted.subarray(1))).to.deep.equal(data);
  });

  it('are the same rows of several models at a time', async () => {
    const [one, other] = [1, 2].map((seed) => manyPredictions({ rowCount: 500, targetType: 'binary', seed }));
    if (one === undefined || other === undefined) expect.fail('no predictions');
    const sources = [await fileOf(encodeOutOfFold(one), 77), await fileOf(encodeOutOfFold(other), 77)];
    const blocks = await Array.fromAsync(blocksTogether(sources));
    expect(blocks).to.have.length(7);
    for (const [first, second] of blocks) expect(first?.rows).to.deep.equal(second?.rows);
    const joined = blocks.flatMap(([, second]) => [...(second?.predictions ?? [])]);
    expect(joined).to.deep.equal([...other.predictions]);
  });

  it('are refused where the file is none, or names a fold that is not there', async () => {
    const data = manyPredictions({ rowCount: 50, targetType: 'binary', foldCount: 2 });
    const bytes = encodeOutOfFold(data);
    const read = async (of: Uint8Array): Promise<OutOfFold[]> => Array.fromAsync((await fileOf(of, 7)).blocks());
    await appErrorOf('RESULT_MISMATCH', () => read(bytes.subarray(0, bytes.length - 8)));
    await appErrorOf('RESULT_MISMATCH', () => read(new Uint8Array(10)));
    await appErrorOf('RESULT_MISMATCH', () => read(Uint8Array.from(bytes, (byte, at) => (at === 0 ? 0 : byte))));
    const folds = encodeOutOfFold({ ...data, partitions: data.partitions.with(-1, 2) });
    expect((await appErrorOf('RESULT_MISMATCH', () => read(folds))).message).to.include('is not one of 2 folds');
  });

  it('are few by their rows and by their numbers', () => {
    expect(isSmall({ rowCount: 4 * 2 ** 20, outputCount: 1 })).to.equal(true);
    expect(isSmall({ rowCount: 4 * 2 ** 20 + 1, outputCount: 1 })).to.equal(false);
    expect(isSmall({ rowCount: 2 ** 20, outputCount: 32 })).to.equal(true);
    expect(isSmall({ rowCount: 2 ** 20, outputCount: 33 })).to.equal(false);
  });
});
