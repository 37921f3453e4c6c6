import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { Client } from 'pg';
import { createDatabase, startPostgres } from '../../support/postgres.ts';

const START_LIMIT_MS = 60_000;
const STOP_LIMIT_MS = 15_000;
const HELPER = path.resolve(import.meta.dirname, '../../support/postgres.ts');

async function withClient<T>(url: string, use: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

async function single(url: string, statement: string): Promise<unknown> {
  return withClient(url, async (client) => {
    const answer = await client.query<{ value: unknown }>(statement);
    return answer.rows[0]?.value;
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('support/postgres', function () {
  this.timeout(START_LIMIT_MS);

  it('gives each caller an empty database of its own on one server', async () => {
    const [first, second] = await Promise.all([createDatabase(), createDatabase()]);
    try {
      expect(new URL(first.url).host).to.equal(new URL(second.url).host);
      expect(first.url).not.to.equal(second.url);
      await withClient(first.url, (client) => client.query('create table only_here (id bigint primary key)'));
      const count = `select count(*)::int as value from pg_tables where tablename = 'only_here'`;
      expect(await single(first.url, count)).to.equal(1);
      expect(await single(second.url, count)).to.equal(0);
      expect(await single(first.url, `select current_setting('server_version_num')::int as value`)).to.be.gte(140000);
      expect(await single(first.url, `select current_setting('fsync') as value`)).to.equal('off');
    } finally {
      await first.close();
      await second.close();
    }
  });

  it('drops a database that still has a connection', async () => {
    const database = await createDatabase();
    const client = new Client({ connectionString: database.url });
    // The server ends this connection, which is the point.
    client.on('error', () => undefined);
    await client.connect();
    await database.close();
    const failure = await single(database.url, 'select 1 as value').then(
      () => 'connected',
      (err: unknown) => String(err),
    );
    expect(failure).to.match(/database "test_\d+" does not exist/);
  });

  it('refuses a wrong password', async () => {
    const database = await createDatabase();
    try {
      const wrong = new URL(database.url);
      wrong.password = 'wrong';
      const failure = await single(wrong.href, 'select 1 as value').then(
        () => 'connected',
        (err: unknown) => String(err),
      );
      expect(failure).to.include('password authentication failed');
    } finally {
      await database.close();
    }
  });

  it('leaves neither process nor folder after close, and applies settings', async () => {
    const server = await startPostgres({ fsync: true, settings: { max_connections: '20' } });
    expect(isAlive(server.pid)).to.equal(true);
    expect(await single(server.url, `select current_setting('fsync') as value`)).to.equal('on');
    expect(await single(server.url, `select current_setting('max_connections') as value`)).to.equal('20');
    await server.close();
    expect(isAlive(server.pid)).to.equal(false);
    expect(existsSync(server.folder)).to.equal(false);
  });

  it('leaves neither process nor folder when the test process is killed', async () => {
    const program = `
      const { startPostgres } = await import(${JSON.stringify(HELPER)});
      const server = await startPostgres();
      console.log(JSON.stringify({ pid: server.pid, folder: server.folder }));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const server = JSON.parse(line.toString()) as { pid: number; folder: string };
    expect(isAlive(server.pid)).to.equal(true);
    child.kill('SIGKILL');
    const deadline = performance.now() + STOP_LIMIT_MS;
    while ((isAlive(server.pid) || existsSync(server.folder)) && performance.now() < deadline) await delay(20);
    expect({ process: isAlive(server.pid), folder: existsSync(server.folder) }).to.deep.equal({
      process: false,
      folder: false,
    });
  });

  it('lets a process end that never closes it', async () => {
    const program = `
      const { createDatabase } = await import(${JSON.stringify(HELPER)});
      await createDatabase();
      console.log('ready');`;
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    expect(code).to.equal(0);
  });
});
