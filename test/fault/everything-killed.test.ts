import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { KEY_FILES, loadConfig } from '#runtime';
import { openDatabase, rawRows, type Database } from '#store';
import { LEADER_LEASE_MS } from '../../appserver/server/duties/index.ts';
import { churnCsv } from '../integration/worker/support.ts';
import { Api } from '../support/api.ts';
import { committedFilesAreThere, Scanner, storedFiles } from '../support/faults/artefacts.ts';
import { secretsStaySecret } from '../support/faults/canaries.ts';
import { readHistory, recordHistory } from '../support/faults/history.ts';
import { REQUEUE_SLACK_MS, requeuedInTime, violationsOf, writesAreInPlace } from '../support/faults/invariants.ts';
import { leaderboardFollowsFromResults } from '../support/faults/leaderboard.ts';
import { noteRecovery, wentOnAtMs } from '../support/faults/recovery.ts';
import { SLOW, undisturbedHashes } from '../support/faults/runs.ts';
import { newProject, startAutopilot } from '../support/modelling.ts';
import { freePorts, startPlatform, type TestPlatform } from '../support/platform.ts';
import { isAlive, until } from '../support/processes.ts';

const LEASE_MS = 2_000;
const BEAT_MS = 500;
/** How long a worker that lost its task may go on writing. */
const QUIET_MS = BEAT_MS + 2_000;
const FLAGS = [
  `--queue.leaseMs=${LEASE_MS}`,
  `--queue.beatMs=${BEAT_MS}`,
  '--queue.reaperIntervalMs=200',
  '--queue.backoffMs=100',
  '--workers=2',
  '--autopilot.insights=none',
];

describe('faults: everything killed at once', function () {
  this.timeout(180_000);
  let dataDir = '';
  let platform: TestPlatform;
  let database: Database;
  let scanner: Scanner;

  before(async () => {
    await undisturbedHashes(SLOW);
    dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-killed-'));
  });
  after(async () => {
    await scanner.close();
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
    const objectsDir = config.objectStore.root;
    scanner = new Scanner(database, objectsDir);
    const datasetId = await api.dataset({ content: churnCsv(SLOW.rowCount), fileName: 'churn.csv' });
    const projectId = await newProject(api, datasetId);
    const job = await startAutopilot(api, projectId, SLOW.request);
    await until(
      'a task in work',
      async () =>
        (await rawRows(database, `select id from task where kind = 'train' and state = 'RUNNING'`)).length > 0,
    );

    const all = platform.processes();
    const victims = (await rawRows<{ id: string }>(database, 'select id from worker')).map(({ id }) => id);
    const commands = all.map(({ command }) => command);
    const firstLog = platform.output();
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
    const backAtMs = Date.now();
    noteRecovery('everything killed at once', backAtMs - killedAtMs, {
      what: '`up` is healthy again',
      limitMs: 60_000,
    });
    await api.succeeded(job);
    const history = await readHistory(database);
    noteRecovery('everything killed at once', (wentOnAtMs(history, killedAtMs) ?? NaN) - killedAtMs, {
      limitMs: 70_000,
    });
    const rows = await rawRows<{ content_hash: string }>(
      database,
      'select content_hash from models where project_id = ?',
      [projectId],
    );
    expect(rows.map(({ content_hash }) => content_hash).sort()).to.deep.equal(await undisturbedHashes(SLOW));
    await scanner.nextPass();
    // Until an app server is back nobody can be given anything.
    const requeueMsMax = backAtMs - killedAtMs + LEADER_LEASE_MS + LEASE_MS + REQUEUE_SLACK_MS;
    const keyFile = (name: string) => readFileSync(path.join(dataDir, 'keys', name), 'utf8').trim();
    const found = [
      ...violationsOf(history, { chargedAttemptsMax: config.queue.chargedAttemptsMax }),
      ...committedFilesAreThere(history, objectsDir),
      ...requeuedInTime(history, [{ workerIds: victims, atMs: killedAtMs, limitMs: requeueMsMax }]),
      ...scanner.violations,
      ...writesAreInPlace(history, storedFiles(objectsDir), { disturbedUntilMs: killedAtMs, quietMs: QUIET_MS }),
      ...secretsStaySecret(
        {
          'admin key': platform.adminKey,
          'pool secret': keyFile(KEY_FILES.poolSecret),
          'token of prediction servers': keyFile(KEY_FILES.predictionServerToken),
        },
        {
          logs: { 'the log of the first life': firstLog, 'the log of the second life': platform.output() },
          commands,
          pids: [platform.pid, ...platform.processes().map(({ pid }) => pid)],
          objectsDir,
        },
      ),
      ...(await leaderboardFollowsFromResults(api, database, history, projectId)),
    ];
    expect(found, found.join('\n')).to.deep.equal([]);
    expect(victims, 'workers that were killed').to.have.length(2);
    expect(scanner.openedCount, 'what the scanner opened').to.be.greaterThan(rows.length);
  });
});
