import { expect } from 'chai';
import { parseObjectPath, parseObjectPrefix } from '#object-store';

describe('object paths', () => {
  it('are relative segments', () => {
    expect(parseObjectPath('a/B_1/c-2.parquet')).to.deep.equal(['a', 'B_1', 'c-2.parquet']);
    expect(parseObjectPath('a/day=2026-11-30/b')).to.deep.equal(['a', 'day=2026-11-30', 'b']);
    expect(parseObjectPrefix('')).to.deep.equal([]);
    expect(parseObjectPrefix('a/b/')).to.deep.equal(['a', 'b']);
  });

  it('never leave the store nor name an unfinished write', () => {
    const bad = [
      '',
      '.',
      '..',
      '/',
      '/a',
      'a/',
      'a//b',
      'a/../b',
      'a/./b',
      '.tmp-1',
      'a/.tmp-1',
      '-'.repeat(201),
      'a b',
      'a/=b',
      'a%2e',
      'é',
      'a\n',
      'a\0',
    ];
    for (const path of bad) expect(() => parseObjectPath(path), JSON.stringify(path)).to.throw(/Object path/);
  });
});
