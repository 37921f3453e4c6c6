import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { isElf, readElfNeeds, versionFloor, type ElfNeeds } from '../../../../scripts/lib/bundle/elf.ts';
import { appErrorOf } from '../../../support/expect-error.ts';
import { REPOSITORY_ROOT } from '../../../support/repository.ts';
import { skipBecause } from '../../../support/skip.ts';

const DUCKDB = path.join(REPOSITORY_ROOT, 'node_modules/@duckdb/node-bindings-linux-x64/duckdb.node');
const READELF = '/usr/bin/readelf';

const needsOf = (versions: readonly string[]): ElfNeeds => ({
  libraries: [],
  versions: new Map([['libc.so.6', versions]]),
  soname: null,
});

describe('bundle: ELF', () => {
  it('reads libraries and versions of a native addon', () => {
    const needs = readElfNeeds(readFileSync(DUCKDB), 'duckdb.node');
    expect(needs.libraries).to.include.members(['libduckdb.so', 'libc.so.6']);
    expect(needs.versions.get('libc.so.6')).to.include('GLIBC_2.14');
  });

  it('reads what binutils reads, of every native file here', function () {
    if (!existsSync(READELF)) skipBecause(this, 'binutils is not installed');
    const files = [DUCKDB, process.execPath, process.env['TRAINYARD_LIGHTGBM_LIBRARY'] ?? ''].filter(existsSync);
    for (const file of files) {
      const needs = readElfNeeds(readFileSync(file), file);
      const { stdout } = spawnSync(READELF, ['--wide', '-d', '-V', file], { encoding: 'utf8', maxBuffer: 1 << 28 });
      const libraries = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map((match) => match[1]);
      const versions = [...stdout.matchAll(/Name: (\S+)\s+Flags:/g)].map((match) => match[1]);
      expect(needs.libraries, file).to.deep.equal(libraries);
      expect([...needs.versions.values()].flat().sort(), file).to.deep.equal(versions.sort());
      expect(versions).to.not.be.empty;
    }
  });

  it('knows ELF files by their first bytes and refuses all others', async () => {
    expect(isElf(Buffer.alloc(100))).to.equal(false);
    expect(isElf(Buffer.from('\x7fELF'))).to.equal(false);
    const script = Buffer.from('#!/bin/sh\n'.repeat(20));
    const error = await appErrorOf('INTERNAL', () => readElfNeeds(script, 'bin/worker'));
    expect(error.message).to.include('bin/worker');
    const of32Bits = Buffer.alloc(100);
    of32Bits.write('\x7fELF\x01\x01', 'latin1');
    await appErrorOf('INTERNAL', () => readElfNeeds(of32Bits, 'old.so'));
  });

  it('takes the highest version by its numbers, not by its text', () => {
    const needs = [needsOf(['GLIBC_2.9', 'GLIBC_2.2.5']), needsOf(['GLIBC_2.28', 'GLIBC_PRIVATE', 'GLIBCXX_3.4.30'])];
    expect(versionFloor(needs, 'GLIBC')).to.equal('2.28');
    expect(versionFloor(needs, 'GLIBCXX')).to.equal('3.4.30');
    expect(versionFloor(needs, 'GOMP')).to.equal(null);
    expect(versionFloor([needsOf(['A_2.2', 'A_2.2.5'])], 'A')).to.equal('2.2.5');
  });
});
