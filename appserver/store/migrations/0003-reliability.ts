import type { Knex } from 'knex';
import type { Migration } from '../migrate.ts';

const idColumn = (table: Knex.CreateTableBuilder, name: string) => table.string(name, 100);

/**
 * Dependencies, groups, running costs, checkpoints, versions of workers, secrets of pools, refusals. Everything is added:
 * programs of version 2 go on while it runs and afterwards.
 */
export const reliability0003: Migration = {
  version: 3,
  name: 'reliability',
  async up({ knex }) {
    await addTaskColumns(knex);
    await createGroups(knex);
    await addWorkerColumns(knex);
    await createRefusals(knex);
    await numberEvents(knex);
    await createOversight(knex);
  },
};

async function addTaskColumns(knex: Knex): Promise<void> {
  await knex.schema.alterTable('task', (table) => {
    table.integer('cost').notNullable().defaultTo(1);
    table.integer('held').notNullable().defaultTo(0);
    idColumn(table, 'group_id');
    table.integer('group_rank');
    table.text('checkpoint');
  });
  await knex.schema.createTable('task_dependency', (table) => {
    idColumn(table, 'task_id').notNullable().references('task.id').onDelete('CASCADE');
    idColumn(table, 'depends_on').notNullable().references('task.id').onDelete('CASCADE');
    table.primary(['task_id', 'depends_on']);
    table.index(['depends_on']);
  });
}

async function createGroups(knex: Knex): Promise<void> {
  await knex.schema.createTable('task_group', (table) => {
    idColumn(table, 'id').primary();
    idColumn(table, 'job_id').notNullable().references('job.id').onDelete('CASCADE');
    table.integer('size').notNullable();
    table.bigInteger('epoch').notNullable().defaultTo(0);
    table.bigInteger('forming_until');
    table.bigInteger('formed_at');
    table.bigInteger('sealed_at');
    table.bigInteger('not_before').notNullable();
    table.integer('dissolved').notNullable().defaultTo(0);
    table.bigInteger('created_at').notNullable();
  });
  await knex.raw('create index task_group_members on task (group_id) where group_id is not null');
  await knex.raw('create index task_group_forming on task_group (forming_until) where forming_until is not null');
}

async function addWorkerColumns(knex: Knex): Promise<void> {
  await knex.schema.alterTable('worker', (table) => {
    table.integer('protocol_version').notNullable().defaultTo(1);
    table.string('archive_sha256', 64);
    table.string('drain_reason', 200);
  });
  await knex.schema.createTable('pool', (table) => {
    table.string('name', 100).primary();
    table.string('archive_sha256', 64);
    table.bigInteger('created_at').notNullable();
  });
  await knex.schema.createTable('pool_secret', (table) => {
    table.string('pool', 100).notNullable().references('pool.name').onDelete('CASCADE');
    table.string('secret_sha256', 64).notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at');
    table.primary(['pool', 'secret_sha256']);
  });
}

/** Statements of workers that were refused, counted per minute, so that a flood of them cannot fill the disk. */
async function createRefusals(knex: Knex): Promise<void> {
  await knex.schema.createTable('refusal', (table) => {
    table.bigInteger('minute').notNullable();
    table.string('statement', 40).notNullable();
    table.string('code', 60).notNullable();
    table.string('subject', 200).notNullable();
    table.integer('count').notNullable();
    table.text('detail').notNullable();
    table.bigInteger('first_at').notNullable();
    table.primary(['minute', 'statement', 'code', 'subject']);
    table.index(['first_at']);
  });
  await knex.schema.createTable('audit_event', (table) => {
    idColumn(table, 'id').primary();
    table.bigInteger('at').notNullable();
    table.string('event', 60).notNullable();
    table.string('subject', 200).notNullable();
    table.text('detail').notNullable();
    table.index(['at']);
  });
}

/** Events are numbered when they are read: `outbox.sequence` is in the order of statements, not of commits. */
async function numberEvents(knex: Knex): Promise<void> {
  await knex.schema.alterTable('outbox', (table) => {
    table.bigInteger('position');
  });
  await knex.schema.createTable('counter', (table) => {
    table.string('name', 40).primary();
    table.bigInteger('value').notNullable();
  });
  await knex('counter').insert({ name: 'outbox', value: 0 });
  await knex.raw('create unique index outbox_position on outbox (position)');
  await knex.raw('create index outbox_unnumbered on outbox (sequence) where position is null');
}

/** What the installation must not forget, what the reconciler found, and the indexes that let it look often. */
async function createOversight(knex: Knex): Promise<void> {
  await knex.schema.createTable('installation', (table) => {
    table.string('name', 100).primary();
    table.text('value').notNullable();
    table.bigInteger('created_at').notNullable();
  });
  await knex.schema.createTable('inconsistency', (table) => {
    table.string('kind', 60).primary();
    table.integer('found').notNullable().defaultTo(0);
    table.bigInteger('repaired').notNullable().defaultTo(0);
    table.bigInteger('logged_at').notNullable().defaultTo(0);
  });
  const statements = [
    'create index job_open on job (id) where finished_at is null',
    `create index task_waiting on task (id) where state = 'WAITING'`,
    'create index attempt_open on attempt (task_id) where ended_at is null',
    'create index result_committed on result (committed_at)',
    'create index run_open on autopilot_runs (id) where finished_at is null',
    `create index dataset_ingesting on datasets (id) where state = 'ingesting'`,
    `create index model_training on models (id) where state = 'training'`,
  ];
  for (const statement of statements) await knex.raw(statement);
}
