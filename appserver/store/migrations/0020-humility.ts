import type { Migration } from '../migrate.ts';

/**
 * What a deployment does where its model should not be sure of itself, as JSON of `HumilityRules`; null: it has no rules. Not in `settings`:
 * programs of the version before would hand it on to prediction servers that cannot read it.
 */
export const humility0020: Migration = {
  version: 20,
  name: 'humility',
  async up({ knex }) {
    await knex.schema.alterTable('deployments', (table) => {
      table.text('humility');
    });
  },
};
