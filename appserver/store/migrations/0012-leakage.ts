import type { Migration } from '../migrate.ts';

/** What a run found to give its target away, as JSON of `LeakageFacts`; null where nothing was looked for, and for older runs. */
export const leakage0012: Migration = {
  version: 12,
  name: 'leakage',
  async up({ knex }) {
    await knex.schema.alterTable('autopilot_runs', (table) => {
      table.text('leakage');
    });
  },
};
