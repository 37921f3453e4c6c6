import { createHash } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { AssignmentFeed, Deployment, isAppError, Job, parse, type ErrorCode } from '#contracts';
import { HttpClient, KEY_FILES, readSecret } from '#runtime';
import { getTask, openDatabase, rawRows, readTables, type Database } from '#store';
import { backUpTo, Installation, Place, restoreFrom, say, type Client, type Contents } from './installation.ts';

const CLIENTS: readonly Client[] = ['sqlite', 'postgres'];

async function codeOf(work: Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await work;
    return null;
  } catch (err) {
    if (isAppError(err)) return err.code;
    throw err;
  }
}

/** Everything a database holds, but what is only about who is alive. */
async function rowsOf(database: Database, tables: readonly string[]): Promise<Record<string, unknown>> {
  const found: Record<string, unknown> = {};
  for (const table of tables) {
    const rows = await rawRows(database, `select * from ${table}`);
    found[table] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return found;
}

async function feedOf({ server, place }: Installation): Promise<AssignmentFeed> {
  const http = new HttpClient({ baseUrl: server.url });
  const token = readSecret(path.join(place.config.keys.dir, KEY_FILES.predictionServerToken));
  const { json } = await http.request({ method: 'GET', path: '/internal/v1/assignments?after=-1', token });
  http.close();
  return parse(AssignmentFeed, json, 'feed');
}

for (const from of CLIENTS) describe(`a backup of an installation on ${from}`, () => backupCases(from));

function backupCases(client: Client): void {
  let source: Place;
  let contents: Contents;
  let folder: string;
  let board: unknown[];
  let feed: AssignmentFeed;
  let rows: Record<string, unknown>;
  /** Tables whose rows come back as they were. */
  const SAME = [
    'users',
    'api_keys',
    'datasets',
    'dataset_profiles',
    'projects',
    'models',
    'result',
    'task_seal',
    'job',
  ];

  before(async function () {
    this.timeout(60_000);
    source = await Place.make(client);
    const first = await Installation.start(source);
    try {
      contents = await first.fill();
      folder = source.beside('backup');
      await backUpTo(source, folder);
      rows = await rowsOf(first.server.database, SAME);
      board = await first.board(contents.projectId);
      feed = await feedOf(first);
      // What the former life does after the backup: the held task ends, others are claimed.
      await say(first.server.url, contents.held, 'beat');
    } finally {
      await first.close();
    }
  });
  after(() => source.close());

  it('is a private folder whose manifest says what it is', () => {
    const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as Record<string, unknown>;
    expect(manifest).to.include({ kind: 'trainyard-backup', formatVersion: 1, dialect: client, withKeys: true });
    expect(statSync(folder).mode & 0o777).to.equal(0o700);
    for (const member of ['manifest.json', 'members.ndjson', 'keys/signing.key', 'tables/users.ndjson'])
      expect(statSync(path.join(folder, member)).mode & 0o777, member).to.equal(0o600);
  });

  it('holds no session, no recorded answer and nobody who was alive', () => {
    const members = readFileSync(path.join(folder, 'members.ndjson'), 'utf8');
    for (const table of ['sessions', 'idempotency_keys', 'leader', 'worker', 'prediction_servers', 'schema_version'])
      expect(members).not.to.include(`tables/${table}.ndjson`);
  });

  for (const target of CLIENTS) {
    it(`comes back on ${target} as it was, and goes on`, async function () {
      this.timeout(60_000);
      const place = await Place.make(target);
      try {
        const report = await restoreFrom(folder, place);
        expect(report.newLife.heldCount).to.equal(1);
        expect(report.needsKeys).to.equal(false);
        const opened = await openDatabase({ ...place.config.database, readOnly: true });
        expect(await rowsOf(opened, SAME)).to.deep.equal(rows);
        await opened.close();
        const second = await Installation.start(place);
        try {
          await goesOn(second);
        } finally {
          await second.close();
        }
      } finally {
        await place.close();
      }
    });
  }

  async function goesOn(second: Installation): Promise<void> {
    const { held, projectId, openProjectId, openJobId, waitingJobId, deploymentId } = contents;
    expect(await second.board(projectId)).to.deep.equal(board);
    // The holder of the former life is refused whatever it says, and its task is free again under a far higher fence.
    for (const verb of ['beat', 'resume', 'start'] as const)
      expect(await codeOf(say(second.server.url, held, verb)), verb).to.be.oneOf([
        'TASK_FENCED',
        'LEASE_TOKEN_INVALID',
      ]);
    // What was being cancelled is, as soon as its holder says a word.
    await say(second.server.url, contents.cancelled, 'beat');
    expect((await second.api.get(`/jobs/${contents.cancelledJobId}`, Job)).state).to.equal('cancelled');
    const task = await getTask(second.server.database, held.taskId);
    expect(task).to.include({ state: 'READY', workerId: null, leaseUntil: null });
    expect(task?.fence).to.be.greaterThan(held.fence + 1_000_000);
    // Prediction servers of the former life take the new records for newer ones, and they verify by the same key.
    const again = await feedOf(second);
    expect(again.sequence).to.be.greaterThan(feed.sequence);
    expect(again.publicKey).to.equal(feed.publicKey);
    expect(again.deployments[0]?.sequence).to.be.greaterThan(feed.deployments[0]?.sequence ?? Infinity);
    // The run and the upload that were under way come to their ends.
    await second.worker.workAll();
    for (const id of [openJobId, waitingJobId])
      expect((await second.api.get(`/jobs/${id}`, Job)).state).to.equal('succeeded');
    const hashes = (entries: unknown[]) =>
      (entries as { contentHash: string }[]).map(({ contentHash }) => contentHash).sort();
    expect(hashes(await second.board(openProjectId))).to.deep.equal(hashes(board));
    // New rows get new numbers, and a deployment can be changed.
    const changed = await second.api.call('PATCH', `/deployments/${deploymentId}`, 200, Deployment, {
      json: { name: 'renamed' },
    });
    expect(changed.name).to.equal('renamed');
  }

  it('has every object that it names, byte by byte', async () => {
    const lines = readFileSync(path.join(folder, 'members.ndjson'), 'utf8').trimEnd().split('\n');
    const members = lines.map((line) => JSON.parse(line) as { path: string; sha256: string; sizeBytes: number });
    expect(new Set(members.map((member) => member.path)).size).to.equal(members.length);
    for (const member of members) {
      const bytes = readFileSync(path.join(folder, member.path));
      expect(createHash('sha256').update(bytes).digest('hex')).to.equal(member.sha256);
      if (member.path.startsWith('objects/'))
        expect(
          readFileSync(path.join(source.config.objectStore.root, member.path.slice('objects/'.length))).equals(bytes),
        ).to.equal(true);
    }
    expect(members.filter(({ path: member }) => member.startsWith('objects/models/'))).to.have.length.of.at.least(4);
    expect(members.some(({ path: member }) => member.startsWith('objects/uploads/'))).to.equal(true);
  });

  it('holds every table of the schema but those about who is alive', async () => {
    const opened = await openDatabase({ ...source.config.database, readOnly: true });
    const tables = (await readTables(opened)).map(({ name }) => name);
    await opened.close();
    const manifest = JSON.parse(readFileSync(path.join(folder, 'manifest.json'), 'utf8')) as {
      tables: { name: string }[];
    };
    const left = tables.filter((name) => !manifest.tables.some((table) => table.name === name));
    expect(left.sort()).to.deep.equal(
      [
        ...['idempotency_keys', 'leader', 'prediction_servers', 'schema_version', 'sessions', 'worker'],
        ...['yarn_application', 'yarn_container', 'yarn_node'],
      ].sort(),
    );
  });
}
