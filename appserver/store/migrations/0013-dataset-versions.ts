import type { Migration } from '../migrate.ts';

/**
 * Versions of a dataset over the same rows: `root_id` is the first version, in whose folder the rows lie, and null for itself; `based_on` the
 * version that a feature got another type in. Programs of version 12 show every version as the first one.
 */
export const datasetVersions0013: Migration = {
  version: 13,
  name: 'dataset-versions',
  async up({ knex }) {
    await knex.schema.alterTable('datasets', (table) => {
      table.integer('version').notNullable().defaultTo(1);
      table.string('root_id', 64);
      table.string('based_on', 64);
      table.unique(['root_id', 'version']);
    });
  },
};
