import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { AppError } from '#contracts';
import { provenFile } from '../../../../../appserver/server/verification/proven-file.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const MIB = 1024 ** 2;
/** More pieces than are kept. */
const BYTES = new Uint8Array(12 * MIB + 777).map((_, at) => (at * 2_654_435_761) >>> 13);
const EXPECTED = { sizeBytes: BYTES.length, sha256: createHash('sha256').update(BYTES).digest('hex') };
const refused = (): AppError => new AppError('RESULT_MISMATCH', 'the file is another one');

/** A store of one file whose bytes can be changed while it is read. */
function storeOf(bytes: () => Uint8Array) {
  let readCount = 0;
  return {
    reads: () => readCount,
    store: {
      readAll: async () => bytes(),
      async *read(_: string, { start, end }: { start?: number; end?: number } = {}) {
        readCount += 1;
        yield bytes().slice(start, end);
      },
    },
  };
}

describe('a file that is proven piece by piece', () => {
  it('gives any range of what was expected', async () => {
    const read = await provenFile(storeOf(() => BYTES).store, 'f', EXPECTED, refused);
    for (const [start, end] of [
      [0, 32],
      [MIB - 8, MIB + 8],
      [5, 3 * MIB + 5],
      [BYTES.length - 10, BYTES.length],
      [7, 7],
    ] as const)
      expect(Buffer.compare(await read(start, end), BYTES.subarray(start, end)), `${start} to ${end}`).to.equal(0);
  });

  it('reads small files once', async () => {
    const small = BYTES.subarray(0, 3 * MIB);
    const { store, reads } = storeOf(() => small);
    const sha256 = createHash('sha256').update(small).digest('hex');
    const read = await provenFile(store, 'f', { sizeBytes: small.length, sha256 }, refused);
    expect(Buffer.compare(await read(0, small.length), small)).to.equal(0);
    expect(reads()).to.equal(3);
  });

  it('is refused where it is another one, shorter or longer', async () => {
    const longer = new Uint8Array(BYTES.length + 1);
    longer.set(BYTES);
    for (const other of [
      BYTES.with(6 * MIB, 255 ^ (BYTES[6 * MIB] ?? 0)),
      BYTES.subarray(1),
      BYTES.subarray(0, 10),
      longer,
    ])
      await appErrorOf('RESULT_MISMATCH', () => provenFile(storeOf(() => other).store, 'f', EXPECTED, refused));
    await appErrorOf('RESULT_MISMATCH', () =>
      provenFile(storeOf(() => BYTES).store, 'f', { ...EXPECTED, sizeBytes: 0 }, refused),
    );
  });

  it('is refused where a byte is changed after it was read', async () => {
    let bytes = BYTES;
    const read = await provenFile(storeOf(() => bytes).store, 'f', EXPECTED, refused);
    bytes = BYTES.with(2 * MIB + 5, 255 ^ (BYTES[2 * MIB + 5] ?? 0));
    expect((await read(0, 10)).length).to.equal(10);
    await appErrorOf('RESULT_MISMATCH', () => read(2 * MIB, 2 * MIB + 4));
  });
});
