import { expect } from 'chai';
import { isAppError } from '#contracts';
import { readReference, storedBins, storedBits } from '../../../../../../yarn-workers/ml/fit/binned/dataset-file.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { HOSTILE_CATEGORIES, HOSTILE_COLUMNS, hostileMatrix } from '../../../../../support/hostile-matrix.ts';

const ROWS = 5_000;

const referenceOf = (parameters = {}): Uint8Array =>
  testEngine().findBins({
    rowCount: ROWS,
    columnCount: HOSTILE_COLUMNS.length,
    categoricalColumns: HOSTILE_CATEGORIES,
    sample: hostileMatrix(ROWS, 1),
    sampleRowCount: ROWS,
    hasWeights: false,
    threadCount: 1,
    parameters: { enable_bundle: false, is_enable_sparse: false, ...parameters },
  });

const messageOf = (bytes: Uint8Array): string => {
  try {
    readReference(bytes);
  } catch (err) {
    if (isAppError(err, 'INTERNAL')) return err.message;
    throw err;
  }
  return 'read';
};

describe("fit: LightGBM's reference of a data set", () => {
  it('has a mapper of every column but the constant one, in order', () => {
    const { columns } = readReference(referenceOf());
    const constant = HOSTILE_COLUMNS.indexOf('constant');
    expect(columns.map(({ column }) => column)).to.deep.equal(
      [...HOSTILE_COLUMNS.keys()].filter((column) => column !== constant),
    );
    expect(columns.map(({ mapper }) => mapper.kind === 'category')).to.deep.equal(
      columns.map(({ column }) => HOSTILE_CATEGORIES.includes(column)),
    );
    for (const { mapper } of columns) {
      if (mapper.kind !== 'number') continue;
      expect(mapper.upperBounds).to.have.length(mapper.binCount - Number(mapper.hasMissingBin));
      expect(mapper.upperBounds).to.deep.equal(mapper.upperBounds.toSorted());
      expect(mapper.upperBounds.at(-1)).to.equal(Infinity);
    }
  });

  it('keeps few bins in half a byte, and stores 0 for the most frequent one', () => {
    for (const column of readReference(referenceOf({ max_bin: 300 })).columns) {
      const { binCount, mostFrequentBin } = column.mapper;
      const stored = storedBins(column);
      expect(stored[mostFrequentBin]).to.equal(0);
      expect(new Set(stored).size).to.equal(binCount);
      const bits = storedBits(column);
      expect(Math.max(...stored)).to.be.below(2 ** bits);
      expect(bits).to.equal(
        binCount + Number(mostFrequentBin !== 0) <= 16 ? 4 : binCount + Number(mostFrequentBin !== 0) <= 256 ? 8 : 16,
      );
    }
  });

  it('that is cut, longer, of another version, or with bundles is refused', () => {
    const bytes = referenceOf();
    expect(messageOf(bytes)).to.equal('read');
    expect(messageOf(bytes.subarray(0, bytes.length - 8))).to.match(/bytes at \d+ of/);
    expect(messageOf(Uint8Array.from([...bytes, 0]))).to.match(/1 bytes are left over/);
    expect(messageOf(bytes.map((byte, at) => (at === 49 ? 50 : byte)))).to.match(/version "v2", expected v1/);
    expect(messageOf(referenceOf({ enable_bundle: true, is_enable_sparse: true, max_bin: 3 }))).to.match(
      /read|groups|sparse/,
    );
  });
});
