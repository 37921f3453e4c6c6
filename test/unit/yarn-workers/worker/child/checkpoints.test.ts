import { appendFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { Checkpoint, SealedFile } from '#contracts';
import { FileObjectStore } from '#object-store';
import { AttemptFolder } from '../../../../../yarn-workers/worker/child/attempt-folder.ts';
import { CHECKPOINT_BYTES_MAX, Checkpoints } from '../../../../../yarn-workers/worker/child/checkpoints.ts';

const FOLDER = 'models/t1/1-x';

describe('worker: checkpoints of an attempt', () => {
  let root = '';
  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'trainyard-checkpoints-'));
  });
  afterEach(() => rmSync(root, { recursive: true }));

  function opened(options: { intervalMs?: number; earlier?: Checkpoint | null } = {}) {
    const store = new FileObjectStore(root);
    const attempt = new AttemptFolder(store, FOLDER);
    const told: { file: SealedFile; position: number }[] = [];
    const log: string[] = [];
    const time = { ms: 0 };
    const checkpoints = new Checkpoints({
      store,
      attempt,
      earlier: options.earlier ?? null,
      intervalMs: options.intervalMs ?? 0,
      tell: (file, position) => void told.push({ file, position }),
      log: (line) => void log.push(line),
      now: () => time.ms,
    });
    const offer = (position: number, text = `state ${position}`) =>
      checkpoints.offer({ position, sizeBytes: text.length, encode: () => Buffer.from(text) });
    return { checkpoints, attempt, told, log, time, offer };
  }
  const objects = () => readdirSync(path.join(root, FOLDER)).sort();
  const earlierOf = ({ file, position }: { file: SealedFile; position: number }): Checkpoint => ({
    path: `${FOLDER}/${file.name}`,
    sizeBytes: file.sizeBytes,
    sha256: file.sha256,
    position,
  });

  it('writes a complete object first and then tells of it; nothing of it is sealed', async () => {
    const { offer, told, attempt } = opened();
    await offer(3);
    expect(told).to.have.length(1);
    expect(told[0]).to.deep.include({ position: 3 });
    expect(told[0]?.file).to.deep.include({ name: 'checkpoint-3', sizeBytes: 7 });
    expect(objects()).to.deep.equal(['checkpoint-3']);
    expect(attempt.files).to.deep.equal([]);
  });

  it('waits its interval, and does not even encode what is not due', async () => {
    const { checkpoints, offer, told, time } = opened({ intervalMs: 1_000 });
    await checkpoints.offer({ position: 1, sizeBytes: 1, encode: () => expect.fail('encoded') });
    time.ms = 1_000;
    await offer(2);
    time.ms = 1_999;
    await checkpoints.offer({ position: 3, sizeBytes: 1, encode: () => expect.fail('encoded') });
    time.ms = 2_000;
    await offer(4);
    expect(told.map(({ position }) => position)).to.deep.equal([2, 4]);
  });

  it('deletes its older objects when a newer one was taken, and not before', async () => {
    const { checkpoints, offer } = opened();
    for (const position of [1, 2, 3]) await offer(position);
    expect(objects()).to.deep.equal(['checkpoint-1', 'checkpoint-2', 'checkpoint-3']);
    await checkpoints.taken(2);
    expect(objects()).to.deep.equal(['checkpoint-2', 'checkpoint-3']);
    await checkpoints.taken(2);
    await checkpoints.taken(3);
    expect(objects()).to.deep.equal(['checkpoint-3']);
  });

  it('gives back what an earlier attempt left', async () => {
    const first = opened();
    await first.offer(5, 'five');
    const [told] = first.told;
    if (told === undefined) expect.fail('nothing was told');
    const next = opened({ earlier: earlierOf(told) });
    expect(Buffer.from((await next.checkpoints.open()) ?? []).toString()).to.equal('five');
    expect(next.log).to.deep.equal([]);
    expect(await opened().checkpoints.open()).to.equal(null);
  });

  for (const [what, spoil] of [
    ['altered', (file: string) => writeFileSync(file, 'fivx')],
    ['longer', (file: string) => appendFileSync(file, '!')],
    ['shorter', (file: string) => writeFileSync(file, 'fi')],
    ['gone', (file: string) => rmSync(file)],
  ] as const) {
    it(`one that is ${what} is of no use, and the log says so`, async () => {
      const first = opened();
      await first.offer(5, 'five');
      const [told] = first.told;
      if (told === undefined) expect.fail('nothing was told');
      const file = path.join(root, FOLDER, 'checkpoint-5');
      rmSync(file);
      if (what === 'gone') writeFileSync(file, 'five');
      spoil(file);
      const next = opened({ earlier: earlierOf(told) });
      expect(await next.checkpoints.open()).to.equal(null);
      expect(next.log).to.have.length(1);
      expect(next.log[0]).to.match(/^the checkpoint (was altered|cannot be read), the task begins anew: /);
    });
  }

  it('keeps nothing that is too large, and a store that fails is only logged', async () => {
    const { checkpoints, offer, told, log } = opened();
    const encode = () => expect.fail('encoded');
    await checkpoints.offer({ position: 1, sizeBytes: CHECKPOINT_BYTES_MAX + 1, encode });
    expect(log).to.deep.equal([]);
    await offer(2);
    await offer(2);
    expect(told).to.have.length(1);
    expect(log).to.have.length(1);
    expect(log[0]).to.match(/^checkpoint 2 could not be written: .*checkpoint-2/);
  });
});
