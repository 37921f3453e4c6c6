import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { expect } from 'chai';
import { ERROR_TABLE, isAppError, type ErrorCode } from '#contracts';
import { loadConfig } from '#runtime';
import { SCHEMA_VERSION } from '#store';
import { cliArguments } from '../../support/platform.ts';
import { until } from '../../support/processes.ts';
import { backUpTo, Installation, Place, restoreFrom, type Contents } from './installation.ts';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function trainyard(words: readonly string[], env: Readonly<Record<string, string>> = {}): Outcome {
  return spawnSync(process.execPath, cliArguments(...words), {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, ...env },
  });
}

/** The work must be refused with this code, and say all of this in its message or its list of errors. */
async function fails(work: Promise<unknown>, code: ErrorCode, ...says: readonly string[]): Promise<void> {
  const err = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!isAppError(err)) throw new Error(`expected ${code}, found ${String(err)}`, { cause: err });
  const text = [err.message, ...err.errors.map(({ path: at, message }) => `${at}: ${message}`)].join('\n');
  expect(err.code, text).to.equal(code);
  for (const part of says) expect(text, text).to.include(part);
}

/** Configuration of a data folder. */
const at = (dataDir: string, flags: Readonly<Record<string, string>> = {}) =>
  loadConfig({ env: {}, flags: { dataDir, ...flags } });

/** The command must be refused with this code, and say all of this. */
function refused(words: readonly string[], code: ErrorCode, ...says: readonly string[]): void {
  const { status, stdout, stderr } = trainyard(words);
  expect(stderr, words.join(' ')).to.include(`(${code})`);
  for (const text of says) expect(stderr, words.join(' ')).to.include(text);
  expect(status).to.equal(ERROR_TABLE[code].exitCode);
  expect(stdout).to.equal('');
}

