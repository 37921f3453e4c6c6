import type { Migration } from '../migrate.ts';

/** What a model's raw scores are calibrated by, as JSON of `Calibration`; null where they are not, and for older models. */
export const calibrations0009: Migration = {
  version: 9,
  name: 'calibrations',
  async up({ knex }) {
    await knex.schema.alterTable('models', (table) => {
      table.text('calibration');
    });
  },
};
