import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { KEY_FILES } from '#runtime';
import { hashPassword, isPassword } from '../../../../../appserver/server/auth/passwords.ts';
import { createSealer } from '../../../../../appserver/server/services/sealer.ts';
import { openSigner } from '../../../../../appserver/server/services/signing.ts';
import { zipStream } from '../../../../../appserver/server/services/zip.ts';
import { unzip } from '../../../../support/zip.ts';

describe('signing key', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-keys-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is made once, readable by its owner only, and signs values whatever the order of their keys', () => {
    const signer = openSigner(folder);
    expect(statSync(path.join(folder, KEY_FILES.signingKey)).mode & 0o777).to.equal(0o600);
    const signature = signer.sign({ a: 1, b: 2 });
    const again = openSigner(folder);
    expect(again.publicKey).to.equal(signer.publicKey);
    expect(again.verify({ b: 2, a: 1 }, signature)).to.equal(true);
    expect(again.verify({ b: 2, a: 2 }, signature)).to.equal(false);
    expect(again.deriveKey('x').equals(signer.deriveKey('x'))).to.equal(true);
    expect(again.deriveKey('x').equals(signer.deriveKey('y'))).to.equal(false);
  });

  it('is refused when it is not an Ed25519 key', () => {
    writeFileSync(path.join(folder, KEY_FILES.signingKey), 'nonsense');
    expect(() => openSigner(folder)).to.throw('cannot be read as a private key');
  });
});

describe('sealer', () => {
  it('opens what it sealed, and nothing that was altered', () => {
    const sealer = createSealer(Buffer.alloc(32, 7));
    const sealed = sealer.seal('a secret');
    expect(sealed).to.not.equal(sealer.seal('a secret'));
    expect(sealer.open(sealed)).to.equal('a secret');
    const bytes = Buffer.from(sealed, 'base64');
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    expect(() => sealer.open(bytes.toString('base64'))).to.throw();
    expect(() => createSealer(Buffer.alloc(32, 8)).open(sealed)).to.throw();
  });
});

describe('passwords', () => {
  it('are salted and compared', async () => {
    const hash = await hashPassword('correct horse');
    expect(hash)
      .to.match(/^scrypt\$32768\$8\$1\$/)
      .and.not.include('horse');
    expect(await isPassword('correct horse', hash)).to.equal(true);
    expect(await isPassword('wrong horse', hash)).to.equal(false);
    expect(await isPassword('correct horse', null)).to.equal(false);
  });
});

describe('zip archive', () => {
  it('holds its files exactly and has the length that was said', async () => {
    const files = { 'a.txt': Buffer.from('hello'), empty: Buffer.alloc(0), big: Buffer.alloc(100_000, 'x') };
    const entries = Object.entries(files).map(([name, bytes]) => ({
      name,
      sizeBytes: bytes.length,
      read: async function* () {
        yield bytes.subarray(0, 3);
        yield bytes.subarray(3);
      },
    }));
    const { stream, sizeBytes } = await zipStream(entries);
    const bytes = Buffer.concat(await Array.fromAsync(stream as AsyncIterable<Buffer>));
    expect(bytes.length).to.equal(sizeBytes);
    expect(Object.fromEntries(unzip(bytes))).to.deep.equal(files);
  });
});
