import type { Migration } from '../migrate.ts';

/** What an ensemble is made of, as JSON of `EnsembleFacts`; null for all other models, and for those of older programs. */
export const ensembles0007: Migration = {
  version: 7,
  name: 'ensembles',
  async up({ knex }) {
    await knex.schema.alterTable('models', (table) => {
      table.text('ensemble');
    });
  },
};
