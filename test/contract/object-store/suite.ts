import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { expect } from 'chai';
import { isAppError, type ErrorCode } from '#contracts';
import type { ObjectStore } from '#object-store';

/** One driver under test. `leaveTemporary` makes what a killed writer leaves; null where that cannot be. */
export interface Driver {
  readonly open: () => Promise<ObjectStore>;
  readonly close: () => Promise<void>;
}

/** What every object store driver must do. */
export function objectStoreSuite(name: string, driver: Driver): void {
  describe(`object store: ${name}`, () => {
    let store: ObjectStore;

    beforeEach(async () => {
      store = await driver.open();
    });
    afterEach(() => driver.close());

    it('gives back what was written, with size and hash, from bytes, iterables and streams', async () => {
      const bytes = randomBytes(700_000);
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      const parts = [bytes.subarray(0, 1), bytes.subarray(1, 300_000), bytes.subarray(300_000)];
      const bodies = { bytes, iterable: iterate(parts), stream: Readable.from(parts) };
      for (const [kind, body] of Object.entries(bodies)) {
        expect(await store.write(`a/${kind}`, body)).to.deep.equal({ sizeBytes: bytes.length, sha256 });
        expect(Buffer.compare(await store.readAll(`a/${kind}`, { maxBytes: 1e6 }), bytes)).to.equal(0);
      }
      expect((await store.stat('a/bytes'))?.sizeBytes).to.equal(bytes.length);
      expect((await store.stat('a/bytes'))?.modifiedAt).to.be.instanceOf(Date);
    });

    it('keeps an empty object', async () => {
      expect((await store.write('empty', new Uint8Array())).sizeBytes).to.equal(0);
      expect((await store.readAll('empty', { maxBytes: 0 })).length).to.equal(0);
    });

    it('reads ranges: start inclusive, end exclusive, cut to the object', async () => {
      await store.write('r', Buffer.from('0123456789'));
      const ranges: readonly [object, string][] = [
        [{ start: 2, end: 5 }, '234'],
        [{ start: 8 }, '89'],
        [{ end: 3 }, '012'],
        [{ start: 5, end: 5 }, ''],
        [{ start: 7, end: 99 }, '789'],
        [{ start: 20, end: 30 }, ''],
      ];
      for (const [range, text] of ranges) expect(await textOf(store.read('r', range))).to.equal(text);
    });

    it('never overwrites', async () => {
      await store.write('x/once', Buffer.from('first'));
      await fails('STORE_OBJECT_EXISTS', store.write('x/once', Buffer.from('second')));
      expect(await textOf(store.read('x/once'))).to.equal('first');
    });

    it('lets exactly one of two concurrent writers win', async () => {
      const bodies = ['a', 'b', 'c', 'd'];
      const outcomes = await Promise.allSettled(
        bodies.map((letter) => store.write('race', iterate(Array.from({ length: 50 }, () => Buffer.from(letter))))),
      );
      const losers = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(losers).to.have.length(bodies.length - 1);
      for (const loser of losers) expect(isAppError(loser.reason, 'STORE_OBJECT_EXISTS')).to.be.true;
      expect(await textOf(store.read('race'))).to.match(/^(a{50}|b{50}|c{50}|d{50})$/);
    });

    it('shows nothing before the last byte and after a failure', async () => {
      const seen: (number | undefined)[] = [];
      const failing = async function* (): AsyncGenerator<Uint8Array> {
        yield Buffer.from('half');
        seen.push((await store.stat('p/object'))?.sizeBytes);
        for await (const entry of store.list('p')) seen.push(entry.sizeBytes);
        throw new Error('the source broke');
      };
      let message = '';
      try {
        await store.write('p/object', failing());
      } catch (err) {
        message = err instanceof Error ? err.message : '';
      }
      expect(message).to.equal('the source broke');
      expect(seen).to.deep.equal([undefined]);
      expect(await store.stat('p/object')).to.be.null;
      expect(await paths(store, '')).to.deep.equal([]);
      await store.write('p/object', Buffer.from('whole'));
      expect(await textOf(store.read('p/object'))).to.equal('whole');
    });

    it('stops a write and a read when aborted', async () => {
      const writing = new AbortController();
      const endless = async function* (): AsyncGenerator<Uint8Array> {
        for (let i = 0; ; i += 1) {
          if (i === 3) writing.abort(new Error('no longer wanted'));
          yield Buffer.alloc(10);
        }
      };
      expect(await messageOf(store.write('w', endless(), { signal: writing.signal }))).to.equal('no longer wanted');
      expect(await store.stat('w')).to.be.null;

      await store.write('big', Buffer.alloc(2_000_000));
      const reading = new AbortController();
      const read = async (): Promise<void> => {
        for await (const _ of store.read('big', { signal: reading.signal })) reading.abort(new Error('enough'));
      };
      expect(await messageOf(read())).to.equal('enough');
    });

    it('lists a folder and all below it, sorted by path, and nothing of its neighbours', async () => {
      const all = ['a-b/1', 'a.b', 'a/b/c', 'a/b/d', 'a/b-', 'ab', 'b/1', 'Z'];
      for (const path of all) await store.write(path, Buffer.from(path));
      expect(await paths(store, '')).to.deep.equal([...all].sort());
      expect(await paths(store, 'a')).to.deep.equal(['a/b-', 'a/b/c', 'a/b/d']);
      expect(await paths(store, 'a/b')).to.deep.equal(['a/b/c', 'a/b/d']);
      expect(await paths(store, 'none')).to.deep.equal([]);
      for await (const entry of store.list('b')) expect(entry.sizeBytes).to.equal(3);
    });

    it('goes on with a list behind any path, whether it is there or not', async () => {
      const all = ['a-b/1', 'a.b', 'a/b/c', 'a/b/d', 'a/b-', 'a/c/e', 'ab', 'b/1', 'Z'];
      for (const path of all) await store.write(path, Buffer.from(path));
      const sorted = [...all].sort();
      for (const after of [...sorted, '', 'a', 'a/', 'a/b', 'a/b/', 'a/b/cc', 'a0', 'zz'])
        expect(await paths(store, '', after), after).to.deep.equal(sorted.filter((path) => path > after));
      expect(await paths(store, 'a', 'a/b/c')).to.deep.equal(['a/b/d', 'a/c/e']);
      expect(await paths(store, 'a', 'b')).to.deep.equal([]);
    });

    it('deletes objects and folders; what is not there is no error', async () => {
      for (const path of ['d/1', 'd/2/3', 'e/1']) await store.write(path, Buffer.from('x'));
      await store.delete('d/1');
      await store.delete('d/1');
      await store.delete('none/at/all');
      expect(await paths(store, '')).to.deep.equal(['d/2/3', 'e/1']);
      await store.deleteTree('d');
      await store.deleteTree('d');
      expect(await paths(store, '')).to.deep.equal(['e/1']);
      await fails('VALIDATION_FAILED', store.deleteTree(''));
    });

    it('refuses paths that are none', async () => {
      const bad = [
        '',
        '/',
        '/etc/passwd',
        'a/../b',
        '..',
        '.',
        'a//b',
        'a/',
        '.hidden',
        'a/.tmp-1',
        'a b',
        'ä',
        'a\\b',
        'a\0b',
        'a*',
      ];
      for (const path of [...bad, 'x'.repeat(201), 'x/'.repeat(600) + 'x']) {
        await fails('VALIDATION_FAILED', store.write(path, Buffer.from('x')));
        await fails('VALIDATION_FAILED', store.readAll(path, { maxBytes: 1 }));
        await fails('VALIDATION_FAILED', store.stat(path));
        await fails('VALIDATION_FAILED', store.delete(path));
        expect(() => store.localPath(path)).to.throw(/Object path/);
      }
    });

    it('says what is missing and what is too large', async () => {
      await store.write('folder/object', Buffer.alloc(11));
      expect(await store.stat('folder')).to.be.null;
      await fails('STORE_OBJECT_MISSING', store.readAll('none', { maxBytes: 1 }));
      await fails('STORE_OBJECT_MISSING', store.readAll('folder', { maxBytes: 1 }));
      await fails('STORE_OBJECT_MISSING', textOf(store.read('folder/none')));
      await fails('BODY_TOO_LARGE', store.readAll('folder/object', { maxBytes: 10 }));
    });
  });
}

export async function fails(code: ErrorCode, work: Promise<unknown>): Promise<void> {
  try {
    await work;
  } catch (err) {
    expect(isAppError(err, code), `expected ${code}, found ${String(err)}`).to.be.true;
    return;
  }
  expect.fail(`expected ${code}, found success`);
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return '';
  } catch (err) {
    return err instanceof Error ? err.message : '';
  }
}

async function paths(store: ObjectStore, prefix: string, after = ''): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of store.list(prefix, { after })) found.push(entry.path);
  return found;
}

export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

async function* iterate(parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}
