import { expect } from 'chai';
import { createRandom } from '#statistics';
import { encodeHeader, type FrameHeader } from '../../../../../yarn-workers/worker/collectives/frame.ts';
import { FrameReader } from '../../../../../yarn-workers/worker/collectives/frame-reader.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const header = (kind: FrameHeader['kind'], operation: number, length: number): FrameHeader => ({
  ...{ epoch: 1, operation, kind, sender: 2, length },
});

/** A stream of frames with what should come out: empty blocks, long ones, words, pings in between. */
function madeStream() {
  const random = createRandom(3);
  const frames: { header: FrameHeader; payload: Buffer }[] = [];
  for (const [operation, length] of [0, 1, 19, 20, 21, 5_000, 0, 70_000].entries()) {
    const payload = Buffer.from(Uint8Array.from({ length }, () => random.below(256)));
    frames.push({ header: header('reduce-scatter', operation + 1, length), payload });
    frames.push({ header: header('ping', 0, 0), payload: Buffer.alloc(0) });
  }
  const words = Buffer.from('all over');
  frames.push({ header: header('abort', 0, words.length), payload: words });
  const bytes = Buffer.concat(frames.flatMap((frame) => [encodeHeader(frame.header), frame.payload]));
  return { frames, bytes };
}

function readAll(bytes: Buffer, chunkSizes: () => number) {
  const placed = new Map<number, Uint8Array>();
  const taken: { header: FrameHeader; payload: Buffer }[] = [];
  const reader = new FrameReader({
    place(found) {
      const memory = new Uint8Array(found.length);
      placed.set(found.operation, memory);
      return memory;
    },
    take(found, payload) {
      if (found.kind === 'reduce-scatter' && found.length > 0)
        expect(payload).to.equal(placed.get(found.operation), 'the memory that was given');
      taken.push({ header: found, payload: Buffer.from(payload) });
    },
  });
  for (let at = 0; at < bytes.length;) {
    const size = chunkSizes();
    reader.read(bytes.subarray(at, at + size));
    at += size;
  }
  return taken;
}

describe('reader of frames', () => {
  it('finds the frames of a stream, however it is cut', () => {
    const { frames, bytes } = madeStream();
    const random = createRandom(4);
    for (const sizes of [() => 1, () => 7, () => bytes.length, () => 1 + random.below(3_000)])
      expect(readAll(bytes, sizes)).to.deep.equal(frames);
  });

  it('is at the next frame when a frame is taken: its taker may be another one from there on', () => {
    const seen: string[] = [];
    const reader = new FrameReader({
      place: () => expect.fail('no block'),
      take({ kind }) {
        seen.push(kind);
        if (kind === 'hello') reader.read(encodeHeader(header('leave', 0, 0)));
      },
    });
    reader.read(Buffer.concat([encodeHeader(header('hello', 0, 2)), Buffer.from('{}')]));
    expect(seen).to.deep.equal(['hello', 'leave']);
  });

  it('gives on what its sink throws, and what is no frame', async () => {
    const refusing = new FrameReader({ place: () => expect.fail('not now'), take: () => undefined });
    expect(() => refusing.read(encodeHeader(header('allgather', 1, 4)))).to.throw('not now');
    const strict = new FrameReader({ place: () => expect.fail('no block'), take: () => expect.fail('no frame') });
    await appErrorOf('GROUP_BROKEN', () => strict.read(Buffer.alloc(100)));
  });
});
