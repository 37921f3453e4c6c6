import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { migrate, MIGRATIONS, openDatabase, readSchemaVersion, SCHEMA_VERSION, type Database } from '#store';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { cliArguments } from '../../support/platform.ts';
import { until } from '../../support/processes.ts';

for (const client of ['sqlite', 'postgres'] as const)
  describe(`an app server that starts on an older or newer schema, ${client}`, function () {
    this.timeout(60_000);
    let folder: string;
    let server: TestDatabase | null = null;
    let database: Database;
    let words: string[];

    beforeEach(async () => {
      folder = mkdtempSync(path.join(tmpdir(), 'trainyard-migration-'));
      server = client === 'postgres' ? await createDatabase() : null;
      const file = path.join(folder, 'trainyard.db');
      const url = server?.url ?? '';
      database = await openDatabase({ client, file, url, poolMax: 2, statementTimeoutMs: 10_000 });
      await migrate(database, MIGRATIONS.slice(0, 2));
      words = ['server', '--data-dir', folder, '--port', '0'];
      if (server !== null) words.push('--database.client', 'postgres', '--database.url', server.url);
    });
    afterEach(async () => {
      await database.close();
      await server?.close();
      rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
    });

    it('leaves the schema as it was when it is killed in the middle of the migration, and completes it afterwards', async () => {
      const killed = spawnSync(process.execPath, cliArguments(...words), {
        encoding: 'utf8',
        timeout: 30_000,
        env: { ...process.env, TRAINYARD_FAILPOINTS: 'store.migrate.step=kill' },
      });
      expect(killed.status, killed.stderr).to.equal(128);
      expect(await readSchemaVersion(database)).to.equal(2);
      const child = spawn(process.execPath, cliArguments(...words), { stdio: ['pipe', 'pipe', 'pipe'] });
      try {
        await started(child);
        expect(await readSchemaVersion(database)).to.equal(SCHEMA_VERSION);
      } finally {
        await ended(child);
      }
    });

    it('refuses a newer schema with a sentence and the exit code of its error, and changes nothing', async () => {
      await migrate(database);
      await database.knex('schema_version').insert({ version: SCHEMA_VERSION + 1, name: 'future', applied_at: 0 });
      const { status, stderr } = spawnSync(process.execPath, cliArguments(...words), {
        encoding: 'utf8',
        timeout: 30_000,
      });
      expect(status).to.equal(10);
      const sentence = `the database has schema version ${SCHEMA_VERSION + 1}, this program knows ${SCHEMA_VERSION}`;
      expect(stderr).to.include('SCHEMA_TOO_NEW').and.to.include(sentence);
      expect(await readSchemaVersion(database)).to.equal(SCHEMA_VERSION + 1);
    });
  });

async function started(child: ChildProcess): Promise<void> {
  let text = '';
  child.stdout?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  child.stderr?.on('data', () => undefined);
  await until('the app server’s address', () => text.includes('Trainyard app server: '));
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await exit;
}
