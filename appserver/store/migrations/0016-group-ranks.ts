import type { Migration } from '../migrate.ts';

/** Where the ranks of groups that run listen, and the sealed certificate that each is given. Programs of the version before form none of them. */
export const groupRanks0016: Migration = {
  version: 16,
  name: 'group-ranks',
  async up({ knex }) {
    await knex.schema.createTable('group_rank', (table) => {
      table.string('group_id', 100).notNullable().references('task_group.id').onDelete('CASCADE');
      table.integer('rank').notNullable();
      table.bigInteger('epoch').notNullable();
      table.text('secret').notNullable();
      table.string('host', 255);
      table.integer('port');
      table.primary(['group_id', 'rank']);
    });
  },
};
