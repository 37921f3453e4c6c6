import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buffer } from 'node:stream/consumers';
import { expect } from 'chai';
import type { ArchiveRecord } from '#contracts';
import { inMemory } from '../../../../../appserver/server/packages/byte-source.ts';
import { packageFile } from '../../../../../appserver/server/packages/package-file.ts';
import { createPackageRuntimes } from '../../../../../appserver/server/packages/runtime.ts';
import { sha256 } from '../../../../support/serving/models.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const BYTES = Buffer.from('an archive');
const signal = new AbortController().signal;

describe('packages: runtime', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-package-runtime-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const recordOf = (program: 'worker' | 'prediction-server' = 'prediction-server'): ArchiveRecord => ({
    fileName: 'runtime.tar.gz',
    sizeBytes: BYTES.length,
    sha256: sha256(BYTES),
    manifest: {
      format: 1,
      program,
      version: '0.1.0',
      platform: 'linux-x64',
      nodeVersion: '24.0.0',
      contentSha256: sha256('contents'),
      needs: { glibc: '2.28', glibcxx: null, libraries: [] },
      files: [],
    },
  });
  /** Writes archive and record; their paths. */
  function put(record: unknown = recordOf(), bytes: Uint8Array = BYTES): { archive: string; record: string } {
    const files = { archive: path.join(folder, 'runtime.tar.gz'), record: path.join(folder, 'runtime.json') };
    writeFileSync(files.archive, bytes);
    writeFileSync(files.record, JSON.stringify(record));
    return files;
  }
  const nowhere = { record: '/nowhere/package-runtime.json' };

  it('is that of the configuration, by its archive or its record', async () => {
    const { archive, record } = put();
    for (const configured of [archive, record])
      expect((await createPackageRuntimes(configured, nowhere).find()).file).to.equal(archive);
  });

  it('lies beside the programs, or is built by a program', async () => {
    const { archive, record } = put();
    expect((await createPackageRuntimes('', { record }).find()).file).to.equal(archive);
    const build = path.join(folder, 'build');
    const output = JSON.stringify({ file: archive, isCached: true, ...recordOf() });
    writeFileSync(
      build,
      `#!/bin/sh\necho >>'${build}.log'; [ "$*" = '--package-runtime --json' ] && cat <<'END'\n${output}\nEND\n`,
    );
    chmodSync(build, 0o755);
    const runtimes = createPackageRuntimes('', { build });
    const [first, second] = await Promise.all([runtimes.find(), runtimes.find()]);
    expect(second, 'is built once').to.equal(first);
    expect(readFileSync(`${build}.log`, 'utf8')).to.equal('\n');
    expect(first.file).to.equal(archive);
    expect(await runtimes.find(), 'is remembered').to.equal(first);
    rmSync(archive);
    await appErrorOf('PACKAGE_RUNTIME_MISSING', () => runtimes.find());
    put();
    expect((await runtimes.find()).file, 'is looked for again').to.equal(archive);
  });

  it('is refused where it is missing, no record, another program’s, of another size, or cannot be built', async () => {
    await appErrorOf('PACKAGE_RUNTIME_MISSING', () => createPackageRuntimes('', nowhere).find());
    for (const [record, bytes] of [
      [{}, BYTES],
      [recordOf('worker'), BYTES],
      [recordOf(), BYTES.subarray(1)],
    ] as const) {
      const { archive } = put(record, bytes);
      await appErrorOf('PACKAGE_RUNTIME_MISSING', () => createPackageRuntimes(archive, nowhere).find());
    }
    await appErrorOf('PACKAGE_RUNTIME_MISSING', () => createPackageRuntimes('', { build: '/bin/false' }).find());
    const build = path.join(folder, 'build');
    writeFileSync(build, "#!/bin/sh\necho first >&2\necho 'no space left' >&2\nexit 1\n", { mode: 0o755 });
    const { message } = await appErrorOf('PACKAGE_RUNTIME_MISSING', () => createPackageRuntimes('', { build }).find());
    expect(message).to.equal(`${build} --package-runtime failed: no space left`);
  });

  it('ends a package as it is; one whose bytes are others is refused', async () => {
    const { archive } = put();
    const entries = [{ path: 'a', mode: 0o644, content: inMemory(Buffer.from('1')) }];
    const runtime = await createPackageRuntimes(archive, nowhere).find();
    const { sizeBytes, sha256: hash, read } = await packageFile(entries, runtime, signal);
    const bytes = await buffer(read(0, sizeBytes));
    expect([bytes.length, sha256(bytes)]).to.deep.equal([sizeBytes, hash.toString('hex')]);
    expect(bytes.subarray(sizeBytes - BYTES.length).equals(BYTES)).to.equal(true);
    for (const [start, end] of [
      [0, 1],
      [5, sizeBytes - 2],
      [sizeBytes - BYTES.length - 1, sizeBytes - BYTES.length + 1],
      [sizeBytes - 3, sizeBytes - 1],
    ] as const)
      expect((await buffer(read(start, end))).equals(bytes.subarray(start, end)), `${start}-${end}`).to.equal(true);
    put(recordOf(), Buffer.from('An archive'));
    const other = await createPackageRuntimes(archive, nowhere).find();
    await appErrorOf('PACKAGE_RUNTIME_MISSING', () => packageFile(entries, other, signal));
  });
});
