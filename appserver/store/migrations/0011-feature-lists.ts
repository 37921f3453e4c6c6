import type { Migration } from '../migrate.ts';

/** Lists of features that users make; `features` is JSON. They go with their project, and programs of version 10 know none. */
export const featureLists0011: Migration = {
  version: 11,
  name: 'feature-lists',
  async up({ knex }) {
    await knex.schema.createTable('feature_lists', (table) => {
      table.string('id', 64).primary();
      table.string('project_id', 64).notNullable().references('projects.id').onDelete('CASCADE');
      table.string('name', 200).notNullable();
      table.text('features').notNullable();
      table.string('created_by', 64).notNullable();
      table.bigInteger('created_at').notNullable();
      table.unique(['project_id', 'name']);
    });
  },
};
