import type { Migration } from '../migrate.ts';

/**
 * What a deployment's events may carry, as JSON of `TelemetrySettings`; null where nothing is said. Not in `settings`: programs of the version
 * before would hand it on to prediction servers that cannot read it.
 */
export const telemetry0018: Migration = {
  version: 18,
  name: 'telemetry',
  async up({ knex }) {
    await knex.schema.alterTable('deployments', (table) => {
      table.text('telemetry');
    });
  },
};
