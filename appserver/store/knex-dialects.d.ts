/** Knex ships no types for its dialect classes; these are the members that `clients.ts` overrides or calls. */
declare module 'knex/lib/dialects/better-sqlite3/index.js' {
  import type { Knex } from 'knex';
  export default class BetterSqlite3Client extends Knex.Client {
    readonly transacting?: boolean;
    query(connection: unknown, query: unknown): Promise<unknown>;
    _query(connection: unknown, query: unknown): Promise<unknown>;
    _formatBindings(bindings: readonly unknown[] | undefined): unknown[];
    acquireConnection(): Promise<unknown>;
  }
}
declare module 'knex/lib/dialects/postgres/index.js' {
  import type { Knex } from 'knex';
  export default class PostgresClient extends Knex.Client {
    readonly transacting?: boolean;
    query(connection: unknown, query: unknown): Promise<unknown>;
    acquireConnection(): Promise<unknown>;
  }
}
