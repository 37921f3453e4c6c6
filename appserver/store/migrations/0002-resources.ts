import type { Knex } from 'knex';
import type { Migration } from '../migrate.ts';

const ID_LENGTH = 64;

/** Users, keys, datasets, projects, models, deployments and batch predictions. */
export const resources0002: Migration = {
  version: 2,
  name: 'resources',
  async up({ knex }) {
    await createIdentity(knex);
    await createDatasets(knex);
    await createProjects(knex);
    await createServing(knex);
  },
};

async function createIdentity(knex: Knex): Promise<void> {
  await knex.schema.createTable('users', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('name', 100).notNullable().unique();
    table.string('role', 20).notNullable();
    table.integer('active').notNullable();
    table.text('password_hash');
    table.bigInteger('created_at').notNullable();
  });
  await knex.schema.createTable('sessions', (table) => {
    table.string('token_sha256', 64).primary();
    table.string('csrf_sha256', 64).notNullable();
    table.string('user_id', ID_LENGTH).notNullable().references('users.id').onDelete('CASCADE');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('expires_at').notNullable();
  });
  await knex.schema.createTable('api_keys', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('key_sha256', 64).notNullable().unique();
    table.string('name', 200).notNullable();
    table.string('user_id', ID_LENGTH).notNullable().references('users.id').onDelete('CASCADE');
    table.text('scopes').notNullable();
    table.bigInteger('expires_at');
    table.bigInteger('created_at').notNullable();
    table.index(['user_id', 'created_at']);
  });
  await knex.schema.createTable('idempotency_keys', (table) => {
    table.string('user_id', ID_LENGTH).notNullable();
    table.string('key_text', 255).notNullable();
    table.string('request_sha256', 64).notNullable();
    table.integer('status');
    table.text('sealed_answer');
    table.bigInteger('created_at').notNullable();
    table.primary(['user_id', 'key_text']);
    table.index(['created_at']);
  });
}

async function createDatasets(knex: Knex): Promise<void> {
  await knex.schema.createTable('datasets', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('name', 200).notNullable();
    table.string('state', 20).notNullable();
    table.bigInteger('row_count');
    table.integer('feature_count');
    table.bigInteger('size_bytes');
    table.text('source').notNullable();
    table.string('upload_path', 1000);
    table.text('stored_table');
    table.text('warnings').notNullable();
    table.text('error');
    table.string('job_id', ID_LENGTH).notNullable();
    table.bigInteger('created_at').notNullable();
    table.string('created_by', ID_LENGTH).notNullable();
    table.index(['created_by', 'created_at', 'id']);
    table.index(['created_at', 'id']);
  });
  await knex.schema.createTable('dataset_profiles', (table) => {
    table.string('dataset_id', ID_LENGTH).primary().references('datasets.id').onDelete('CASCADE');
    table.text('features').notNullable();
    table.text('distinct_values').notNullable();
    table.text('sample_rows').notNullable();
  });
}

