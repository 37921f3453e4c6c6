import type { Knex } from 'knex';
import type { Migration } from '../migrate.ts';

const idColumn = (table: Knex.CreateTableBuilder, name: string) => table.string(name, 100);

/**
 * Pools that run as YARN applications: which pool a job's tasks belong to, the applications and their containers, and
 * nodes that failed; and how many lines of its log an attempt has told. Everything is added; what programs of version 4 create belongs to the pool `default`.
 */
export const pools0005: Migration = {
  version: 5,
  name: 'pools',
  async up({ knex }) {
    await addPoolColumns(knex);
    await createApplications(knex);
    const statements = [
      `create index task_ready_of_pool on task (pool, share_key, priority desc, created_at, job_position, id)
         where state = 'READY'`,
      `create index task_held_of_pool on task (pool, share_key) where state in ('LEASED', 'RUNNING', 'COMMITTING')`,
      'create index worker_pool on worker (pool, seen_at)',
      'create index worker_container on worker (container_id) where container_id is not null',
      `create unique index yarn_application_live on yarn_application (pool)
         where state in ('RESERVED', 'SUBMITTED', 'RUNNING')`,
      'create index yarn_application_ended on yarn_application (ended_at) where ended_at is not null',
      'create index yarn_container_live on yarn_container (application_id) where ended_at is null',
      'create index yarn_container_ended on yarn_container (ended_at) where ended_at is not null',
    ];
    for (const statement of statements) await knex.raw(statement);
  },
};

async function addPoolColumns(knex: Knex): Promise<void> {
  for (const name of ['job', 'task', 'task_group']) {
    await knex.schema.alterTable(name, (table) => {
      table.string('pool', 100).notNullable().defaultTo('default');
    });
  }
  await knex.schema.alterTable('pool', (table) => {
    table.string('driver', 20).notNullable().defaultTo('local');
    table.string('user_name', 100);
    table.string('queue', 200);
    table.text('wait_reason');
    table.bigInteger('idle_since');
    table.integer('failures').notNullable().defaultTo(0);
    table.bigInteger('not_before').notNullable().defaultTo(0);
  });
  await knex.schema.alterTable('attempt', (table) => {
    table.bigInteger('log_count').notNullable().defaultTo(0);
  });
  await knex.schema.alterTable('worker', (table) => {
    table.string('container_id', 100);
    table.string('node', 300);
  });
}

async function createApplications(knex: Knex): Promise<void> {
  await knex.schema.createTable('yarn_application', (table) => {
    table.string('application_id', 60).primary();
    table.string('pool', 100).notNullable().references('pool.name').onDelete('CASCADE');
    table.string('state', 20).notNullable();
    table.integer('wanted_count').notNullable().defaultTo(0);
    table.integer('pending_count').notNullable().defaultTo(0);
    table.integer('attempt').notNullable().defaultTo(0);
    table.bigInteger('sequence').notNullable().defaultTo(0);
    table.integer('maximum_memory_mb');
    table.integer('maximum_vcores');
    table.text('finish');
    table.text('diagnostics');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('submitted_at');
    table.bigInteger('synced_at');
    table.bigInteger('lifetime_until');
    table.bigInteger('ended_at');
  });
  await knex.schema.createTable('yarn_container', (table) => {
    table.string('container_id', 100).primary();
    table.string('application_id', 60).notNullable().references('yarn_application.application_id').onDelete('CASCADE');
    table.string('node', 300);
    table.string('node_http_address', 300);
    table.string('state', 20).notNullable();
    table.integer('memory_mb');
    table.integer('vcores');
    idColumn(table, 'launch_id');
    table.bigInteger('first_seen_at').notNullable();
    table.bigInteger('release_asked_at');
    table.bigInteger('ended_at');
    table.integer('exit_status');
    table.integer('was_released');
    table.text('diagnostics');
  });
  await knex.schema.createTable('yarn_node', (table) => {
    table.string('node', 300).primary();
    table.string('state', 40).notNullable();
    table.integer('failures').notNullable().defaultTo(0);
    table.bigInteger('failed_at');
    table.bigInteger('excluded_until');
    table.bigInteger('seen_at').notNullable();
  });
}
