import { expect } from 'chai';
import { createRandom } from '#statistics';
import {
  BLOCK_BYTES_MAX,
  decodeHeader,
  encodeHeader,
  HEADER_BYTES,
  TEXT_BYTES_MAX,
  type FrameHeader,
  type FrameKind,
} from '../../../../../yarn-workers/worker/collectives/frame.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const BLOCK: FrameHeader = { epoch: 7, operation: 70_000, kind: 'allgather', sender: 3, length: 444 };

/** An encoded header with some bytes changed. */
function changed(header: FrameHeader, at: number, ...bytes: readonly number[]): Buffer {
  const encoded = encodeHeader(header);
  Buffer.from(bytes).copy(encoded, at);
  return encoded;
}

describe('frames of a group', () => {
  it('begin with a header of twenty bytes, little-endian', () => {
    expect(encodeHeader(BLOCK).toString('hex')).to.equal(
      ['54594331', '07000000', '70110100', '0500', '0300', 'bc010000'].join(''),
    );
  });

  it('are read as they were written', () => {
    const headers: FrameHeader[] = [
      BLOCK,
      { ...BLOCK, kind: 'reduce-scatter', length: 0 },
      { ...BLOCK, length: BLOCK_BYTES_MAX, operation: 0xffff_ffff, epoch: 0xffff_ffff, sender: 0xffff },
      ...(['hello', 'refusal', 'abort'] as const).map((kind) => ({
        ...BLOCK,
        operation: 0,
        kind,
        length: TEXT_BYTES_MAX,
      })),
      ...(['welcome', 'ping', 'leave'] as const).map((kind) => ({ ...BLOCK, operation: 0, kind, length: 0 })),
    ];
    for (const header of headers) expect(decodeHeader(encodeHeader(header))).to.deep.equal(header);
  });

  it('are not written longer than they may be', async () => {
    const most: Partial<Record<FrameKind, number>> = { ping: 0, hello: TEXT_BYTES_MAX, allgather: BLOCK_BYTES_MAX };
    for (const [kind, length] of Object.entries(most))
      await appErrorOf('INTERNAL', () => encodeHeader({ ...BLOCK, kind: kind as FrameKind, length: length + 1 }));
  });

  it('are refused when no rank would send them', async () => {
    const ping = { ...BLOCK, kind: 'ping', operation: 0, length: 0 } as const;
    const cases: [Buffer, RegExp][] = [
      [Buffer.from('GET / HTTP/1.1\r\nHost'), /begins with 0x20544547, expected 0x31435954/],
      [Buffer.alloc(HEADER_BYTES), /begins with 0x0/],
      [changed(BLOCK, 12, 0), /unknown kind 0/],
      [changed(BLOCK, 12, 9), /unknown kind 9/],
      [changed(BLOCK, 13, 1), /unknown kind 261/],
      [changed(BLOCK, 16, 1, 0, 0, 0x10), /\(allgather\) has 268435457 bytes, at most 268435456/],
      [changed(BLOCK, 16, 255, 255, 255, 255), /has 4294967295 bytes/],
      [changed(ping, 16, 1), /\(ping\) has 1 bytes, at most 0/],
      [changed(ping, 8, 1), /\(ping\) is of operation 1/],
      [changed(BLOCK, 8, 0, 0, 0, 0), /\(allgather\) is of operation 0/],
    ];
    for (const [bytes, message] of cases)
      expect((await appErrorOf('GROUP_BROKEN', () => decodeHeader(bytes))).message).to.match(message);
  });

  it('are decoded or refused, whatever the bytes', async () => {
    const random = createRandom(1);
    let accepted = 0;
    for (let count = 0; count < 5_000; count += 1) {
      const bytes = changed(BLOCK, random.below(HEADER_BYTES), random.below(256), random.below(256));
      try {
        expect(encodeHeader(decodeHeader(bytes.subarray(0, HEADER_BYTES))).equals(bytes)).to.equal(true);
        accepted += 1;
      } catch (err) {
        await appErrorOf('GROUP_BROKEN', () => {
          throw err;
        });
      }
    }
    expect(accepted).to.be.within(1_000, 4_000);
  });
});
