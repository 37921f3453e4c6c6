import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { expect } from 'chai';
import type { AppError } from '#contracts';
import { FileObjectStore } from '#object-store';
import { createLogger } from '#runtime';
import { runCheck, type ModelCheck, type ReadableStore } from '../../../appserver/server/verification/check.ts';
import { ON_THE_SPOT_BYTES_MAX, Verifier } from '../../../appserver/server/verification/index.ts';
import type { ModelQuestion } from '../../../appserver/server/verification/questions.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { sealedEnsemble } from '../../support/sealed-ensemble.ts';

/** So many rows hold a thread up for a good half second. */
const ROWS = 60_000;
const LARGE = ON_THE_SPOT_BYTES_MAX + 1;

describe('verification in a thread', function () {
  this.timeout(120_000);
  let folder: string;
  let store: FileObjectStore;
  let check: ModelCheck;
  let verifier: Verifier;

  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-verifier-'));
    store = new FileObjectStore(folder);
    check = { kind: 'ensemble', ...(await sealedEnsemble(store, ROWS)) };
  });
  beforeEach(() => {
    verifier = new Verifier({ logger: createLogger({ program: 'test', level: 'error', write: () => undefined }) });
  });
  afterEach(() => verifier.close());
  after(() => rm(folder, { recursive: true, force: true }));

  /** Longest time that this event loop did nothing else, milliseconds. */
  async function longestHold(work: () => Promise<unknown>): Promise<number> {
    const delays = monitorEventLoopDelay({ resolution: 1 });
    delays.enable();
    await work();
    // What held the loop up last is seen by its next turn.
    await new Promise((resolve) => setImmediate(resolve));
    delays.disable();
    return delays.max / 1e6;
  }

  /** The store, where one file reads as another's bytes. */
  const where = (name: string, bytes: () => Promise<Uint8Array>): ReadableStore => ({
    readAll: (file, options) => (file.endsWith(name) ? bytes() : store.readAll(file, options)),
    async *read(file, options = {}) {
      if (file.endsWith(name)) yield (await bytes()).subarray(options.start, options.end);
      else yield* store.read(file, options);
    },
  });

  it('takes what is right and says the same of it, while the event loop goes on', async () => {
    const here = await longestHold(async () => expect(await runCheck(check, store)).to.match(/^[0-9a-f]{64}$/));
    const expected = await runCheck(check, store);
    const there = await longestHold(async () => expect(await verifier.verify(check, store)).to.equal(expected));
    expect(here, 'where the thread of the caller does it').to.be.greaterThan(80);
    expect(there).to.be.lessThan(here / 4);
  });

  it('refuses what is wrong with the same words, and goes on', async () => {
    const wrong = where(`${check.sealed.attemptPath}/out-of-fold.bin`, async () => {
      const bytes = await store.readAll(`${check.sealed.attemptPath}/out-of-fold.bin`, { maxBytes: 2 ** 26 });
      return bytes.with(-1, (bytes.at(-1) ?? 0) ^ 1);
    });
    const here = await appErrorOf('RESULT_MISMATCH', () => runCheck(check, wrong));
    const there = await appErrorOf('RESULT_MISMATCH', () => verifier.verify(check, wrong));
    expect(there.message).to.equal(here.message);
    expect(await verifier.verify(check, store)).to.equal(await runCheck(check, store));
  });

  it('says what the store says', async () => {
    const gone = where('/blob', () => store.readAll('models/gone/blob', { maxBytes: 1 }));
    const error = await appErrorOf('STORE_OBJECT_MISSING', () => verifier.verify(check, gone));
    expect(error.message).to.include('models/gone/blob');
  });

  it('checks one at a time', async () => {
    let reading = 0;
    let most = 0;
    const counted: ReadableStore = {
      async *read(file, options) {
        most = Math.max(most, (reading += 1));
        yield* store.read(file, options);
        reading -= 1;
      },
      async readAll(file, options) {
        most = Math.max(most, (reading += 1));
        const bytes = await store.readAll(file, options);
        reading -= 1;
        return bytes;
      },
    };
    const all = await Promise.all([1, 2, 3].map(() => verifier.verify(check, counted)));
    expect(new Set(all).size).to.equal(1);
    expect(most).to.equal(1);
  });

  it('ends in the middle of a check when it is closed, and checks no more', async () => {
    const closing = where('/blob', async () => {
      void verifier.close();
      return store.readAll(`${check.sealed.attemptPath}/blob`, { maxBytes: 2 ** 26 });
    });
    const error = await appErrorOf('SHUTTING_DOWN', () => verifier.verify(check, closing));
    expect(error.retryable, 'what was sealed stays').to.be.true;
    await appErrorOf('SHUTTING_DOWN', () => verifier.verify(check, store));
  });

  describe('questions', () => {
    const files = (index: number) => {
      const { members } = check.kind === 'ensemble' ? check.spec : { members: [] };
      const { artifactPath, manifestSha256 } = members[index] ?? expect.fail('no member');
      return { path: artifactPath, manifestSha256 };
    };
    const roc = (label: string): ModelQuestion => ({
      ...{ kind: 'out-of-fold', files: files(0), target: check.spec.target, insight: 'roc', query: { label } },
    });

    it('are answered alike in the thread and on the spot', async () => {
      const question: ModelQuestion = {
        ...{ kind: 'comparison', files: [files(0), files(1)], target: check.spec.target, metric: 'auc', seed: 1 },
      };
      const answers = [await verifier.answer(question, 1, store), await verifier.answer(question, LARGE, store)];
      expect(answers[0]).to.deep.equal(answers[1]);
      expect(answers[0]).to.deep.include({ metric: 'auc', rowCount: (ROWS * 4) / 5, groupCount: 10 });
    });

    it('are refused with the same words and fields', async () => {
      const here = await appErrorOf('VALIDATION_FAILED', () => verifier.answer(roc('maybe'), 1, store));
      const there = await appErrorOf('VALIDATION_FAILED', () => verifier.answer(roc('maybe'), LARGE, store));
      expect(there.message).to.equal(here.message);
      expect(there.errors).to.deep.equal(here.errors).and.not.deep.equal([]);
    });

    it('do not pile up', async () => {
      const asked = Array.from({ length: 40 }, () => verifier.answer(roc('yes'), LARGE, store));
      const settled = await Promise.allSettled(asked);
      const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason as AppError] : []));
      expect(refused.map(({ code }) => code)).to.deep.equal(new Array(8).fill('OVERLOADED'));
      await verifier.answer(roc('yes'), LARGE, store);
    });
  });

  it('looks at a small one on the spot', async () => {
    const small: ModelCheck = {
      ...check,
      sealed: { ...check.sealed, files: check.sealed.files.map((file) => ({ ...file, sizeBytes: 1 })) },
    } as ModelCheck; // Of the same kind.
    const seen: unknown[] = [];
    const watched: ReadableStore = {
      read: (file, options) => store.read(file, options),
      readAll: async (file, options) => {
        const bytes = await store.readAll(file, options);
        seen.push(bytes);
        return bytes;
      },
    };
    await verifier.verify(small, watched);
    const sizes = seen.map((bytes) => (bytes as Uint8Array).byteLength); // Moved to a thread, an array has none left.
    expect(Math.min(...sizes)).to.be.greaterThan(0);
    expect(Math.max(...check.sealed.files.map(({ sizeBytes }) => sizeBytes))).to.be.greaterThan(ON_THE_SPOT_BYTES_MAX);
    await verifier.verify(check, watched);
    expect((seen.at(-1) as Uint8Array).byteLength).to.equal(0);
  });
});
