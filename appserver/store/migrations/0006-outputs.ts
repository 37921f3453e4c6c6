import type { Migration } from '../migrate.ts';

/**
 * Where the rows of a batch prediction go, and the folder in HDFS that holds them until they are put in place: it is kept
 * until that folder is known to be gone. What programs of version 5 create is for download.
 */
export const outputs0006: Migration = {
  version: 6,
  name: 'outputs',
  async up({ knex }) {
    await knex.schema.alterTable('batch_predictions', (table) => {
      table.text('output');
      table.string('staging_path', 4_200);
    });
    await knex.raw('create index batch_prediction_staged on batch_predictions (id) where staging_path is not null');
  },
};
