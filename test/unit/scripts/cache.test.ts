import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { cached } from '../../../scripts/lib/cache.ts';

describe('support: the cache of what comes from outside', () => {
  const real = process.env['TRAINYARD_CACHE'];
  let cache: string;

  beforeEach(() => {
    cache = mkdtempSync(path.join(os.tmpdir(), 'trainyard-cache-'));
    process.env['TRAINYARD_CACHE'] = cache;
  });

  afterEach(() => {
    if (real === undefined) delete process.env['TRAINYARD_CACHE'];
    else process.env['TRAINYARD_CACHE'] = real;
    rmSync(cache, { recursive: true });
  });

  it('fills a folder once', async () => {
    let fills = 0;
    const fill = (folder: string): Promise<void> => {
      fills += 1;
      writeFileSync(path.join(folder, 'jar'), 'content');
      return Promise.resolve();
    };
    const folder = await cached('hadoop/1', fill);
    expect(await cached('hadoop/1', fill)).to.equal(folder);
    expect(readFileSync(path.join(folder, 'jar'), 'utf8')).to.equal('content');
    expect(fills).to.equal(1);
  });

  it('keeps nothing of what failed half-way, and tries again', async () => {
    const error = await cached('hadoop/1', (folder) => {
      writeFileSync(path.join(folder, 'half'), '');
      return Promise.reject(new Error('no network'));
    }).catch((err: unknown) => err);
    expect(error).to.have.property('message', 'no network');
    expect(readdirSync(path.join(cache, 'hadoop'))).to.deep.equal([]);
    const folder = await cached('hadoop/1', () => Promise.resolve());
    expect(readdirSync(folder)).to.deep.equal([]);
  });

  it('takes the first of two that fill at the same time, whole', async () => {
    const bothWork = Promise.withResolvers<undefined>();
    let working = 0;
    const fill = (name: string) => async (folder: string) => {
      writeFileSync(path.join(folder, `first-${name}`), '');
      if ((working += 1) === 2) bothWork.resolve(undefined);
      await bothWork.promise;
      writeFileSync(path.join(folder, `last-${name}`), '');
    };
    const folders = await Promise.all([cached('hadoop/1', fill('a')), cached('hadoop/1', fill('b'))]);
    expect(folders[0]).to.equal(folders[1]);
    const names = readdirSync(folders[0]);
    expect([
      ['first-a', 'last-a'],
      ['first-b', 'last-b'],
    ]).to.deep.include(names);
    expect(readdirSync(path.join(cache, 'hadoop'))).to.deep.equal(['1']);
  });
});
