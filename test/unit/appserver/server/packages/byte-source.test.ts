import { buffer } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { packTar } from '#runtime';
import {
  inMemory,
  storedGzip,
  tarBeginning,
  type ByteSource,
} from '../../../../../appserver/server/packages/byte-source.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const MIB = 1024 ** 2;
const bytesOf = (source: ByteSource): Promise<Buffer> => buffer(source.read());
const numbered = (count: number): Buffer => Buffer.from(Uint8Array.from({ length: count }, (_, i) => (i * 7) % 251));
/** The same bytes in chunks of this size. */
const inChunks = (bytes: Uint8Array, size: number): ByteSource => ({
  sizeBytes: bytes.length,
  read: async function* () {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  },
});

describe('packages: gzip of stored bytes', () => {
  for (const count of [0, 1, 65_534, 65_535, 65_536, 131_070, 200_000])
    it(`holds ${count} bytes in a member of the size that was said`, async () => {
      const member = storedGzip(inMemory(numbered(count)));
      const bytes = await bytesOf(member);
      expect(bytes.length).to.equal(member.sizeBytes);
      expect(gunzipSync(bytes).equals(numbered(count))).to.equal(true);
    });

  it('has the same bytes whatever chunks come, and each time', async () => {
    const plain = numbered(150_000);
    const member = storedGzip(inMemory(plain));
    const expected = await bytesOf(member);
    for (const size of [1_000, 65_535, 100_000])
      expect((await bytesOf(storedGzip(inChunks(plain, size)))).equals(expected), String(size)).to.equal(true);
    expect((await bytesOf(member)).equals(expected)).to.equal(true);
  });

  it('may be followed by another member, as gzip has it', async () => {
    const both = Buffer.concat([await bytesOf(storedGzip(inMemory(numbered(70_000)))), gzipSync('end')]);
    expect(gunzipSync(both).equals(Buffer.concat([numbered(70_000), Buffer.from('end')]))).to.equal(true);
  });

  it('holds a block at a time, however much there is', async () => {
    const chunk = numbered(MIB);
    const count = 200;
    const source: ByteSource = {
      sizeBytes: count * MIB,
      read: async function* () {
        for (let index = 0; index < count; index += 1) yield chunk;
      },
    };
    const before = process.memoryUsage().arrayBuffers;
    let [largest, seen] = [0, 0];
    for await (const block of storedGzip(source).read()) {
      seen += block.length;
      if (seen % 100 === 0) largest = Math.max(largest, process.memoryUsage().arrayBuffers - before);
    }
    expect(seen).to.be.greaterThan(count * MIB);
    expect(largest).to.be.lessThan((count * MIB) / 2);
  });
});

describe('packages: beginning of a tar archive', () => {
  const entries = [
    { path: 'folder/a', mode: 0o644, content: numbered(513) },
    { path: 'folder/b', mode: 0o600, content: Buffer.alloc(0) },
    { path: 'folder/c', mode: 0o755, content: numbered(512) },
  ];

  it('is an archive without its end', async () => {
    const source = tarBeginning(entries.map((entry) => ({ ...entry, content: inMemory(entry.content) })));
    const whole = packTar(entries);
    const bytes = await bytesOf(source);
    expect(bytes.length).to.equal(source.sizeBytes);
    expect(bytes.equals(whole.subarray(0, whole.length - 1024))).to.equal(true);
  });

  for (const [what, sizeBytes] of [
    ['fewer', 4],
    ['more', 2],
  ] as const)
    it(`fails where a file has ${what} bytes than it said`, async () => {
      const content = { ...inMemory(numbered(3)), sizeBytes };
      const source = tarBeginning([{ path: 'a', mode: 0o644, content }]);
      const error = await appErrorOf('DATA_READ_TRUNCATED', () => bytesOf(source));
      expect(error.message).to.equal(`a: expected ${sizeBytes} bytes, found 3`);
    });
});
