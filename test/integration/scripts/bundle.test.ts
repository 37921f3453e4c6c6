import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { ArchiveManifest, ArchiveRecord, PACKAGE_FOLDER, pageOf, parse, WorkerEntry } from '#contracts';
import {
  bundleName,
  issueGroupCertificates,
  PACKAGE_RUNTIME_RECORD,
  PROGRAM_SOURCES,
  programFile,
  type ProgramName,
} from '#runtime';
import { contentSha256, sha256 } from '../../../scripts/lib/bundle/archive.ts';
import { isElf, readElfNeeds } from '../../../scripts/lib/bundle/elf.ts';
import { bundleProgram, type ProgramBundle } from '../../../scripts/lib/bundle/programs.ts';
import { writePrograms } from '../../../scripts/lib/bundle/write-programs.ts';
import { CONTROL_BYTES } from '../../../yarn-workers/worker/collectives/control.ts';
import { GROUP_LIMITS } from '../../../yarn-workers/worker/collectives/limits.ts';
import { MODULE_RULES, PACKAGE_HOMES } from '../../support/import-rules.ts';
import { memoryOf } from '../../support/memory.ts';
import { modelled } from '../../support/modelling.ts';
import { freePorts } from '../../support/platform.ts';
import { descendantsOf, until } from '../../support/processes.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';
import { openCluster, type Cluster, type Launch } from '../worker/cluster.ts';
import { churnCsv } from '../worker/support.ts';

const MIB = 1024 ** 2;
/** Resident memory of an idle worker at most. */
const IDLE_BYTES_MAX = 150 * MIB;
/** YARN's default of `yarn.nodemanager.vmem-pmem-ratio`. */
const VIRTUAL_RATIO = 2.1;

interface Allowed {
  /** Of which module the program is. */
  readonly module: string;
  readonly nativeFiles: readonly string[];
  /** Packages of `PACKAGE_HOMES` that it contains. */
  readonly packages: readonly string[];
}

const DATABASES = ['better-sqlite3', 'pg', 'knex'];
const ALLOWED: Readonly<Record<ProgramName, Allowed>> = {
  cli: { module: '#cli', nativeFiles: [], packages: [] },
  // koffi: GSSAPI, loaded by the first login to a cluster with Kerberos; Kafka and mail by the first alert that goes there.
  server: {
    module: '#appserver',
    nativeFiles: ['better-sqlite3.node', 'koffi.node'],
    packages: [...DATABASES, 'koffi', '@platformatic/kafka', 'nodemailer'],
  },
  'verify-thread': { module: '#appserver', nativeFiles: [], packages: [] },
  // Objects may lie in HDFS, behind Kerberos.
  backup: {
    module: '#appserver',
    nativeFiles: ['better-sqlite3.node', 'koffi.node'],
    packages: [...DATABASES, 'koffi'],
  },
  'hadoop-setup': { module: '#hadoop-setup', nativeFiles: ['koffi.node'], packages: ['koffi'] },
  worker: { module: '#worker', nativeFiles: [], packages: [] },
  'task-child': {
    module: '#worker',
    nativeFiles: ['duckdb.node', 'koffi.node', 'libduckdb.so'],
    packages: ['@duckdb/node-api', 'koffi'],
  },
  // koffi: _exit, when the other thread does not come by.
  'mesh-thread': { module: '#worker', nativeFiles: ['koffi.node'], packages: ['koffi'] },
  // Loaded where telemetry goes by Kafka.
  'prediction-server': { module: '#prediction-server', nativeFiles: [], packages: ['@platformatic/kafka'] },
  // koffi: GSSAPI, for an object store in HDFS.
  monitor: {
    module: '#monitor',
    nativeFiles: ['better-sqlite3.node', 'koffi.node'],
    packages: [...DATABASES, 'koffi', '@platformatic/kafka'],
  },
};
const NAMES = Object.keys(ALLOWED) as ProgramName[]; // the keys written above

/** Folders whose code may be in a bundle of a module: its own and those of all modules below it. */
function foldersBelow(module: string): Set<string> {
  const rule = MODULE_RULES[module];
  if (rule === undefined) throw new Error(`no module ${module}`);
  return new Set([rule.folder, ...rule.mayImport.flatMap((next) => [...foldersBelow(next)])]);
}

