import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { expect } from 'chai';
import { isAppError } from '#contracts';
import { FileObjectStore } from '#object-store';
import { skipBecause } from '../../support/skip.ts';
import { TableLab } from '../../support/tables.ts';

describe('ingest: when it cannot end', function () {
  this.timeout(60_000);
  let lab: TableLab;
  before(async () => {
    lab = await TableLab.open();
  });
  after(() => lab.close());

  const rows = Array.from({ length: 200_000 }, (_, i) => `${i},${Math.sin(i)},text ${(i * 7919) % 100_003}\n`);

  for (const full of ['store', 'scratch'] as const) {
    it(`names a full disk under ${full} and leaves nothing there`, async function () {
      const mount = lab.at(`small-${full}`);
      await mkdir(mount);
      try {
        execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', mount], { stdio: 'ignore' });
      } catch {
        skipBecause(this, 'mounting a small file system is not permitted here');
      }
      try {
        const where = full === 'store' ? { outputPath: `${mount}/rows.parquet` } : { scratchDirectory: mount };
        let found: unknown;
        await lab.ingest(`a,b,c\n${rows.join('')}`, 'd.csv', {}, where).catch((err: unknown) => (found = err));
        expect(isAppError(found, 'DISK_FULL'), String(found)).to.be.true;
        expect(await readdir(mount)).to.deep.equal([]);
      } finally {
        execFileSync('umount', [mount]);
      }
    });
  }

  it('killed while writing, it leaves only names that the sweeper takes away', async () => {
    const input = lab.at('in', 'killed.csv');
    await writeFile(input, `a,b,c\n${rows.join('')}`);
    const store = lab.at('killed');
    const script = `
      import { DuckDb, ingest } from ${JSON.stringify(import.meta.resolve('#tables'))};
      const folder = ${JSON.stringify(lab.folder)};
      const duckdb = await DuckDb.open({
        memoryLimitBytes: 500e6, threads: 1, tempDirectory: folder + '/spill', tempDirectoryBytesMax: 1e9, allowedDirectories: [folder],
      });
      const rows = duckdb.rows.bind(duckdb);
      // The first look at what was written: the file is whole, its name is not given yet.
      duckdb.rows = async (sql, signal) => {
        if (!sql.includes('.tmp-')) return rows(sql, signal);
        process.stdout.write('written');
        return new Promise((resolve) => setTimeout(resolve, 60_000));
      };
      await ingest({
        inputPath: ${JSON.stringify(input)}, fileName: 'd.csv', options: {}, duckdb, scratchDirectory: folder + '/scratch',
        outputPath: ${JSON.stringify(`${store}/attempt/rows.parquet`)}, objectPath: 'attempt/rows.parquet',
      });`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');

    const left = await readdir(`${store}/attempt`);
    expect(left).to.have.length(1);
    expect(left[0]).to.match(/^\.tmp-/);
    const objects = new FileObjectStore(store);
    expect(await objects.stat('attempt/rows.parquet')).to.be.null;
    expect(await objects.sweepTemporary(0, { now: Date.now() + 1_000 })).to.equal(1);
    expect(await readdir(`${store}/attempt`)).to.deep.equal([]);
  });
});
