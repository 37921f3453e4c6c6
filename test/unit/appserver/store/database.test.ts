import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { AppError, isAppError, type ErrorCode } from '#contracts';
import {
  insertOrIgnore,
  insertRows,
  isUniqueViolation,
  migrate,
  openDatabase,
  rawRows,
  readClock,
  SCHEMA_VERSION,
  type Database,
  type Migration,
} from '#store';
import { databaseCode, translateDatabaseError } from '../../../../appserver/store/database-errors.ts';

const OPTIONS = { client: 'sqlite', url: '', poolMax: 1, statementTimeoutMs: 5_000 } as const;

async function codeOf(promise: Promise<unknown>): Promise<ErrorCode | null> {
  try {
    await promise;
    return null;
  } catch (err) {
    if (isAppError(err)) return err.code;
    throw err;
  }
}

describe('store/database', () => {
  let folder = '';
  let file = '';
  let database: Database;
  const opened: Database[] = [];
  const open = async (): Promise<Database> => {
    const another = await openDatabase({ ...OPTIONS, file });
    opened.push(another);
    return another;
  };

  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-sqlite-'));
    file = path.join(folder, 'deep', 'test.db');
    database = await open();
    await database.knex.schema.createTable('thing', (table) => {
      table.string('id', 40).primary();
      table.bigInteger('value');
    });
  });
  afterEach(async () => {
    for (const one of opened.splice(0)) await one.close();
    await rm(folder, { recursive: true, force: true });
  });

  it('is readable for its owner only, with its side files', async () => {
    await database.knex('thing').insert({ id: 'a' });
    for (const name of [file, `${file}-wal`, `${file}-shm`])
      expect((await stat(name)).mode & 0o777, name).to.equal(0o600);
  });

  it('syncs commits, checks foreign keys and writes ahead', async () => {
    const pragma = async (name: string) => Object.values((await rawRows(database, `pragma ${name}`))[0] ?? {})[0];
    expect(await pragma('journal_mode')).to.equal('wal');
    expect(await pragma('synchronous')).to.equal(2);
    expect(await pragma('foreign_keys')).to.equal(1);
  });

  it('commits what resolves and rolls back what rejects', async () => {
    await database.transaction((trx) => trx.knex('thing').insert({ id: 'kept' }));
    const failing = database.transaction(async (trx) => {
      await trx.knex('thing').insert({ id: 'lost' });
      throw new AppError('CONFLICT', 'no');
    });
    expect(await codeOf(failing)).to.equal('CONFLICT');
    expect(await database.knex('thing').pluck('id')).to.deep.equal(['kept']);
  });

  it('refuses a transaction or a statement past the open transaction instead of waiting for ever', async () => {
    expect(await codeOf(database.transaction(() => database.transaction(async () => 1)))).to.equal('INTERNAL');
    expect(await codeOf(database.transaction(() => readClock(database)))).to.equal('INTERNAL');
    await database.transaction((trx) => trx.knex('thing').insert({ id: 'after' }));
    expect(await database.knex('thing').pluck('id')).to.deep.equal(['after']);
  });

  it('lets work that was begun in a transaction go on after it', async () => {
    let later: Promise<number> | undefined;
    await database.transaction(async () => {
      later = new Promise((resolve, reject) => {
        setTimeout(() => void readClock(database).then(resolve, reject), 20);
      });
    });
    expect(await later).to.be.a('number');
  });

  it('runs transactions one after the other', async () => {
    await database.knex('thing').insert({ id: 'counter', value: 0 });
    const add = () =>
      database.transaction(async (trx) => {
        const [row] = await rawRows<{ value: number }>(trx, `select value from thing where id = 'counter'`);
        await new Promise((resolve) => setImmediate(resolve));
        await trx.knex('thing').update({ value: (row?.value ?? 0) + 1 });
      });
    await Promise.all(Array.from({ length: 20 }, add));
    expect(await database.knex('thing').pluck('value')).to.deep.equal([20]);
  });

  it('waits for another connection that writes, without blocking the event loop', async () => {
    const other = await open();
    let entered = (): void => undefined;
    const inside = new Promise<void>((resolve) => (entered = resolve));
    let finish = (): void => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    const slow = database.transaction(async (trx) => {
      await trx.knex('thing').insert({ id: 'slow' });
      entered();
      await finished;
    });
    await inside;
    const waiting = other.transaction((trx) => trx.knex('thing').insert({ id: 'waited' }));
    const alone = other.knex('thing').count({ n: '*' });
    setTimeout(finish, 50);
    await Promise.all([slow, waiting]);
    await alone;
    expect((await database.knex('thing').pluck('id')).sort()).to.deep.equal(['slow', 'waited']);
  });

  it('signals after the commit only', async () => {
    const heard: string[] = [];
    const stop = database.listen('job-ended', (key) => void heard.push(key));
    await database.transaction(async (trx) => {
      trx.signal('job-ended', 'one');
      expect(heard).to.deep.equal([]);
    });
    await codeOf(
      database.transaction(async (trx) => {
        trx.signal('job-ended', 'two');
        throw new AppError('CONFLICT', 'no');
      }),
    );
    expect(heard).to.deep.equal(['one']);
    stop();
    await database.transaction(async (trx) => trx.signal('job-ended', 'three'));
    expect(heard).to.deep.equal(['one']);
  });

  it('inserts more rows than a statement takes, and knows a unique key', async () => {
    const rows = Array.from({ length: 1_234 }, (_, index) => ({ id: `r${index}`, value: index }));
    await insertRows(database, 'thing', rows);
    expect(await database.knex('thing').count({ n: '*' })).to.deep.equal([{ n: 1_234 }]);
    expect(await insertOrIgnore(database, 'thing', { id: 'r1', value: 9 }, ['id'])).to.equal(false);
    expect(await insertOrIgnore(database, 'thing', { id: 'new', value: 9 }, ['id'])).to.equal(true);
    const repeated = await database
      .knex('thing')
      .insert({ id: 'r1' })
      .then(
        () => null,
        (err: unknown) => err,
      );
    expect(isUniqueViolation(repeated)).to.equal(true);
    expect(String(repeated), 'values do not reach messages').not.to.include('r1');
  });

  it('tells the database’s time in milliseconds', async () => {
    expect(Math.abs((await readClock(database)) - Date.now())).to.be.below(2_000);
  });

  it('says that a file is no database', async () => {
    const text = path.join(folder, 'text.db');
    await writeFile(
      text,
      'this is no database, but a text that is longer than a header of one hundred bytes. '.repeat(3),
    );
    expect(await codeOf(openDatabase({ ...OPTIONS, file: text }))).to.equal('CONFIG_INVALID');
  });

  it('refuses a URL that is none, and says when nobody answers', async () => {
    const postgres = { ...OPTIONS, client: 'postgres', file: '', startTimeoutMs: 1 } as const;
    expect(await codeOf(openDatabase({ ...postgres, url: 'mysql://x' }))).to.equal('CONFIG_INVALID');
    expect(await codeOf(openDatabase({ ...postgres, url: 'postgres://a:b@127.0.0.1:1/x' }))).to.equal(
      'DATABASE_UNAVAILABLE',
    );
  });
});

