import { expect } from 'chai';
import type { TargetSpec } from '#contracts';
import { encodeOutOfFold, openOutOfFold, type OutOfFold } from '#ml';
import { trainingPredictionsCsv } from '../../../../../appserver/server/services/training-predictions.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const data: OutOfFold = {
  rows: Uint32Array.of(0, 1, 2),
  partitions: Int8Array.of(0, 1, -1),
  foldCount: 2,
  classes: Int32Array.of(0, 1, 1),
  values: null,
  weights: null,
  outputCount: 1,
  predictions: Float64Array.of(0.25, 0.5, 0.75),
};
const classes = ['no', 'a,"b"'].map((label) => ({ label, texts: [label], rowCount: 1 }));
const target: TargetSpec = { name: 'y', targetType: 'binary', classes, positiveClass: 1 };

/** The blocks of what would be in the store. */
async function* blocksOf(of: OutOfFold, numbersPerBlock: number) {
  yield* blocksIn(encodeOutOfFold(of), numbersPerBlock);
}

async function* blocksIn(bytes: Uint8Array, numbersPerBlock: number, sizeBytes = bytes.length) {
  const read = async (start: number, end: number) => bytes.subarray(start, end);
  yield* (await openOutOfFold(read, sizeBytes, numbersPerBlock)).blocks();
}

async function csvOf(of: OutOfFold, spec: TargetSpec, withHoldout: boolean, numbersPerBlock = 2): Promise<string> {
  return (await Array.fromAsync(trainingPredictionsCsv(blocksOf(of, numbersPerBlock), spec, withHoldout))).join('');
}

describe('training predictions', () => {
  it('are CSV with both probabilities, the threshold included, the holdout only when it is unlocked', async () => {
    expect(await csvOf(data, target, false)).to.equal(
      'rowIndex,partition,prediction,probability_no,"probability_a,""b"""\r\n0,0,no,0.75,0.25\r\n1,1,"a,""b""",0.5,0.5\r\n',
    );
    expect(await csvOf(data, target, true)).to.match(/\r\n2,holdout,"a,""b""",0.25,0.75\r\n$/);
    const turned = { ...target, positiveClass: 0 };
    expect(await csvOf(data, turned, false)).to.include('0,0,"a,""b""",0.25,0.75\r\n');
  });

  it('are the same however many rows a block has, with weights and values or classes before them', async () => {
    const rows = Uint32Array.from({ length: 101 }, (_, row) => 3 * row);
    const partitions = Int8Array.from(rows, (row) => (row % 5) - 1);
    const many = { rows, partitions, foldCount: 4, weights: Float64Array.from(rows) };
    const of = (outputCount: number): Float64Array =>
      Float64Array.from({ length: rows.length * outputCount }, (_, at) => 1 / (at + 1));
    const regression = { ...many, classes: null, values: Float64Array.from(rows), outputCount: 1, predictions: of(1) };
    const numbers: TargetSpec = { name: 'y', targetType: 'regression', classes: [], positiveClass: null };
    const several = {
      ...many,
      classes: Int32Array.from(rows, () => 2),
      values: null,
      outputCount: 3,
      predictions: of(3),
    };
    const three = ['a', 'b', 'c'].map((label) => ({ label, texts: [label], rowCount: 1 }));
    const kinds: TargetSpec = { name: 'y', targetType: 'multiclass', classes: three, positiveClass: null };
    for (const [out, spec] of [[regression, numbers] as const, [several, kinds] as const]) {
      const whole = await csvOf(out, spec, true, 1_000_000);
      expect(whole.split('\r\n')).to.have.length(103);
      expect(whole).to.include(`\r\n300,holdout,`);
      for (const numbersPerBlock of [1, 7, 100]) expect(await csvOf(out, spec, true, numbersPerBlock)).to.equal(whole);
      const locked = (await csvOf(out, spec, false, 7)).split('\r\n');
      expect(locked).to.have.length(103 - 21);
    }
  });

  it('are refused where the file is not one of them', async () => {
    const bytes = encodeOutOfFold(data);
    const read = (of: Uint8Array, size: number) => () => Array.fromAsync(blocksIn(of, 10, size));
    expect((await appErrorOf('RESULT_MISMATCH', read(bytes, bytes.length + 8))).message).to.include('bytes, expected');
    const other = bytes.slice();
    other[0] = 0;
    expect((await appErrorOf('RESULT_MISMATCH', read(other, other.length))).message).to.include('not a file of this');
  });
});
