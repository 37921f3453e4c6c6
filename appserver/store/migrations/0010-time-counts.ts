import type { Migration } from '../migrate.ts';

/** Rows of date columns by time, which partitions by date are decided from; null in profiles of programs of version 9. */
export const timeCounts0010: Migration = {
  version: 10,
  name: 'time-counts',
  async up({ knex }) {
    await knex.schema.alterTable('dataset_profiles', (table) => {
      table.text('time_counts');
    });
  },
};