describe('bundles', function () {
  this.timeout(60_000);
  let folder = '';
  let bundles: ReadonlyMap<ProgramName, ProgramBundle>;
  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-bundles-'));
    const written = await writePrograms(REPOSITORY_ROOT, path.join(folder, 'lib'), NAMES);
    bundles = new Map(written.map((bundle) => [bundle.name, bundle]));
  });
  after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 20 }));

  const bundleOf = (name: ProgramName): ProgramBundle => {
    const bundle = bundles.get(name);
    if (bundle === undefined) throw new Error(`no bundle of ${name}`);
    return bundle;
  };

  it('are there for every program', () => {
    expect(NAMES).to.have.members(Object.keys(PROGRAM_SOURCES));
    for (const name of NAMES) expect(existsSync(programFile(name)), name).to.equal(true);
  });

  for (const [name, allowed] of Object.entries(ALLOWED) as [ProgramName, Allowed][]) {
    it(`${name} contains what it may, and native parts ${allowed.nativeFiles.join(', ') || 'none'}`, () => {
      const { sources, nativeFiles, externals } = bundleOf(name);
      const ours = sources.filter((source) => !source.includes('node_modules/') && !source.startsWith('native-part:'));
      const folders = [...foldersBelow(allowed.module)];
      const strangers = ours.filter((source) => !folders.some((one) => source.startsWith(`${one}/`)));
      expect(strangers.filter((source) => source !== 'package.json')).to.deep.equal([]);
      expect(ours).to.include(PROGRAM_SOURCES[name]);
      const packages = Object.keys(PACKAGE_HOMES).filter((one) =>
        sources.some((source) => source.includes(`node_modules/${one}/`)),
      );
      expect(packages).to.have.members(allowed.packages);
      expect([...nativeFiles.keys()].sort()).to.deep.equal(allowed.nativeFiles);
      expect(externals.filter((one) => one.endsWith('.node')).map((one) => path.basename(one))).to.have.members(
        allowed.nativeFiles.filter((one) => one.endsWith('.node')),
      );
    });
  }

  it('call no fetch, and no WebAssembly but for memory with a bound: both reserve gigabytes of addresses', () => {
    const used = (name: ProgramName, pattern: RegExp): string[] =>
      Buffer.from(bundleOf(name).code).toString().match(pattern) ?? [];
    for (const name of ['worker', 'task-child'] as const)
      expect(used(name, /(?<![.\w$])fetch\(|globalThis\.fetch|node:undici/g), name).to.deep.equal([]);
    expect(used('worker', /\bWebAssembly\b/g)).to.deep.equal([]);
    // With a bound only what is used is reserved (`kernels.test.ts` of networks measures it).
    expect(used('task-child', /\bWebAssembly\.Memory\([^)]*\)/g)).to.deep.equal([
      'WebAssembly.Memory({ initial: pages, maximum: pages })',
    ]);
    expect(used('task-child', /\bWebAssembly\.(?!Memory\b)\w+/g)).to.have.members([
      'WebAssembly.Module',
      'WebAssembly.Instance',
    ]);
  });

  it('have the same bytes wherever they are built', async () => {
    const again = await bundleProgram(`${REPOSITORY_ROOT}/test/..`, 'worker');
    expect(Buffer.from(again.code).equals(Buffer.from(bundleOf('worker').code))).to.equal(true);
    expect(Buffer.from(again.code).includes(REPOSITORY_ROOT)).to.equal(false);
  });

  it('have the thread that verifies models, which asks for what was sealed', async () => {
    const thread = new Worker(path.join(folder, 'lib', bundleName('verify-thread')));
    try {
      const files = [{ name: 'manifest.json', sizeBytes: 1, sha256: '' }];
      const check = { kind: 'train', spec: {}, sealed: { attemptPath: 'models/m/1-a', files, outcome: {} } };
      thread.postMessage({ type: 'check', check });
      const [asked] = (await once(thread, 'message')) as unknown[];
      expect(asked).to.include({ type: 'read', path: 'models/m/1-a/manifest.json' });
    } finally {
      await thread.terminate();
    }
  });

  it('have the thread of a group’s mesh, which listens', async () => {
    const [certificates] = issueGroupCertificates({ groupId: 'g', size: 2, now: Date.now(), validMs: 60_000 });
    const workerData = {
      member: { groupId: 'g', rank: 0, size: 2, epoch: 1, certificates },
      limits: GROUP_LIMITS,
      listenHost: '127.0.0.1',
      control: new SharedArrayBuffer(CONTROL_BYTES),
    };
    const thread = new Worker(path.join(folder, 'lib', bundleName('mesh-thread')), { workerData });
    try {
      const [told] = (await once(thread, 'message')) as unknown[];
      expect(told).to.have.property('type', 'listening');
    } finally {
      await thread.terminate();
    }
  });

  it('run the whole platform: up starts the others, which find their native parts and the web app', async () => {
    const [port = 0, predictionPort = 0] = await freePorts(2);
    const empty = path.join(folder, 'empty');
    mkdirSync(empty);
    const flags = ['--data-dir', 'data', `--port=${port}`, `--prediction-port=${predictionPort}`, '--workers=1'];
    const up = spawn(process.execPath, [path.join(folder, 'lib/cli.mjs'), 'up', ...flags], {
      cwd: empty,
      env: { TRAINYARD_LIGHTGBM_LIBRARY: process.env['TRAINYARD_LIGHTGBM_LIBRARY'], TRAINYARD_PARENT_WATCH: '1' },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [up.stdout, up.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const ended = once(up, 'close');
    await until('the platform', () => {
      if (up.exitCode !== null) throw new Error(output);
      return output.includes('Trainyard is ready');
    });
    const page = await fetch(`http://127.0.0.1:${port}/ui/app.js`);
    expect(page.status).to.equal(200);
    const running = descendantsOf(up.pid ?? 0).flatMap(({ command }) => command.map((word) => path.basename(word)));
    expect(running).to.include.members(['server.mjs', 'worker.mjs', 'prediction-server.mjs']);
    up.kill('SIGTERM');
    expect(await ended).to.deep.equal([0, null]);
  });
});

describe('scripts/bundle --programs', function () {
  this.timeout(120_000);

  it('puts the runtime of packages beside the programs, where the app server looks for it', () => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-programs-'));
    try {
      const { stderr, status } = spawnSync(path.join(REPOSITORY_ROOT, 'scripts/bundle'), ['--programs', folder], {
        encoding: 'utf8',
      });
      expect(status, stderr).to.equal(0);
      const json: unknown = JSON.parse(readFileSync(path.join(folder, PACKAGE_RUNTIME_RECORD), 'utf8'));
      const record = parse(ArchiveRecord, json, 'record');
      expect(sha256(readFileSync(path.join(folder, record.fileName)))).to.equal(record.sha256);
      expect(record.manifest.program).to.equal('prediction-server');
      const names = ['README', 'runtime/LICENSE', 'runtime/THIRD-PARTY-LICENSES', 'runtime/bin/node'];
      expect(record.manifest.files.map((file) => file.path)).to.deep.equal(
        [...names, 'runtime/lib/prediction-server.mjs', 'start'].map((name) => `${PACKAGE_FOLDER}/${name}`),
      );
      expect(record.manifest.needs.glibc).to.equal('2.28');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('runtime archive of workers', function () {
  this.timeout(120_000);
  let folder = '';
  /** Where the archive is unpacked. */
  let contents: string;
  let archive: string;
  let record: ArchiveRecord;
  let cluster: Cluster;
  let launch: Launch;

  function bundle(...words: readonly string[]): { file: string; isCached: boolean; record: ArchiveRecord } {
    const { stdout, stderr, status } = spawnSync(path.join(REPOSITORY_ROOT, 'scripts/bundle'), ['--json', ...words], {
      encoding: 'utf8',
    });
    expect(status, stderr).to.equal(0);
    const { file, isCached, ...rest } = JSON.parse(stdout) as { file: string; isCached: boolean }; // its own output
    return { file, isCached, record: parse(ArchiveRecord, rest, 'record') };
  }

  before(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-archive-'));
    ({ file: archive, record } = bundle());
    contents = path.join(folder, 'filecache');
    const work = path.join(folder, 'container');
    for (const one of [contents, work]) mkdirSync(one);
    expect(spawnSync('tar', ['-xzf', archive, '-C', contents]).status).to.equal(0);
    // As YARN does it: a link in the container's own, empty folder. No PATH, no node_modules.
    symlinkSync(contents, path.join(work, 'trainyard'));
    launch = { command: ['./trainyard/bin/worker'], env: {}, cwd: work };
    cluster = await openCluster();
  });
  after(async () => {
    await cluster.close();
    rmSync(folder, { recursive: true, force: true });
  });

  /** Shared libraries that a worker and its child have loaded from outside of the archive and that the manifest does not name. */
  function strangersIn(pid: number): string[] {
    const maps = [pid, ...descendantsOf(pid).map((entry) => entry.pid)].map((one) =>
      readFileSync(`/proc/${one}/maps`, 'utf8'),
    );
    const loaded = new Set(maps.join('').match(/\/\S*\.(?:so|node)\b\S*/g));
    const inside = [...loaded].filter((file) => file.startsWith(contents)).map((file) => path.basename(file));
    expect(inside).to.include.members(['duckdb.node', 'libduckdb.so', 'lib_lightgbm.so', 'libgomp.so.1']);
    const { libraries } = record.manifest.needs;
    return [...loaded].filter(
      (file) => !file.startsWith(contents) && !libraries.some((name) => path.basename(file).startsWith(name)),
    );
  }

  it('holds what its manifest says, and is named by that', () => {
    const manifest = parse(
      ArchiveManifest,
      JSON.parse(readFileSync(path.join(contents, 'manifest.json'), 'utf8')),
      'it',
    );
    expect(manifest).to.deep.equal(record.manifest);
    for (const { path: name, sha256: hash } of manifest.files)
      expect(sha256(readFileSync(path.join(contents, name))), name).to.equal(hash);
    expect(contentSha256(manifest.files)).to.equal(manifest.contentSha256);
    expect(path.basename(archive)).to.equal(
      `trainyard-worker-${manifest.version}-${manifest.contentSha256.slice(0, 12)}.tar.gz`,
    );
    expect(sha256(readFileSync(archive))).to.equal(record.sha256);
  });

  it('needs glibc 2.28 (Node’s own floor), and of libraries what every such system has', () => {
    const { needs, files } = record.manifest;
    expect(needs.glibc).to.equal('2.28');
    expect(needs.libraries).to.deep.equal([
      ...['ld-linux-x86-64.so.2', 'libc.so.6', 'libdl.so.2', 'libgcc_s.so.1', 'libm.so.6', 'libpthread.so.0'],
      ...['librt.so.1', 'libstdc++.so.6'],
    ]);
    const native = files.map((file) => file.path).filter((name) => isElf(readFileSync(path.join(contents, name))));
    expect(native).to.deep.equal([
      ...['bin/node', 'lib/native/duckdb.node', 'lib/native/koffi.node', 'lib/native/lib_lightgbm.so'],
      ...['lib/native/libduckdb.so', 'lib/native/libgomp-e985bcbb.so.1.0.0', 'lib/native/libgomp.so.1'],
      'lib/native/libxgboost.so',
    ]);
    const gomp = readElfNeeds(readFileSync(path.join(contents, 'lib/native/libgomp.so.1')), 'libgomp.so.1');
    expect([...gomp.versions.values()].flat()).to.not.include('GLIBC_2.34');
  });

  it('is built once: the second call finds it', () => {
    const again = bundle();
    expect(again).to.deep.equal({ file: archive, isCached: true, record });
  });

  it('has the same bytes when it is built anew elsewhere', () => {
    const again = bundle('--cache', path.join(folder, 'other-cache'));
    expect(again.isCached).to.equal(false);
    expect(again.record).to.deep.equal(record);
    expect(sha256(readFileSync(again.file))).to.equal(record.sha256);
  });

  it('runs a worker that rests in 150 MB, and trains the model that the source trains', async () => {
    const { api } = cluster;
    const own = { 'worker.childIdleMs': '100' };
    const fromArchive = cluster.startWorker('', own, launch);
    await fromArchive.until('registered', ({ event }) => event === 'worker_registered');
    const [registered] = (await api.get('/workers', pageOf(WorkerEntry))).data;
    expect(registered?.archiveSha256).to.equal(record.manifest.contentSha256);
    const ready = memoryOf(fromArchive.pid);
    expect(ready.processCount).to.equal(2);
    expect(ready.virtualBytes).to.be.lessThan(VIRTUAL_RATIO * 1024 * MIB);
    expect(strangersIn(fromArchive.pid)).to.deep.equal([]);
    await fromArchive.until('rest', ({ event }) => event === 'child_rested');
    const idle = memoryOf(fromArchive.pid);
    expect(idle.processCount).to.equal(1);
    expect(idle.residentBytes).to.be.lessThan(IDLE_BYTES_MAX);

    const data = { content: churnCsv(400), fileName: 'churn.csv' };
    const request = { target: 'label', maxModels: 2, mode: 'quick', seed: 1 } as const;
    const one = await modelled(api, data, request);
    const commands = fromArchive.lines.filter(({ event }) => event === 'child_ready');
    expect(commands, 'the first child, and another after the rest').to.have.length.of.at.least(2);
    expect(await cluster.stop(fromArchive)).to.deep.equal({ code: 0, signal: null });

    const fromSource = cluster.startWorker();
    const other = await modelled(api, data, request);
    const hashes = await cluster.contentHashesOf(one.projectId);
    expect(hashes).to.have.length.of.at.least(2);
    expect(await cluster.contentHashesOf(other.projectId)).to.deep.equal(hashes);
    await cluster.stop(fromSource);
  });
});
