import { expect } from 'chai';
import { parseUbjson } from '../../../../../../yarn-workers/ml/fit/xgboost/ubjson.ts';
import { readXgboostTrees } from '../../../../../../yarn-workers/ml/fit/xgboost/read-trees.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';

/** Bytes of markers and text as they are, of numbers as given. */
const bytesOf = (...parts: readonly (string | readonly number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? [...Buffer.from(part)] : part)));

const complaint = async (bytes: Uint8Array): Promise<string> =>
  (await appErrorOf('ARTIFACT_INVALID', () => parseUbjson(bytes))).message;

describe('ml fit xgboost: UBJSON', () => {
  it('numbers of every type, text, truth and nothing', () => {
    const bytes = bytesOf(
      '[i',
      [0xff],
      'U',
      [0xff],
      'I',
      [0xff, 0xfe],
      'l',
      [0xff, 0xff, 0xff, 0xfd],
      'L',
      [0, 0, 0, 1, 0, 0, 0, 0],
      'd',
      [0x3f, 0xc0, 0, 0],
      'D',
      [0xbf, 0xf8, 0, 0, 0, 0, 0, 0],
      'SU',
      [3],
      'a\u00e9',
      'TFZ]',
    );
    expect(parseUbjson(bytes)).to.deep.equal([-1, 255, -2, -3, 2 ** 32, 1.5, -1.5, 'aé', true, false, null]);
  });

  it('arrays with a type, with a count, empty ones, and objects', () => {
    const bytes = bytesOf('{U', [1], 'a[$l#U', [2, 0, 0, 0, 7, 0xff, 0xff, 0xff, 0xff], 'i', [1], 'b[#i', [1], 'T}');
    expect(parseUbjson(bytes)).to.deep.equal({ a: Int32Array.of(7, -1), b: [true] });
    expect(parseUbjson(bytesOf('[$L#U', [1, 0, 0, 0, 0, 0, 0, 0, 9]))).to.deep.equal(Float64Array.of(9));
    expect(parseUbjson(bytesOf('[]'))).to.deep.equal([]);
    expect(parseUbjson(bytesOf('{}'))).to.deep.equal({});
  });

  it('refuses what is cut off, said to be longer, of unknown types, nested too deep, or followed by more', async () => {
    const whole = bytesOf('{U', [1], 'a[$l#U', [1, 0, 0, 0, 7], '}');
    for (let length = 0; length < whole.length; length += 1) await complaint(whole.subarray(0, length));
    expect(await complaint(bytesOf('[$d#l', [0x7f, 0xff, 0xff, 0xff]))).to.contain('more are said to follow');
    expect(await complaint(bytesOf('[$d#i', [0xff]))).to.contain('-4 bytes');
    expect(await complaint(bytesOf('X'))).to.contain('"X" is no type');
    expect(await complaint(bytesOf('[$dU', [1]))).to.contain('no length');
    expect(await complaint(bytesOf('['.repeat(100)))).to.contain('too deep');
    expect(await complaint(bytesOf('TT'))).to.contain('more follows');
  });

  it('a model without what trees need is refused, naming it', async () => {
    const bins = { columns: [], missingCode: 255, binsMax: 2 };
    const refused = async (bytes: Uint8Array): Promise<string> =>
      (await appErrorOf('ARTIFACT_INVALID', () => readXgboostTrees(bytes, bins, 1))).message;
    expect(await refused(bytesOf('{}'))).to.contain('learner is missing');
    expect(await refused(bytesOf('{U', [7], 'learner[]}'))).to.contain('gradient_booster is missing');
  });
});