describe('trainyard backup and restore: what they refuse', function () {
  this.timeout(120_000);
  let source: Place;
  let contents: Contents;
  /** A whole backup that tests copy and break. */
  let good: string;
  let counter = 0;

  before(async () => {
    source = await Place.make('sqlite');
    const installation = await Installation.start(source);
    contents = await installation.fill();
    await installation.close();
    good = source.beside('good');
    await backUpTo(source, good);
  });
  after(() => source.close());

  const fresh = (name: string): string => source.beside(`${name}-${(counter += 1)}`);
  const copyOf = (folder: string, name: string): string => {
    const copy = fresh(name);
    cpSync(folder, copy, { recursive: true });
    return copy;
  };
  /** A copy of the data folder whose database was changed by a statement. */
  const changed = (statement: string): string => {
    const dataDir = copyOf(source.dataDir, 'changed');
    const database = new SqliteDatabase(path.join(dataDir, 'trainyard.db'));
    database.exec(statement);
    database.close();
    return dataDir;
  };
  /** Names beside the data folder that a backup in the making has. */
  const partials = (): string[] => readdirSync(path.dirname(source.dataDir)).filter((name) => name.includes('partial'));
  const membersOf = (folder: string): { path: string; sizeBytes: number; sha256: string }[] =>
    readFileSync(path.join(folder, 'members.ndjson'), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { path: string; sizeBytes: number; sha256: string });
  /** A copy of the good backup with another list of members, the manifest fitting it, and other facts in the manifest. */
  const forged = (members: readonly unknown[], facts: Readonly<Record<string, unknown>> = {}): string => {
    const folder = copyOf(good, 'forged');
    const text = members.map((member) => `${JSON.stringify(member)}\n`).join('');
    writeFileSync(path.join(folder, 'members.ndjson'), text);
    const file = path.join(folder, 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as { members: object };
    const sha256 = createHash('sha256').update(text).digest('hex');
    writeFileSync(file, JSON.stringify({ ...manifest, members: { ...manifest.members, sha256 }, ...facts }));
    return folder;
  };

  describe('backup', () => {
    const words = (to: string, dataDir = source.dataDir): string[] => ['backup', '--to', to, '--data-dir', dataDir];

    it('says what is wrong with its arguments', () => {
      refused(['backup'], 'BAD_REQUEST', '--to is missing');
      refused([...words(fresh('b')), '--colour', 'red'], 'CONFIG_INVALID', 'colour (flag) is not a known key');
      refused([...words(fresh('b')), '--from', good], 'CONFIG_INVALID', 'from (flag) is not a known key');
    });

    const failing = (to: string, dataDir: string, code: ErrorCode, ...says: readonly string[]): Promise<void> =>
      fails(backUpTo(at(dataDir), to), code, ...says);

    it('refuses a target that it cannot make, or that is in use', async () => {
      await failing('/nowhere/at/all', source.dataDir, 'BAD_REQUEST', '/nowhere/at does not exist');
      await failing(good, source.dataDir, 'CONFLICT', 'is not empty', 'keys');
      await failing(path.join(good, 'manifest.json'), source.dataDir, 'CONFLICT', 'is no folder');
      const inside = path.join(source.config.objectStore.root, 'b');
      await failing(inside, source.dataDir, 'BAD_REQUEST', 'which is to be backed up');
    });

    it('refuses what is no installation, or one of a newer version', async () => {
      await failing(fresh('b'), '/nowhere', 'CONFIG_INVALID', '/nowhere/trainyard.db does not exist');
      await failing(fresh('b'), changed('drop table schema_version'), 'CONFIG_INVALID', 'holds no installation');
      const newer = changed(`insert into schema_version values (${SCHEMA_VERSION + 1}, 'future', 0)`);
      await failing(fresh('b'), newer, 'SCHEMA_TOO_NEW', `schema version ${SCHEMA_VERSION + 1}`);
    });

    it('refuses a database of another kind, and one that does not answer', async () => {
      const postgres = (url: string) => at(source.dataDir, { 'database.client': 'postgres', 'database.url': url });
      await fails(backUpTo(postgres('mysql://a@b/c'), fresh('b')), 'CONFIG_INVALID', 'postgres://');
      await fails(backUpTo(postgres('postgres://a:b@127.0.0.1:1/c'), fresh('b')), 'DATABASE_UNAVAILABLE');
    });

    it('names objects that the store has lost or altered, and leaves nothing', async () => {
      const dataDir = copyOf(source.dataDir, 'lost');
      const objects = membersOf(good).filter((member) => member.path.startsWith('objects/models/'));
      const [first = '', second = ''] = objects.map((member) => member.path.slice('objects/'.length));
      writeFileSync(path.join(dataDir, 'objects', first), 'altered');
      await failing(fresh('b'), dataDir, 'ARTIFACT_INVALID', first);
      rmSync(path.join(dataDir, 'objects', second));
      await failing(fresh('b'), dataDir, 'STORE_OBJECT_MISSING', second);
      expect(partials()).to.deep.equal([]);
    });

    it('names what an object store in HDFS lacks', async () => {
      const place = at(source.dataDir, { 'objectStore.driver': 'hdfs' });
      await fails(backUpTo(place, fresh('hdfs')), 'CONFIG_INVALID', 'hadoop.confDir');
      await fails(restoreFrom(good, place), 'CONFIG_INVALID', 'hadoop.confDir');
    });

    it('looks for room before it copies', async () => {
      const dataDir = copyOf(source.dataDir, 'large');
      const upload = membersOf(good).find((member) => member.path.startsWith('objects/uploads/'))?.path ?? '';
      truncateSync(path.join(dataDir, upload), 8e12); // a sparse file
      await failing(fresh('b'), dataDir, 'DISK_FULL', 'of free space');
      expect(partials()).to.deep.equal([]);
    });

    it('that is killed leaves nothing that looks like a backup, and the next one succeeds', () => {
      const to = fresh('b');
      for (const point of ['backup.copied', 'backup.beforeManifest']) {
        const { status, stderr } = trainyard(words(to), { TRAINYARD_FAILPOINTS: `${point}=kill` });
        expect(status, stderr).to.equal(ERROR_TABLE.SHUTTING_DOWN.exitCode);
        expect(stderr).to.include('was killed before it was finished');
        expect(existsSync(to)).to.equal(false);
      }
      const left = partials();
      expect(left).to.have.length(2);
      for (const name of left) {
        const folder = path.join(path.dirname(source.dataDir), name);
        expect(existsSync(path.join(folder, 'manifest.json'))).to.equal(false);
        refused(['restore', '--from', folder, '--data-dir', fresh('r')], 'BACKUP_INVALID', 'is no backup');
        rmSync(folder, { recursive: true });
      }
      const { status, stdout } = trainyard([...words(to), '--json']);
      expect(status).to.equal(0);
      expect(JSON.parse(stdout)).to.include({ folder: to, dialect: 'sqlite', withKeys: true });
    });

    it('that is interrupted takes away what it has written', async () => {
      const to = fresh('b');
      const child = spawn(process.execPath, cliArguments(...words(to)), {
        stdio: ['ignore', 'ignore', 'pipe'],
        env: { ...process.env, TRAINYARD_FAILPOINTS: 'backup.copied=pause:500' },
      });
      let text = '';
      child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await until('a backup in the making', () => partials().length > 0);
      child.kill('SIGTERM');
      expect(await ended).to.equal(ERROR_TABLE.SHUTTING_DOWN.exitCode);
      expect(text).to.include('SHUTTING_DOWN');
      expect([partials(), existsSync(to)]).to.deep.equal([[], false]);
    });
  });

  describe('restore', () => {
    const failing = async (from: string, code: ErrorCode, ...says: readonly string[]): Promise<void> => {
      const dataDir = fresh('r');
      await fails(restoreFrom(from, at(dataDir)), code, ...says);
      expect(existsSync(dataDir), 'nothing was written').to.equal(false);
    };

    it('refuses what is no backup', async () => {
      refused(['restore', '--data-dir', fresh('r')], 'BAD_REQUEST', '--from is missing');
      await failing('/nowhere', 'BAD_REQUEST', '/nowhere does not exist');
      await failing(source.dataDir, 'BACKUP_INVALID', 'is no backup');
      const folder = copyOf(good, 'cut');
      truncateSync(path.join(folder, 'manifest.json'), 20);
      await failing(folder, 'BACKUP_INVALID', 'manifest.json is missing or cannot be read');
    });

    it('refuses a newer schema and another format', async () => {
      const members = membersOf(good);
      await failing(forged(members, { schemaVersion: SCHEMA_VERSION + 1 }), 'SCHEMA_TOO_NEW', `${SCHEMA_VERSION + 1}`);
      await failing(forged(members, { formatVersion: 2 }), 'BACKUP_INVALID', 'formatVersion');
    });

    it('names every file that is missing or damaged before it writes anything', async () => {
      const folder = copyOf(good, 'damaged');
      const [first = '', second = ''] = membersOf(folder)
        .filter(({ sizeBytes }) => sizeBytes > 0)
        .map((member) => path.join(folder, member.path));
      const bytes = readFileSync(first);
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      writeFileSync(first, bytes);
      rmSync(second);
      const last = path.join(folder, 'tables/users.ndjson');
      truncateSync(last, 1);
      const names = [first, second, last].map((file) => path.relative(folder, file));
      await failing(folder, 'BACKUP_INVALID', '3 of its files', ...names, 'is missing', 'expected SHA-256', 'found 1');
      rmSync(path.join(folder, 'members.ndjson'));
      await failing(folder, 'BACKUP_INVALID', 'members.ndjson is missing or damaged');
    });

    it('refuses members that lie outside, tables that are not the schema’s, rows that are none', async () => {
      const members = membersOf(good);
      const outside = { path: '../outside', sizeBytes: 1, sha256: '0'.repeat(64) };
      await failing(forged([...members, outside]), 'BACKUP_INVALID', '../outside');
      const manifest = JSON.parse(readFileSync(path.join(good, 'manifest.json'), 'utf8')) as { tables: object[] };
      await failing(forged(members, { tables: manifest.tables.slice(1) }), 'BACKUP_INVALID', 'has tables');
      const folder = copyOf(good, 'rows');
      const text = '{"id":"u","colour":"red"}\n';
      writeFileSync(path.join(folder, 'tables/users.ndjson'), text);
      const sha256 = createHash('sha256').update(text).digest('hex');
      const altered = members.map((member) =>
        member.path === 'tables/users.ndjson' ? { ...member, sizeBytes: text.length, sha256 } : member,
      );
      const forgedRows = forged(altered);
      cpSync(path.join(folder, 'tables/users.ndjson'), path.join(forgedRows, 'tables/users.ndjson'));
      await failing(forgedRows, 'BACKUP_INVALID', 'table users, line 1', 'colour');
    });

    it('looks for room before it writes', async () => {
      const objects = { count: 1, sizeBytes: 9e15 };
      await failing(forged(membersOf(good), { objects }), 'DISK_FULL', 'of free space');
    });

    it('refuses a place that is not empty and names all that is there', async () => {
      const keys = path.join(source.dataDir, 'keys');
      const work = restoreFrom(good, at(source.dataDir));
      await fails(work, 'CONFLICT', 'database.file', `${keys} holds`, 'signing.key', 'objectStore.root');
    });

    it('that is killed before the database is there leaves no installation', () => {
      const dataDir = fresh('r');
      const words = ['restore', '--from', good, '--data-dir', dataDir];
      const { status } = trainyard(words, { TRAINYARD_FAILPOINTS: 'restore.beforeDatabase=kill' });
      expect(status).to.equal(ERROR_TABLE.SHUTTING_DOWN.exitCode);
      expect(existsSync(path.join(dataDir, 'trainyard.db'))).to.equal(false);
      refused(words, 'CONFLICT', 'objectStore.root');
      rmSync(dataDir, { recursive: true });
      const again = trainyard([...words, '--json']);
      expect(again.status, again.stderr).to.equal(0);
      expect(JSON.parse(again.stdout)).to.deep.include({ dataDir, needsKeys: false });
    });

    it('takes away what it has written when it fails', () => {
      const dataDir = fresh('r');
      const words = ['restore', '--from', good, '--data-dir', dataDir];
      const { status } = trainyard(words, { TRAINYARD_FAILPOINTS: 'restore.beforeDatabase=error' });
      expect(status).to.equal(ERROR_TABLE.INTERNAL.exitCode);
      for (const name of ['objects', 'keys/signing.key', 'trainyard.db'])
        expect(existsSync(path.join(dataDir, name)), name).to.equal(false);
      expect(trainyard(words).status).to.equal(0);
    });
  });

  it('leaves keys out when asked, says so, and takes those that lie ready', () => {
    const to = fresh('b');
    const made = trainyard(['backup', '--to', to, '--data-dir', source.dataDir, '--without-keys']);
    expect(made.stdout).to.include('not in it');
    expect(readdirSync(path.join(to, 'keys'))).to.deep.equal([]);
    const dataDir = fresh('r');
    const without = trainyard(['restore', '--from', to, '--data-dir', dataDir]);
    expect(without.stdout).to.include('put the kept ones into keys.dir before you start');
    rmSync(dataDir, { recursive: true });
    mkdirSync(dataDir);
    cpSync(path.join(source.dataDir, 'keys'), path.join(dataDir, 'keys'), { recursive: true });
    const restored = trainyard(['restore', '--from', to, '--data-dir', dataDir]);
    expect(restored.status, restored.stderr).to.equal(0);
    expect(restored.stdout).to.include('1 that were at work begin again');
    expect(restored.stdout).to.not.include('put the kept ones');
    expect(contents.held.fence).to.equal(1);
  });
});
