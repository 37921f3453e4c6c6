import type { Knex } from 'knex';
import type { Migration } from '../migrate.ts';
import type { Transaction } from '../database.ts';

/** Tables of the queue: jobs, tasks with their attempts and results, workers, leader duties, wake-ups, outbox. */
export const queue0001: Migration = {
  version: 1,
  name: 'queue',
  async up(trx) {
    await createJobs(trx);
    await createTasks(trx);
    await createAttempts(trx);
    await createOperation(trx);
    await createIndexes(trx);
  },
};

const idColumn = (table: Knex.CreateTableBuilder, name: string) => table.string(name, 100);

async function createJobs({ knex }: Transaction): Promise<void> {
  await knex.schema.createTable('job', (table) => {
    idColumn(table, 'id').primary();
    table.string('kind', 40).notNullable();
    table.string('state', 20).notNullable();
    idColumn(table, 'user_id').notNullable();
    idColumn(table, 'project_id');
    table.text('resource');
    idColumn(table, 'task_id');
    table.double('progress_fraction').notNullable().defaultTo(0);
    table.string('progress_phase', 100).notNullable().defaultTo('');
    table.string('progress_message', 500).notNullable().defaultTo('');
    table.integer('cancel_asked').notNullable().defaultTo(0);
    table.text('error');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('started_at');
    table.bigInteger('finished_at');
  });
}

async function createTasks({ knex }: Transaction): Promise<void> {
  await knex.schema.createTable('task', (table) => {
    idColumn(table, 'id').primary();
    idColumn(table, 'job_id').notNullable().references('job.id').onDelete('CASCADE');
    table.integer('job_position').notNullable();
    idColumn(table, 'project_id');
    idColumn(table, 'dataset_id');
    table.string('share_key', 110).notNullable();
    idColumn(table, 'run_as').notNullable();
    table.string('kind', 40).notNullable();
    table.text('spec').notNullable();
    table.string('idempotency_key', 200).notNullable().unique();
    table.integer('priority').notNullable();
    table.string('state', 20).notNullable();
    table.bigInteger('fence').notNullable().defaultTo(0);
    idColumn(table, 'worker_id');
    table.bigInteger('lease_until');
    table.bigInteger('not_before').notNullable();
    table.bigInteger('deadline_at');
    table.integer('charged').notNullable().defaultTo(0);
    table.integer('losses').notNullable().defaultTo(0);
    table.integer('cancel_asked').notNullable().defaultTo(0);
    table.text('progress');
    table.text('problem');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('started_at');
    table.bigInteger('finished_at');
  });
}

async function createAttempts({ knex }: Transaction): Promise<void> {
  const ofTask = (table: Knex.CreateTableBuilder) =>
    idColumn(table, 'task_id').notNullable().references('task.id').onDelete('CASCADE');
  await knex.schema.createTable('attempt', (table) => {
    ofTask(table);
    table.bigInteger('fence').notNullable();
    idColumn(table, 'worker_id').notNullable();
    idColumn(table, 'request_id').notNullable();
    table.string('token_hash', 64).notNullable();
    table.string('path', 300).notNullable();
    table.bigInteger('claimed_at').notNullable();
    table.bigInteger('started_at');
    table.bigInteger('ended_at');
    table.string('ending', 20);
    table.string('end_state', 20);
    table.string('blame', 20);
    table.text('problem');
    table.bigInteger('memory_bytes_max').notNullable().defaultTo(0);
    table.string('beat_digest', 64);
    table.primary(['task_id', 'fence']);
    table.unique(['worker_id', 'request_id']);
  });
  await knex.schema.createTable('task_seal', (table) => {
    ofTask(table);
    table.bigInteger('fence').notNullable();
    table.text('files').notNullable();
    table.text('outcome').notNullable();
    table.string('digest', 64).notNullable();
    table.bigInteger('sealed_at').notNullable();
    table.primary(['task_id', 'fence']);
  });
  await knex.schema.createTable('result', (table) => {
    ofTask(table).primary();
    table.bigInteger('fence').notNullable();
    table.string('path', 300).notNullable();
    table.string('manifest_sha256', 64);
    table.bigInteger('committed_at').notNullable();
  });
  await knex.schema.createTable('task_log', (table) => {
    ofTask(table);
    table.bigInteger('sequence').notNullable();
    table.bigInteger('fence').notNullable();
    table.bigInteger('logged_at').notNullable();
    table.text('line').notNullable();
    table.primary(['task_id', 'sequence']);
  });
}

async function createOperation({ knex }: Transaction): Promise<void> {
  await knex.schema.createTable('worker', (table) => {
    idColumn(table, 'id').primary();
    table.string('pool', 100).notNullable();
    table.string('host_name', 255).notNullable();
    table.integer('process_id').notNullable();
    table.string('program_version', 100).notNullable();
    table.bigInteger('memory_bytes').notNullable();
    table.integer('thread_count').notNullable();
    table.string('token_hash', 64).notNullable();
    table.integer('draining').notNullable().defaultTo(0);
    table.bigInteger('registered_at').notNullable();
    table.bigInteger('seen_at').notNullable();
  });
  await knex.schema.createTable('outbox', (table) => {
    table.bigIncrements('sequence');
    idColumn(table, 'event_id').notNullable().unique();
    table.string('topic', 100).notNullable();
    idColumn(table, 'key').notNullable();
    table.text('body').notNullable();
    table.bigInteger('created_at').notNullable();
  });
  await knex.schema.createTable('leader', (table) => {
    table.string('duty', 100).primary();
    idColumn(table, 'holder').notNullable();
    table.bigInteger('fence').notNullable();
    table.bigInteger('lease_until').notNullable();
    table.bigInteger('ticked_at');
  });
  await knex.schema.createTable('wake_up', (table) => {
    table.string('topic', 100).notNullable();
    idColumn(table, 'key').notNullable();
    table.bigInteger('due_at').notNullable();
    table.primary(['topic', 'key']);
  });
}

/** Partial indexes: the queue looks only at what is not final, however long the history. */
async function createIndexes({ knex }: Transaction): Promise<void> {
  const held = `state in ('LEASED', 'RUNNING', 'COMMITTING')`;
  const statements = [
    'create index job_created on job (created_at, id)',
    'create index job_user on job (user_id, created_at, id)',
    'create index job_project on job (project_id, created_at, id)',
    'create unique index task_job on task (job_id, job_position)',
    `create index task_ready on task (share_key, priority desc, created_at, job_position, id) where state = 'READY'`,
    `create index task_held on task (share_key) where ${held}`,
    `create index task_lease on task (lease_until) where ${held}`,
    `create index task_deadline on task (deadline_at) where deadline_at is not null and finished_at is null`,
    'create index worker_seen on worker (seen_at)',
    'create index outbox_created on outbox (created_at)',
    'create index wake_up_due on wake_up (due_at)',
  ];
  for (const statement of statements) await knex.raw(statement);
}
