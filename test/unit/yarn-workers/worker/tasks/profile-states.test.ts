import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { ProfileState } from '#contracts';
import { mergeFirst, profileFirst, profileSecond, type FirstPart } from '#ml';
import { FileObjectStore, type ObjectStore } from '#object-store';
import { AttemptFolder } from '../../../../../yarn-workers/worker/child/attempt-folder.ts';
import {
  readFirst,
  readSecond,
  writeFirst,
  writeSecond,
} from '../../../../../yarn-workers/worker/tasks/profile-states.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { memorySource, numberRule, storedTable, textRule } from '../../../../support/memory-table.ts';

const times = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));
/** Texts of one to four bytes a character, a lone half of a surrogate pair, and line breaks. */
const COLUMNS = [
  { name: 'x', parse: numberRule, cells: times(300, (row) => String((row * 37) % 101)) },
  {
    name: 'text',
    parse: textRule,
    cells: times(300, (row) => ['ä€', '\u{1f600}', '\ud800', 'a\nb', 'c\u2028d', '"'][row % 6] ?? ''),
  },
];
const TABLE = storedTable(COLUMNS);

describe('worker: states of a profile in parts', () => {
  let folder = '';
  let store: FileObjectStore;
  let first: FirstPart;
  let count = 0;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-states-'));
    store = new FileObjectStore(folder);
    first = await profileFirst(TABLE, memorySource(COLUMNS));
  });
  after(() => rmSync(folder, { recursive: true }));

  async function written(write: (attempt: AttemptFolder) => Promise<unknown>): Promise<ProfileState> {
    count += 1;
    const attempt = new AttemptFolder(store, `profiles/t/${count}-x`);
    await write(attempt);
    await attempt.verify();
    const [file] = attempt.files;
    if (file === undefined) expect.fail('no file');
    const { name, sizeBytes, sha256 } = file;
    return { path: attempt.pathOf(name), sizeBytes, sha256 };
  }
  /** The same store, read in chunks of so many bytes. */
  const inChunks = (size: number): Pick<ObjectStore, 'read'> => ({
    async *read(object, options) {
      for await (const chunk of store.read(object, options))
        for (let at = 0; at < chunk.length; at += size) yield chunk.subarray(at, at + size);
    },
  });

  it('come back as they were, wherever chunks end', async () => {
    const second = await profileSecond(TABLE, memorySource(COLUMNS), first);
    const [one, two] = [
      await written((attempt) => writeFirst(attempt, first)),
      await written((attempt) => writeSecond(attempt, second)),
    ];
    for (const size of [1, 2, 3, 7, 1_000, 1_000_000]) {
      expect(await readFirst(inChunks(size), one), String(size)).to.deep.equal(first);
      expect(await readSecond(inChunks(size), two), String(size)).to.deep.equal(second);
    }
    expect(await mergeFirst(TABLE, [await readFirst(store, one)])).to.deep.equal(first);
  });

  it('are refused when a byte is another one, or some are missing or too many', async () => {
    const state = await written((attempt) => writeFirst(attempt, first));
    const bytes = await store.readAll(state.path, { maxBytes: 1e6 });
    const altered = async (change: (content: Buffer) => Uint8Array): Promise<ProfileState> => {
      count += 1;
      const object = `profiles/t/${count}-x/state.ndjson`;
      await store.write(object, change(Buffer.from(bytes)));
      return { ...state, path: object };
    };
    const counted = Buffer.from(bytes).indexOf('"rowCount":300') + '"rowCount":'.length;
    for (const change of [
      (content: Buffer) => content.fill('4', counted, counted + 1),
      (content: Buffer) => content.fill('x', counted, counted + 1),
      (content: Buffer) => content.subarray(0, -1),
      (content: Buffer) => content.subarray(0, content.length / 2),
      (content: Buffer) => Buffer.concat([content, Buffer.from('{}\n')]),
      () => Buffer.alloc(0),
    ]) {
      const spoilt = await altered(change);
      const refused = await appErrorOf('RESULT_MISMATCH', () => readFirst(store, spoilt));
      expect(refused.message).to.include(spoilt.path);
    }
    await appErrorOf('RESULT_MISMATCH', () => readSecond(store, state));
    await appErrorOf('STORE_OBJECT_MISSING', () => readFirst(store, { ...state, path: 'profiles/none/1-x/s' }));
  });
});
