import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { rawRows } from '#store';
import { Lab } from '../support/faults/lab.ts';
import { noteRecovery } from '../support/faults/recovery.ts';
import { expectSameModels, startRun, undisturbedHashes, uploadChurn } from '../support/faults/runs.ts';
import { skipBecause } from '../support/skip.ts';

const DISK_BYTES = 32 * 1024 ** 2;
/** What is left of a full disk: less than any artefact needs. */
const LEFT_BYTES = 4_096;

describe('faults: disk of the object store full while artefacts are written', function () {
  this.timeout(180_000);
  let folder = '';
  let lab: Lab | null = null;
  let datasetId = '';

  before(async function () {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-disk-'));
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      rmSync(folder, { recursive: true });
      folder = '';
      skipBecause(this, 'mounting a small file system is not permitted here');
    }
    await undisturbedHashes();
    lab = await Lab.open({ objectsDir: folder, flags: { 'queue.backoffMs': 1_500 } });
    lab.startWorker();
    datasetId = await uploadChurn(lab);
  });
  after(async () => {
    await lab?.close();
    if (folder === '') return;
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });

  const opened = (): Lab => {
    if (lab === null) throw new Error('there is no small disk');
    return lab;
  };
  // The filler lies among the uploads, which no attempt owns.
  const filler = () => path.join(folder, 'uploads', 'filler');
  const fill = () => {
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(filler(), Buffer.alloc(bavail * bsize - LEFT_BYTES, 1));
  };
  const free = () => truncateSync(filler(), 0);

  const failures = (current: Lab) =>
    rawRows<{ task_id: string; problem: string; path: string }>(
      current.database,
      `select task_id, problem, path from attempt where problem like '%DISK_FULL%'`,
    );

  it('space again after the first failure: the run ends as if nothing had happened', async () => {
    const current = opened();
    fill();
    const run = await startRun(current, datasetId);
    await current.task('a failed attempt', ({ charged, losses }) => Number(charged) + Number(losses) > 0);
    free();
    const freedAtMs = Date.now();
    const failed = await failures(current);
    expect(failed.length).to.be.greaterThan(0);
    await expectSameModels(current, run);
    await current.recovered('disk full while an artefact was written (from when there is space)', freedAtMs, 15_000);
    await current.check();
  });

  it('no space for good: the run fails, names the disk, and shows nothing half-written', async () => {
    const current = opened();
    fill();
    const startedAtMs = Date.now();
    const run = await startRun(current, datasetId);
    const job = await current.settled(run.job.id);
    noteRecovery('disk full for good', Date.now() - startedAtMs, {
      what: 'the run fails and says why',
      limitMs: 45_000,
    });
    expect(job.state).to.equal('failed');
    expect(job.error?.code).to.equal('DISK_FULL');
    expect(JSON.stringify(job.error)).to.include(folder);
    expect((await current.leaderboard(run.projectId)).data).to.deep.equal([]);
    for (const { path: attempt } of await failures(current))
      expect(namesBelow(path.join(folder, attempt)), attempt).to.not.include('manifest.json');
    free();
    await current.check();
    await expectSameModels(current, await startRun(current, datasetId));
    await current.check();
  });
});

function namesBelow(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not even the folder was made
  }
}