describe('store/migrate', () => {
  const step = (version: number, up: Migration['up']): Migration => ({ version, name: `step ${version}`, up });
  const createA = step(1, (trx) => trx.knex.schema.createTable('a', (table) => void table.integer('x')));
  let database: Database;
  beforeEach(async () => {
    database = await openDatabase({ ...OPTIONS, file: ':memory:' });
  });
  afterEach(() => database.close());

  it('runs missing steps only', async () => {
    expect(await migrate(database, [createA])).to.deep.equal({ from: 0, to: 1 });
    const second = step(2, (trx) => trx.knex.schema.createTable('b', (table) => void table.integer('x')));
    expect(await migrate(database, [createA, second])).to.deep.equal({ from: 1, to: 2 });
    expect(await database.knex('schema_version').pluck('version')).to.deep.equal([1, 2]);
  });

  it('leaves nothing of a step that fails', async () => {
    const broken = step(2, async (trx) => {
      await trx.knex.schema.createTable('b', (table) => void table.integer('x'));
      throw new AppError('DISK_FULL', 'no room');
    });
    expect(await codeOf(migrate(database, [createA, broken]))).to.equal('DISK_FULL');
    expect(await database.knex.schema.hasTable('a')).to.equal(false);
    expect(await database.knex.schema.hasTable('schema_version')).to.equal(false);
  });

  it('refuses a schema from the future, and gaps', async () => {
    await migrate(database, [createA]);
    expect(await codeOf(migrate(database, []))).to.equal('SCHEMA_TOO_NEW');
    expect(await codeOf(migrate(database, [step(2, async () => undefined)]))).to.equal('INTERNAL');
    expect(SCHEMA_VERSION).to.be.at.least(1);
  });
});

describe('store/database-errors', () => {
  const cases: readonly [string, ErrorCode][] = [
    ['ECONNREFUSED', 'DATABASE_UNAVAILABLE'],
    ['57P01', 'DATABASE_UNAVAILABLE'],
    ['53300', 'DATABASE_UNAVAILABLE'],
    ['57014', 'TIMEOUT'],
    ['53100', 'DISK_FULL'],
    ['SQLITE_FULL', 'DISK_FULL'],
  ];
  for (const [code, expected] of cases) {
    it(`knows ${code}`, () => {
      const err = Object.assign(new Error('secret value'), { code });
      const translated = translateDatabaseError(err);
      expect(isAppError(translated, expected)).to.equal(true);
      expect(String(translated)).not.to.include('secret value');
    });
  }

  it('says what SQLite’s own library needs where it cannot be loaded', () => {
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'trainyard-addon-')), 'addon.node');
    writeFileSync(file, 'no library');
    let failure: unknown = null;
    try {
      process.dlopen({ exports: {} }, file);
    } catch (err) {
      failure = err;
    }
    rmSync(path.dirname(file), { recursive: true });
    const translated = translateDatabaseError(failure);
    expect(isAppError(translated, 'NATIVE_LIBRARY'), String(failure)).to.equal(true);
    expect(String(translated)).to.include('glibc 2.34').and.include('database.client');
  });

  it('leaves alone what it does not know', () => {
    const err = Object.assign(new Error('x'), { code: '23505' });
    expect(translateDatabaseError(err)).to.equal(err);
    expect(databaseCode(err)).to.equal('23505');
    expect(databaseCode(null)).to.equal('');
    const known = new AppError('CONFLICT', 'x');
    expect(translateDatabaseError(known)).to.equal(known);
  });
});
