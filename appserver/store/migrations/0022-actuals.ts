import type { Migration } from '../migrate.ts';

/** True outcomes of predictions, by the id that the prediction was asked for with. */
export const actuals0022: Migration = {
  version: 22,
  name: 'actuals',
  async up({ knex }) {
    await knex.schema.createTable('actuals', (table) => {
      table.string('deployment_id', 64).notNullable().references('deployments.id').onDelete('CASCADE');
      table.string('association_sha256', 64).notNullable();
      table.text('association_id').notNullable();
      table.text('actual').notNullable();
      table.bigInteger('at').notNullable();
      table.bigInteger('received_at').notNullable();
      table.primary(['deployment_id', 'association_sha256']);
    });
  },
};
