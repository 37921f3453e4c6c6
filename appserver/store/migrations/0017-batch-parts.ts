import type { Migration } from '../migrate.ts';

/**
 * How many tasks a batch prediction is the work of, and rows for each second of their processors; null until it is done, and where
 * workers did not say.
 */
export const batchParts0017: Migration = {
  version: 17,
  name: 'batch-parts',
  async up({ knex }) {
    await knex.schema.alterTable('batch_predictions', (table) => {
      table.integer('part_count').notNullable().defaultTo(1);
      table.double('rows_per_core_second');
    });
  },
};