async function createProjects(knex: Knex): Promise<void> {
  await knex.schema.createTable('projects', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('name', 200).notNullable();
    table.text('description').notNullable();
    table.string('dataset_id', ID_LENGTH).notNullable().references('datasets.id');
    table.text('fixed_settings');
    table.bigInteger('holdout_unlocked_at');
    table.string('recommended_model_id', ID_LENGTH);
    table.text('recommended_reason');
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.string('created_by', ID_LENGTH).notNullable();
    table.index(['created_by', 'created_at', 'id']);
    table.index(['created_at', 'id']);
    table.index(['dataset_id']);
  });
  await knex.schema.createTable('autopilot_runs', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('project_id', ID_LENGTH).notNullable().references('projects.id').onDelete('CASCADE');
    table.string('job_id', ID_LENGTH).notNullable().unique();
    table.string('started_by', ID_LENGTH).notNullable();
    table.text('plan').notNullable();
    table.string('state', 20).notNullable();
    table.bigInteger('started_at').notNullable();
    table.bigInteger('paused_at');
    table.bigInteger('paused_ms').notNullable();
    table.bigInteger('finished_at');
    table.string('recommended_model_id', ID_LENGTH);
    table.index(['project_id', 'started_at']);
  });
  await knex.schema.createTable('models', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('project_id', ID_LENGTH).notNullable().references('projects.id').onDelete('CASCADE');
    table.string('run_id', ID_LENGTH);
    table.string('job_id', ID_LENGTH).notNullable();
    table.string('task_id', ID_LENGTH).notNullable().unique();
    table.integer('position').notNullable();
    table.text('planned').notNullable();
    table.string('name', 200).notNullable();
    table.string('family', 50).notNullable();
    table.string('state', 20).notNullable();
    table.double('sample_fraction').notNullable();
    table.integer('thread_count').notNullable();
    table.bigInteger('row_count');
    table.integer('iterations');
    table.text('scores');
    table.double('fit_ms');
    table.double('predict_micros_per_row');
    table.bigInteger('size_bytes');
    table.bigInteger('peak_memory_bytes');
    table.string('content_hash', 64);
    table.string('manifest_sha256', 64);
    table.string('artifact_path', 1000);
    table.text('signature');
    table.text('error');
    table.integer('starred').notNullable();
    table.text('tags').notNullable();
    table.text('description').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('finished_at');
    table.index(['project_id', 'position']);
    table.index(['run_id', 'position']);
  });
}

async function createServing(knex: Knex): Promise<void> {
  await knex.schema.createTable('deployments', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('name', 200).notNullable();
    table.text('description').notNullable();
    table.string('model_id', ID_LENGTH).notNullable().references('models.id');
    table.string('project_id', ID_LENGTH).notNullable();
    table.string('group_name', 100).notNullable();
    table.text('settings').notNullable();
    table.integer('sequence').notNullable();
    table.bigInteger('created_at').notNullable();
    table.bigInteger('updated_at').notNullable();
    table.string('created_by', ID_LENGTH).notNullable();
    table.index(['created_by', 'created_at', 'id']);
    table.index(['created_at', 'id']);
    table.index(['project_id']);
  });
  await knex.schema.createTable('deployment_history', (table) => {
    table.string('deployment_id', ID_LENGTH).notNullable().references('deployments.id').onDelete('CASCADE');
    table.integer('sequence').notNullable();
    table.string('model_id', ID_LENGTH).notNullable();
    table.text('reason').notNullable();
    table.bigInteger('at').notNullable();
    table.string('by', ID_LENGTH).notNullable();
    table.primary(['deployment_id', 'sequence']);
  });
  await knex.schema.createTable('assignment_feed', (table) => {
    table.integer('id').primary();
    table.bigInteger('sequence').notNullable();
  });
  await knex('assignment_feed').insert({ id: 1, sequence: 1 });
  await knex.schema.createTable('prediction_servers', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('url', 1000).notNullable();
    table.string('program_version', 100).notNullable();
    table.bigInteger('feed_sequence').notNullable();
    table.text('deployments').notNullable();
    table.bigInteger('last_seen_at').notNullable();
  });
  await knex.schema.createTable('batch_predictions', (table) => {
    table.string('id', ID_LENGTH).primary();
    table.string('model_id', ID_LENGTH).notNullable();
    table.string('deployment_id', ID_LENGTH);
    table.string('dataset_id', ID_LENGTH).notNullable();
    table.string('job_id', ID_LENGTH).notNullable().unique();
    table.text('passthrough_columns').notNullable();
    table.string('result_path', 1000);
    table.bigInteger('row_count');
    table.double('rows_per_second');
    table.text('warnings').notNullable();
    table.bigInteger('created_at').notNullable();
    table.string('created_by', ID_LENGTH).notNullable();
    table.index(['created_by', 'created_at', 'id']);
    table.index(['created_at', 'id']);
    table.index(['model_id']);
    table.index(['dataset_id']);
  });
}
