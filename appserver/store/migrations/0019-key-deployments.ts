import type { Migration } from '../migrate.ts';

/**
 * The deployments that an API key is held to, as a JSON array of ids; null where it is held to none. Keys that are held have an empty
 * array in `scopes`, so that programs of version 18 refuse them.
 */
export const keyDeployments0019: Migration = {
  version: 19,
  name: 'key-deployments',
  async up({ knex }) {
    await knex.schema.alterTable('api_keys', (table) => {
      table.text('deployment_ids');
    });
  },
};
