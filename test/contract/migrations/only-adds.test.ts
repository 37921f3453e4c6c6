import { expect } from 'chai';
import { migrate, MIGRATIONS, openDatabase, readTables, type Database, type TableFacts } from '#store';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';

/** Steps up to this one made the first released schema. */
const FIRST_RELEASE = 2;

const columnsOf = (tables: readonly TableFacts[]): Map<string, TableFacts['columns'][number]> =>
  new Map(tables.flatMap(({ name, columns }) => columns.map((column) => [`${name}.${column.name}`, column] as const)));

/** What a step did that an app server of the version before could stumble over. */
function obstacles(before: readonly TableFacts[], after: readonly TableFacts[]): string[] {
  const [was, is] = [columnsOf(before), columnsOf(after)];
  const found: string[] = [];
  for (const [name, column] of was) {
    const now = is.get(name);
    if (now === undefined) found.push(`${name} is gone`);
    else if (now.type !== column.type) found.push(`${name} was ${column.type} and is ${now.type}`);
    else if (column.nullable && !now.nullable) found.push(`${name} may not be null any more`);
    else if (column.hasDefault && !now.hasDefault) found.push(`${name} has no default any more`);
  }
  const known = new Set(before.map(({ name }) => name));
  for (const [name, { nullable, hasDefault }] of is) {
    const isOfKnownTable = known.has(name.split('.')[0] ?? '');
    if (isOfKnownTable && !was.has(name) && !nullable && !hasDefault) found.push(`${name} is new and must be given`);
  }
  return found;
}

for (const client of ['sqlite', 'postgres'] as const) {
  describe(`migrations on ${client} leave the version before in working order`, () => {
    let server: TestDatabase | null = null;
    let database: Database;

    before(async function () {
      this.timeout(60_000);
      server = client === 'postgres' ? await createDatabase() : null;
      const url = server?.url ?? '';
      database = await openDatabase({ client, file: ':memory:', url, poolMax: 2, statementTimeoutMs: 20_000 });
      await migrate(database, MIGRATIONS.slice(0, FIRST_RELEASE));
    });
    after(async () => {
      await database.close();
      await server?.close();
    });

    for (const { version, name } of MIGRATIONS.slice(FIRST_RELEASE)) {
      it(`${version} (${name}) only adds`, async () => {
        const before = await readTables(database);
        await migrate(database, MIGRATIONS.slice(0, version));
        expect(obstacles(before, await readTables(database))).to.deep.equal([]);
      });
    }

    it('is a test that finds what is dropped, renamed, tightened and new without a default', async () => {
      const before = await readTables(database);
      await database.knex.schema.alterTable('pool', (table) => table.dropColumn('archive_sha256'));
      await database.knex.schema.alterTable('refusal', (table) => table.renameColumn('detail', 'details'));
      await database.knex.schema.dropTable('pool_secret');
      expect(obstacles(before, await readTables(database))).to.include.members([
        'pool.archive_sha256 is gone',
        'refusal.detail is gone',
        'refusal.details is new and must be given',
        'pool_secret.secret_sha256 is gone',
      ]);
    });
  });
}
