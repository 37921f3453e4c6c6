import type { Migration } from '../migrate.ts';

/**
 * The monitoring store: its own database, written by monitors and read by app servers. Numbers of events are below 2^53, hours
 * are milliseconds since 1970 at which they begin.
 */
const telemetry0001: Migration = {
  version: 1,
  name: 'telemetry',
  async up({ knex }) {
    await knex.schema.createTable('telemetry_epoch', (table) => {
      table.string('epoch', 32).primary();
      table.string('server_id', 64).notNullable();
      table.bigInteger('end_number').notNullable();
      table.bigInteger('final_number');
      table.bigInteger('event_count').notNullable();
      table.bigInteger('duplicate_count').notNullable();
      table.bigInteger('seen_at').notNullable();
    });
    await knex.schema.createTable('telemetry_gap', (table) => {
      table.string('epoch', 32).notNullable().references('telemetry_epoch.epoch').onDelete('CASCADE');
      table.bigInteger('from_number').notNullable();
      table.bigInteger('end_number').notNullable();
      table.primary(['epoch', 'from_number']);
    });
    await knex.schema.createTable('telemetry_loss', (table) => {
      table.string('epoch', 32).notNullable().references('telemetry_epoch.epoch').onDelete('CASCADE');
      table.string('reason', 32).notNullable();
      table.bigInteger('event_count').notNullable();
      table.primary(['epoch', 'reason']);
    });
    await knex.schema.createTable('telemetry_refusal', (table) => {
      table.string('code', 64).primary();
      table.bigInteger('segment_count').notNullable();
    });
    await knex.schema.createTable('prediction_hour', (table) => {
      table.string('deployment_id', 64).notNullable();
      table.string('model_id', 64).notNullable();
      table.bigInteger('hour').notNullable();
      table.string('manifest_sha256', 64).notNullable();
      table.bigInteger('event_count').notNullable();
      table.text('state').notNullable();
      table.primary(['deployment_id', 'model_id', 'hour']);
    });
    await knex.schema.createTable('feature_hour', (table) => {
      table.string('deployment_id', 64).notNullable();
      table.string('model_id', 64).notNullable();
      table.bigInteger('hour').notNullable();
      table.string('feature_sha256', 64).notNullable();
      table.text('feature').notNullable();
      table.bigInteger('event_count').notNullable();
      table.bigInteger('missing_count').notNullable();
      table.bigInteger('unseen_count').notNullable();
      table.text('state').notNullable();
      table.primary(['deployment_id', 'model_id', 'hour', 'feature_sha256']);
    });
    await knex.schema.createTable('baseline', (table) => {
      table.string('manifest_sha256', 64).primary();
      table.text('content').notNullable();
    });
  },
};

/** How deployments were served: what each epoch said last, and what was added to hours. */
const service0002: Migration = {
  version: 2,
  name: 'service',
  async up({ knex }) {
    await knex.schema.createTable('service_epoch', (table) => {
      table.string('epoch', 32).notNullable().references('telemetry_epoch.epoch').onDelete('CASCADE');
      table.string('deployment_id', 64).notNullable();
      table.bigInteger('statement').notNullable();
      table.text('counters').notNullable();
      table.primary(['epoch', 'deployment_id']);
    });
    await knex.schema.createTable('service_hour', (table) => {
      table.string('deployment_id', 64).notNullable();
      table.bigInteger('hour').notNullable();
      table.text('counters').notNullable();
      table.primary(['deployment_id', 'hour']);
    });
  },
};

/** Counted events on their way into the archive, and its files. */
const archive0003: Migration = {
  version: 3,
  name: 'archive',
  async up({ knex }) {
    await knex.schema.createTable('archive_segment', (table) => {
      table.bigIncrements('id');
      table.string('epoch', 32).notNullable();
      table.binary('sealed').notNullable();
      table.text('ranges').notNullable();
      table.bigInteger('event_count').notNullable();
      table.bigInteger('plain_bytes').notNullable();
      table.bigInteger('size_bytes').notNullable();
      table.bigInteger('kept_at').notNullable();
      table.string('batch', 64);
      table.index(['batch', 'id']);
    });
    await knex.schema.createTable('archive_file', (table) => {
      table.string('path', 500).primary();
      table.string('deployment_id', 64).notNullable();
      table.string('day', 10).notNullable();
      table.bigInteger('event_count').notNullable();
      table.bigInteger('size_bytes').notNullable();
      table.index(['deployment_id']);
      table.index(['day']);
    });
  },
};

/** What challengers predicted beside the models that were served, row by row; a bounded number of the newest. */
const challengers0004: Migration = {
  version: 4,
  name: 'challengers',
  async up({ knex }) {
    await knex.schema.createTable('challenger_pair', (table) => {
      table.string('deployment_id', 64).notNullable();
      table.string('champion_id', 64).notNullable();
      table.string('challenger_id', 64).notNullable();
      table.string('epoch', 32).notNullable();
      table.bigInteger('number').notNullable();
      table.bigInteger('time_ms').notNullable();
      table.text('association_id');
      table.text('champion').notNullable();
      table.text('challenger').notNullable();
      table.primary(['epoch', 'number']);
      table.index(['deployment_id', 'champion_id', 'challenger_id', 'time_ms'], 'challenger_pair_by_time');
    });
  },
};

/** Predictions whose outcomes can be joined: the last one of each id by each model. */
const associations0005: Migration = {
  version: 5,
  name: 'associations',
  async up({ knex }) {
    await knex.schema.createTable('associated_prediction', (table) => {
      table.string('deployment_id', 64).notNullable();
      table.string('association_sha256', 64).notNullable();
      table.string('model_id', 64).notNullable();
      table.text('association_id').notNullable();
      table.bigInteger('time_ms').notNullable();
      table.text('prediction').notNullable();
      table.primary(['deployment_id', 'association_sha256', 'model_id']);
      table.index(['deployment_id', 'model_id', 'time_ms']);
    });
  },
};

/** Predictions by the levels of features that people name, by hour; and the levels of those whose outcomes can be joined. */
const segments0006: Migration = {
  version: 6,
  name: 'segments',
  async up({ knex }) {
    await knex.schema.createTable('segment_hour', (table) => {
      table.string('deployment_id', 64).notNullable();
      table.string('model_id', 64).notNullable();
      table.bigInteger('hour').notNullable();
      table.string('feature_sha256', 64).notNullable();
      table.text('feature').notNullable();
      table.bigInteger('event_count').notNullable();
      table.text('state').notNullable();
      table.primary(['deployment_id', 'model_id', 'feature_sha256', 'hour']);
    });
    await knex.schema.alterTable('associated_prediction', (table) => {
      table.text('segments');
    });
  },
};

/** All steps of the monitoring store's schema in order. */
export const MONITORING_MIGRATIONS: readonly Migration[] = [
  telemetry0001,
  service0002,
  archive0003,
  challengers0004,
  associations0005,
  segments0006,
];
