import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

interface LockEntry {
  readonly version?: string;
  readonly integrity?: string;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Where Node looks for `name` from the folder `from` of the lock file: there, then in each folder above. */
function resolve(packages: Readonly<Record<string, LockEntry>>, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (folder === '') return undefined;
    if (!folder.includes('/node_modules/')) folder = '';
  }
}

describe('package-lock.json', () => {
  const text = readFileSync(path.join(REPOSITORY_ROOT, 'package-lock.json'), 'utf8');
  // The format of npm's lock file, version 3.
  const { packages } = JSON.parse(text) as { packages: Readonly<Record<string, LockEntry>> };

  it('has an entry for every dependency, those of other platforms too, without which npm ci refuses it', () => {
    const unresolved = Object.entries(packages).flatMap(([folder, entry]) => {
      const names = Object.keys({ ...entry.dependencies, ...entry.optionalDependencies });
      return names.filter((name) => resolve(packages, folder, name) === undefined).map((name) => `${folder}: ${name}`);
    });
    expect(Object.keys(packages).length).to.be.greaterThan(50);
    expect(unresolved).to.deep.equal([]);
  });

  it('holds a checksum of everything that is installed on x86-64 Linux', () => {
    const runsHere = (entry: LockEntry): boolean =>
      (entry.os ?? ['linux']).includes('linux') &&
      (entry.cpu ?? ['x64']).includes('x64') &&
      (entry.libc ?? ['glibc']).includes('glibc');
    const unchecked = Object.entries(packages)
      .filter(([folder, entry]) => folder !== '' && runsHere(entry) && !entry.integrity?.startsWith('sha512-'))
      .map(([folder]) => folder);
    expect(unchecked).to.deep.equal([]);
  });

  it('names no place it was made at', () => {
    expect(text).not.to.match(/"resolved": "(?!https:\/\/registry\.npmjs\.org\/)/);
  });

  it('pins every direct dependency', () => {
    const json = JSON.parse(readFileSync(path.join(REPOSITORY_ROOT, 'package.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const sections = ['dependencies', 'optionalDependencies', 'devDependencies'];
    // Each section maps names to version ranges, by the format of package.json.
    const all = sections.flatMap((section) => Object.entries((json[section] ?? {}) as Record<string, string>));
    expect(all.filter(([, range]) => !/^\d+\.\d+\.\d+(?:-[\w.]+)?$/.test(range))).to.deep.equal([]);
  });
});
