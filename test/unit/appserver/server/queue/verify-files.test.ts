import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { isAppError } from '#contracts';
import { FileObjectStore } from '#object-store';
import { verifyFiles } from '../../../../../appserver/server/queue/index.ts';
import { bearerOf, leaseToken } from '../../../../../appserver/server/queue/tokens.ts';

describe('server/queue/verify-files', () => {
  let folder = '';
  let store: FileObjectStore;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-verify-'));
    store = new FileObjectStore(folder);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('reads every file and names the one that differs', async () => {
    const bytes = Buffer.alloc(3_000_000, 7);
    const file = { name: 'blob', sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
    await store.write('models/t/1-a/blob', bytes);
    await store.write('models/t/1-a/empty', Buffer.alloc(0));
    const empty = { name: 'empty', sizeBytes: 0, sha256: createHash('sha256').digest('hex') };
    await verifyFiles(store, 'models/t/1-a', [file, empty]);
    const wrong = [
      { ...file, sizeBytes: 1 },
      { ...file, sha256: '0'.repeat(64) },
      { ...file, name: 'gone' },
    ];
    for (const one of wrong) {
      const found = await verifyFiles(store, 'models/t/1-a', [empty, one]).catch((err: unknown) => err);
      expect(isAppError(found, 'RESULT_MISMATCH')).to.equal(true);
      expect(String(found)).to.include(one.name);
    }
  });
});

describe('server/queue/tokens', () => {
  it('reads a bearer token and nothing else', () => {
    expect(bearerOf('Bearer abc-_.~+/=')).to.equal('abc-_.~+/=');
    expect(bearerOf('bearer abc')).to.equal('abc');
    for (const header of [undefined, '', 'Basic abc', 'Bearer ', 'Bearer a b', `Bearer ${'x'.repeat(501)}`]) {
      expect(() => bearerOf(header)).to.throw('Authorization');
    }
  });

  it('gives each lease a token of its own, the same each time', () => {
    const tokens = [leaseToken('w', 't', 1), leaseToken('w', 't', 2), leaseToken('w', 'u', 1), leaseToken('v', 't', 1)];
    expect(new Set(tokens).size).to.equal(4);
    expect(leaseToken('w', 't', 1)).to.equal(tokens[0]);
    expect(tokens[0]).to.have.length(43);
  });
});
