import type { Migration } from '../migrate.ts';

/**
 * Features by whose levels a deployment's predictions are counted, as JSON of `DeploymentSegments`; null: none. Not in `settings`, for the reason of
 * `humility`.
 */
export const segments0024: Migration = {
  version: 24,
  name: 'segments',
  async up({ knex }) {
    await knex.schema.alterTable('deployments', (table) => {
      table.text('segments');
    });
  },
};
