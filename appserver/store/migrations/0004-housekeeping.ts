import type { Migration } from '../migrate.ts';

/**
 * What may be deleted: folders of deleted resources, how far the walk through the object store is, and an index behind
 * each statement that asks for references or deletes history. Everything is added: programs of version 3 go on.
 */
export const housekeeping0004: Migration = {
  version: 4,
  name: 'housekeeping',
  async up({ knex }) {
    await knex.schema.alterTable('result', (table) => {
      table.bigInteger('dropped_at');
    });
    await knex.schema.createTable('doomed_object', (table) => {
      table.string('path', 1000).primary();
      table.bigInteger('since').notNullable();
      table.bigInteger('due_at').notNullable();
      table.index(['due_at', 'path']);
    });
    await knex.schema.createTable('object_sweep', (table) => {
      table.integer('id').primary();
      table.string('position', 1000).notNullable();
      table.text('round').notNullable();
      table.text('last_round');
      table.bigInteger('last_at');
      table.bigInteger('removed_objects').notNullable().defaultTo(0);
      table.bigInteger('removed_bytes').notNullable().defaultTo(0);
    });
    const statements = [
      'create index attempt_path on attempt (path)',
      'create index result_path on result (path) where dropped_at is null',
      'create index model_artifact on models (artifact_path) where artifact_path is not null',
      'create index batch_prediction_result on batch_predictions (result_path) where result_path is not null',
      'create index model_job on models (job_id)',
      'create index dataset_job on datasets (job_id)',
      'create index dataset_upload on datasets (created_at, id) where upload_path is not null',
      'create index task_group_job on task_group (job_id)',
      'create index job_finished on job (finished_at, id) where finished_at is not null',
      'create index seal_age on task_seal (sealed_at, task_id, fence)',
      'create index task_log_age on task_log (logged_at)',
      'create index session_end on sessions (expires_at)',
    ];
    for (const statement of statements) await knex.raw(statement);
  },
};
