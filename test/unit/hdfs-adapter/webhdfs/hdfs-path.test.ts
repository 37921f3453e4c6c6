import { expect } from 'chai';
import { parseHdfsPath } from '#webhdfs';
import { appErrorOf } from '../../../support/expect-error.ts';

describe('HDFS paths', () => {
  it('are absolute, with or without the nameservice', () => {
    for (const [text, path] of [
      ['/', '/'],
      ['/a/b c/ä', '/a/b c/ä'],
      ['/a/', '/a'],
      ['hdfs://ns/a', '/a'],
      ['HDFS://nn:8020/a', '/a'],
      ['hdfs://ns', '/'],
      ['hdfs:///a', '/a'],
    ] as const)
      expect(parseHdfsPath(text, ['ns', 'nn:8020']), text).to.equal(path);
  });

  it('of other places and shapes are refused, with what was expected', async () => {
    const wrong: readonly (readonly [string, RegExp])[] = [
      ['a/b', /expected \/path or hdfs/],
      ['', /expected \/path/],
      ['s3a://bucket/a', /expected \/path or hdfs/],
      ['file:///etc/passwd', /expected \/path or hdfs/],
      ['hdfs://other/a', /a path in hdfs:\/\/ns/],
      ['/a/../b', /components/],
      ['/a//b', /components/],
      ['/./a', /components/],
      ['/a:b', /components/],
      ['/a\0', /components/],
      [`/${'x'.repeat(256)}`, /255 bytes/],
      [`/${'x/'.repeat(5_000)}`, /8000 characters/],
    ];
    for (const [text, expected] of wrong)
      expect((await appErrorOf('HDFS_PATH_INVALID', () => parseHdfsPath(text, ['ns']))).message).to.match(expected);
  });
});
