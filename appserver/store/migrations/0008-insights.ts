import type { Migration } from '../migrate.ts';

/**
 * Insights that tasks compute, one of each kind for a model: the job that makes it, then where it is. They go with their model, and
 * programs of version 7 make none.
 */
export const insights0008: Migration = {
  version: 8,
  name: 'insights',
  async up({ knex }) {
    await knex.schema.createTable('insights', (table) => {
      table.string('model_id', 64).notNullable().references('models.id').onDelete('CASCADE');
      table.string('kind', 50).notNullable();
      table.string('job_id', 64).notNullable().unique();
      table.string('result_path', 1000);
      table.string('result_sha256', 64);
      table.bigInteger('created_at').notNullable();
      table.primary(['model_id', 'kind']);
      table.index(['result_path']);
    });
  },
};
