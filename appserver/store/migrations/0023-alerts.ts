import type { Migration } from '../migrate.ts';

const ID_LENGTH = 64;

/** What is watched of deployments, what was found at each look, and messages about it. */
export const alerts0023: Migration = {
  version: 23,
  name: 'alerts',
  async up({ knex }) {
    await knex.schema.createTable('alert_watch', (table) => {
      table.string('deployment_id', ID_LENGTH).primary().references('deployments.id').onDelete('CASCADE');
      /** JSON, without secrets; null: as at the beginning. */
      table.text('settings');
      /** JSON of secrets by URL, sealed. */
      table.text('secrets');
      /** Before it was not watched: what lies there is the past, and no alarm. */
      table.bigInteger('watched_from');
      table.bigInteger('watched_to');
    });
    await knex.schema.createTable('alert_look', (table) => {
      table.string('deployment_id', ID_LENGTH).notNullable().references('deployments.id').onDelete('CASCADE');
      table.string('family', 16).notNullable();
      table.bigInteger('ended_at').notNullable();
      table.string('model_id', ID_LENGTH).notNullable();
      table.text('findings').notNullable();
      table.primary(['deployment_id', 'family', 'ended_at']);
    });
    await knex.schema.createTable('alert', (table) => {
      table.string('id', ID_LENGTH).primary();
      table.string('deployment_id', ID_LENGTH).notNullable().references('deployments.id').onDelete('CASCADE');
      table.string('model_id', ID_LENGTH).notNullable();
      table.string('family', 16).notNullable();
      table.bigInteger('opened_at').notNullable();
      table.bigInteger('last_at').notNullable();
      table.bigInteger('closed_at');
      /** JSON of the finding that is furthest out. */
      table.text('finding').notNullable();
      table.double('threshold').notNullable();
      /** Null: nobody has said. */
      table.integer('false_alarm');
      table.index(['deployment_id', 'opened_at']);
    });
    await knex.schema.alterTable('actuals', (table) => {
      table.index(['deployment_id', 'received_at']);
    });
    await knex.schema.createTable('alert_message', (table) => {
      table.string('id', ID_LENGTH).primary();
      table.string('deployment_id', ID_LENGTH).notNullable().references('deployments.id').onDelete('CASCADE');
      /** JSON, without secrets. */
      table.text('channel').notNullable();
      table.text('body').notNullable();
      table.bigInteger('created_at').notNullable();
      table.integer('attempts').notNullable();
      /** Null: delivered, or given up. */
      table.bigInteger('next_at');
      table.bigInteger('delivered_at');
      table.text('error');
      table.bigInteger('error_at');
      table.index(['next_at']);
      table.index(['deployment_id', 'created_at']);
    });
  },
};
