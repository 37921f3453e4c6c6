import { expect } from 'chai';
import type { FileStatus, WebHdfsClient } from '#webhdfs';
import {
  alternativesOf,
  expandPattern,
  isPattern,
  literalPrefix,
} from '../../../../../appserver/server/services/hdfs-patterns.ts';
import { isWithin } from '../../../../../appserver/server/services/hdfs-roots.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const FILES = [
  '/d/a.csv',
  '/d/b.csv',
  '/d/b.parquet',
  '/d/x/1.csv',
  '/d/y/2.csv',
  '/d/y-z/3.csv',
  '/d/[odd].csv',
  '/d/ü.csv',
];

const statusOf = (path: string): FileStatus => ({
  path,
  type: FILES.includes(path) ? 'file' : 'directory',
  sizeBytes: 1,
  modifiedAt: new Date(0),
  accessedAt: new Date(0),
  owner: 'o',
  group: 'g',
  permission: '644',
  hasAcl: false,
  encrypted: false,
  replication: 1,
  blockSizeBytes: 1,
  fileId: 1,
});

/** The folders that {@link FILES} lie in. */
const tree: Pick<WebHdfsClient, 'find' | 'list'> = {
  find: async (path) => (FILES.some((file) => isWithin(file, path)) ? statusOf(path) : null),
  async *list(folder) {
    const below = FILES.filter((file) => isWithin(file, folder)).map((file) =>
      file.slice(folder === '/' ? 1 : folder.length + 1),
    );
    const names = new Set(below.map((rest) => rest.split('/')[0] ?? ''));
    for (const name of names) yield statusOf(`${folder === '/' ? '' : folder}/${name}`);
  },
};

const expanded = async (pattern: string): Promise<string[]> =>
  (await expandPattern(tree, pattern)).map(({ path }) => path).sort();

describe('patterns of HDFS paths', () => {
  it('match as hdfs dfs -ls does', async () => {
    const cases: readonly (readonly [pattern: string, found: readonly string[]])[] = [
      ['/d/*.csv', ['/d/[odd].csv', '/d/a.csv', '/d/b.csv', '/d/ü.csv']],
      ['/d/b.*', ['/d/b.csv', '/d/b.parquet']],
      ['/d/?.csv', ['/d/a.csv', '/d/b.csv', '/d/ü.csv']],
      ['/d/[ab].csv', ['/d/a.csv', '/d/b.csv']],
      ['/d/[^a-b].csv', ['/d/ü.csv']],
      ['/d/[!b-z]*.csv', ['/d/[odd].csv', '/d/a.csv', '/d/ü.csv']],
      ['/d/{a,b}.csv', ['/d/a.csv', '/d/b.csv']],
      ['/d/{x/1,y{,-z}/*}.csv', ['/d/x/1.csv', '/d/y-z/3.csv', '/d/y/2.csv']],
      ['/d/*/*.csv', ['/d/x/1.csv', '/d/y-z/3.csv', '/d/y/2.csv']],
      ['/*/y*', ['/d/y', '/d/y-z']],
      ['/d/*a*b*', []],
      ['/nothing/*', []],
    ];
    for (const [pattern, found] of cases) {
      expect(isPattern(pattern), pattern).to.equal(true);
      expect(await expanded(pattern), pattern).to.deep.equal([...found].sort());
    }
  });

  it('name the folder that all of it lies in', () => {
    expect(literalPrefix('/a/b/c*/d')).to.equal('/a/b');
    expect(literalPrefix('/*')).to.equal('/');
    expect(literalPrefix('/a/{b,../c}/d')).to.equal('/a');
    expect(isWithin('/ab', '/a')).to.equal(false);
    expect(isWithin('/a', '/a')).to.equal(true);
    expect(isWithin('/a/b', '/')).to.equal(true);
  });

  it('are refused where they are none, and bounded in number and time', async () => {
    for (const pattern of ['/d/{a', '/d/a}', '/d/[ab', `/d/${'{a,b}'.repeat(12)}`])
      await appErrorOf('HDFS_PATH_INVALID', () => expandPattern(tree, pattern));
    expect(alternativesOf('/{a,a}')).to.deep.equal(['/a']);
    const startedAt = performance.now();
    await expanded(`/d/${'*a'.repeat(120)}`);
    expect(performance.now() - startedAt).to.be.lessThan(1_000);
  });
});
