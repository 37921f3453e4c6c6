import type { Migration } from '../migrate.ts';

const ID_LENGTH = 64;

/** Models that predict beside that of a deployment. */
export const challengers0021: Migration = {
  version: 21,
  name: 'challengers',
  async up({ knex }) {
    await knex.schema.createTable('deployment_challengers', (table) => {
      table.string('deployment_id', ID_LENGTH).notNullable().references('deployments.id').onDelete('CASCADE');
      table.string('model_id', ID_LENGTH).notNullable().references('models.id');
      table.double('sample_fraction').notNullable();
      table.bigInteger('added_at').notNullable();
      table.string('added_by', ID_LENGTH).notNullable();
      table.primary(['deployment_id', 'model_id']);
    });
  },
};
