import type { Migration } from '../migrate.ts';

/**
 * What tasks and models are predicted to need, in bytes; null where nobody said. A program of version 14 gives such a task to any
 * worker, as it gives all.
 */
export const memory0015: Migration = {
  version: 15,
  name: 'memory',
  async up({ knex }) {
    await knex.schema.alterTable('task', (table) => {
      table.bigInteger('memory_bytes');
    });
    await knex.schema.alterTable('models', (table) => {
      table.bigInteger('predicted_memory_bytes');
    });
    await knex.raw(
      `create index task_ready_by_memory on task (pool, memory_bytes) where state = 'READY' and memory_bytes is not null`,
    );
  },
};
