import type { Migration } from '../migrate.ts';

/**
 * Prediction intervals of a deployment's model, as JSON of `PredictionIntervals`; null where none are asked for. Their coverage is the
 * setting `interval`, which is nowhere else, so that programs of version 13 serve such a deployment without. They name the model:
 * where such a program changes it, they count as none until they are asked for again.
 */
export const intervals0014: Migration = {
  version: 14,
  name: 'intervals',
  async up({ knex }) {
    await knex.schema.alterTable('deployments', (table) => {
      table.text('intervals');
    });
  },
};
