import { mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { ARCHIVES_MAX, removeOldest } from '../../../../scripts/lib/bundle/build-archive.ts';

describe('bundle: cache of archives', () => {
  it('keeps those used last, each with its record', () => {
    const cache = mkdtempSync(path.join(os.tmpdir(), 'trainyard-archives-'));
    const put = (index: number) => {
      for (const suffix of ['tar.gz', 'json']) {
        const file = path.join(cache, `a${index}.${suffix}`);
        writeFileSync(file, '');
        // The later its number, the longer ago.
        utimesSync(file, 1e9 - index, 1e9 - index);
      }
    };
    for (let index = 0; index < ARCHIVES_MAX + 2; index += 1) put(index);
    removeOldest(cache);
    const kept = Array.from({ length: ARCHIVES_MAX }, (_, index) => [`a${index}.json`, `a${index}.tar.gz`]);
    expect(readdirSync(cache)).to.have.members(kept.flat());
    rmSync(cache, { recursive: true });
  });
});
