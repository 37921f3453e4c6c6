import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { loadConfig } from '#runtime';
import { openDatabase, rawRows, type Database } from '#store';
import { churnCsv } from '../integration/worker/support.ts';
import { Api } from '../support/api.ts';
import { committedFilesAreThere, storedFiles } from '../support/faults/artefacts.ts';
import { readHistory, recordHistory } from '../support/faults/history.ts';
import { violationsOf, writesAreInPlace } from '../support/faults/invariants.ts';
import { leaderboardFollowsFromResults } from '../support/faults/leaderboard.ts';
import { noteRecovery, wentOnAtMs } from '../support/faults/recovery.ts';
import { SLOW, undisturbedHashes } from '../support/faults/runs.ts';
import { newProject, startAutopilot } from '../support/modelling.ts';
import { freePorts, startPlatform, type TestPlatform } from '../support/platform.ts';
import { isAlive, until } from '../support/processes.ts';

const FLAGS = [
  '--queue.leaseMs=2000',
  '--queue.beatMs=500',
  '--queue.reaperIntervalMs=200',
  '--queue.backoffMs=100',
  '--workers=2',
];

describe('faults: everything killed at once', function () {
  this.timeout(180_000);
  let dataDir = '';
  let platform: TestPlatform;
  let database: Database;

  before(async () => {
    await undisturbedHashes(SLOW);
    dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-killed-'));
  });
  after(async () => {
    await database.close();
    await platform.close();
    rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
  });

  it('`up` started again goes on with the run, to the same models', async () => {
    const [port = 0, predictionPort = 0] = await freePorts(2);
    const start = () => startPlatform({ dataDir, ports: [port, predictionPort], flags: FLAGS });
    platform = await start();
    const api = new Api(platform.url, platform.adminKey);
    const { config } = loadConfig({ env: {}, flags: { dataDir } });
    database = await openDatabase(config.database);
    await recordHistory(database);
    const datasetId = await api.dataset({ content: churnCsv(SLOW.rowCount), fileName: 'churn.csv' });
    const projectId = await newProject(api, datasetId);
    const job = await startAutopilot(api, projectId, SLOW.request);
    await until(
      'a task in work',
      async () =>
        (await rawRows(database, `select id from task where kind = 'train' and state = 'RUNNING'`)).length > 0,
    );

    const all = platform.processes();
    expect(all.length).to.be.greaterThan(5);
    for (const pid of [platform.pid, ...all.map((entry) => entry.pid)]) {
      try {
        process.kill(pid, 'SIGKILL');
      } catch (err) {
        // A child whose parent was first is told by the kernel.
        if ((err as NodeJS.ErrnoException).code !== 'ESRCH') throw err; // process.kill throws system errors only
      }
    }
    const killedAtMs = Date.now();
    await until('the end of everything', () => !all.some(isAlive));

    platform = await start();
    noteRecovery('everything killed at once', Date.now() - killedAtMs, '`up` is healthy again');
    await api.succeeded(job);
    const history = await readHistory(database);
    noteRecovery('everything killed at once', (wentOnAtMs(history, killedAtMs) ?? NaN) - killedAtMs);
    const rows = await rawRows<{ content_hash: string }>(
      database,
      'select content_hash from models where project_id = ?',
      [projectId],
    );
    expect(rows.map(({ content_hash }) => content_hash).sort()).to.deep.equal(await undisturbedHashes(SLOW));
    const objectsDir = config.objectStore.root;
    const found = [
      ...violationsOf(history, { chargedAttemptsMax: config.queue.chargedAttemptsMax }),
      ...committedFilesAreThere(history, objectsDir),
      ...writesAreInPlace(history, storedFiles(objectsDir), killedAtMs),
      ...(await leaderboardFollowsFromResults(api, database, history, projectId)),
    ];
    expect(found, found.join('\n')).to.deep.equal([]);
  });
});
