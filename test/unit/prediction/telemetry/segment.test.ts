import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { isAppError, SEGMENT_BYTES_MAX } from '#contracts';
import {
  openSegment,
  readSegmentHeader,
  SEALED_BYTES_MAX,
  sealSegment,
  telemetryKeyFile,
  telemetryKeys,
  type SegmentFacts,
} from '#telemetry';
import { expectError } from '../../../support/expect-error.ts';
import { TEST_KEYS, TEST_KEYS_TEXT } from '../../../support/telemetry/segments.ts';
import { until } from '../../../support/processes.ts';

const FACTS: SegmentFacts = {
  serverId: 'ps_1',
  epoch: '0123456789abcdef0123456789abcdef',
  segment: 3,
  firstNumber: 10,
  endNumber: 20,
  createdAtMs: 1_700_000_000_000,
};
const OTHER = 'another-key-of-the-tests-alone';

describe('telemetry: segments', () => {
  it('come back as they were sealed, smaller where they can be', async () => {
    const frames = Buffer.alloc(100_000, 'trainyard ');
    const sealed = await sealSegment(FACTS, frames, TEST_KEYS);
    expect(sealed.length).to.be.below(1_000);
    const opened = openSegment(sealed, TEST_KEYS);
    expect(opened.frames.equals(frames)).to.equal(true);
    expect(opened.header).to.deep.include({ ...FACTS, compression: 'zstd', sizeBytes: 100_000 });
    expect(readSegmentHeader(sealed)).to.deep.equal(opened.header);
  });

  it('that do not shrink are not compressed, and fit a message of 1 MB', async () => {
    const frames = Buffer.allocUnsafe(SEGMENT_BYTES_MAX);
    let state = 1;
    for (let at = 0; at < frames.length; at += 1) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      frames[at] = state >>> 24;
    }
    const sealed = await sealSegment(FACTS, frames, TEST_KEYS);
    expect(sealed.length).to.be.below(SEALED_BYTES_MAX).and.below(1_000_000);
    const { header, frames: back } = openSegment(sealed, TEST_KEYS);
    expect([header.compression, back.equals(frames)]).to.deep.equal(['none', true]);
  });

  it('with any changed byte are refused, and never believed', async () => {
    const sealed = await sealSegment(FACTS, Buffer.from('frames that are told'), TEST_KEYS);
    for (let at = 0; at < sealed.length; at += 1) {
      const changed = Buffer.from(sealed);
      changed[at] = (changed[at] ?? 0) ^ 1;
      let code: unknown = null;
      try {
        openSegment(changed, TEST_KEYS);
      } catch (err) {
        code = isAppError(err, 'TELEMETRY_SIGNATURE') || isAppError(err, 'TELEMETRY_INVALID');
      }
      expect(code, `byte ${at}`).to.equal(true);
    }
    for (const size of [0, 3, 10])
      expectError(() => openSegment(sealed.subarray(0, size), TEST_KEYS), 'TELEMETRY_INVALID');
    expectError(() => openSegment(sealed.subarray(0, -1), TEST_KEYS), 'TELEMETRY_SIGNATURE');
  });

  it('are taken by every key of the file, and signed by the first', async () => {
    const before = telemetryKeys(TEST_KEYS_TEXT);
    const both = telemetryKeys(`${OTHER}\n\n${TEST_KEYS_TEXT}\n`);
    const after = telemetryKeys(OTHER);
    const [old, young] = [
      await sealSegment(FACTS, Buffer.from('a'), before),
      await sealSegment(FACTS, Buffer.from('b'), both),
    ];
    expect([openSegment(old, both), openSegment(young, both)].map(({ frames }) => frames.toString()).join('')).to.equal(
      'ab',
    );
    expectError(() => openSegment(old, after), 'TELEMETRY_SIGNATURE', /unknown key/);
    expectError(() => openSegment(young, before), 'TELEMETRY_SIGNATURE', /unknown key/);
  });

  it('need keys that are not short, and at least one', () => {
    expectError(() => telemetryKeys(`${OTHER}\nshort`), 'CONFIG_INVALID', /line 2: a key has 22 characters or more/);
    expectError(() => telemetryKeys('\n'), 'CONFIG_INVALID', /there is no key/);
  });

  it('follow the file of their keys; one that cannot be read leaves those from before', async () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-keys-'));
    const file = path.join(folder, 'telemetry.keys');
    try {
      writeFileSync(file, TEST_KEYS_TEXT);
      const troubles: unknown[] = [];
      const keys = telemetryKeyFile(file, (err) => troubles.push(err));
      const first = keys.signing().keyId;
      expect(first).to.equal(TEST_KEYS.signing().keyId);
      writeFileSync(file, 'short');
      await until('the trouble', () => keys.signing().keyId === first && troubles.length > 0);
      writeFileSync(file, `${OTHER}\n${TEST_KEYS_TEXT}`);
      await until('the new key', () => keys.signing().keyId !== first);
      expect(keys.find(first)).to.not.equal(null);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
