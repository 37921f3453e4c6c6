import { expect } from 'chai';
import { appendEvent, readEvents, trimOutbox, type Database, type Transaction } from '#store';
import type { Stage } from './stage.ts';

const append = (trx: Transaction, eventId: string) =>
  appendEvent(trx, { eventId, topic: 'test', key: eventId, body: { eventId } });

/** A reader that remembers where it was. */
function readerOf(database: Database): () => Promise<string[]> {
  let position = 0;
  return async () => {
    const events = await readEvents(database, position, 2);
    position = events.at(-1)?.position ?? position;
    return events.map(({ eventId }) => eventId);
  };
}

async function readAll(read: () => Promise<string[]>): Promise<string[]> {
  const all: string[] = [];
  for (let part = await read(); part.length > 0; part = await read()) all.push(...part);
  return all;
}

/** Events are read once each, whatever the order of commits. */
export function outboxCases(stage: Stage): void {
  describe('the outbox', () => {
    it('gives each event once, in order, also after old ones were deleted', async () => {
      const { database } = stage.world;
      const read = readerOf(database);
      for (const id of ['a', 'b', 'c']) await database.transaction((trx) => append(trx, id));
      expect(await readAll(read)).to.deep.equal(['a', 'b', 'c']);
      expect(await read()).to.deep.equal([]);
      await stage.world.advance(1_000);
      expect(await trimOutbox(database, 500, 10)).to.equal(3);
      await database.transaction((trx) => append(trx, 'd'));
      expect(await readAll(read)).to.deep.equal(['d']);
      expect(await readAll(readerOf(database))).to.deep.equal(['d']);
    });

    it('skips no event of a transaction that commits after a later one', async function () {
      const { database } = stage.world;
      // SQLite has one writer at a time: there is nothing to interleave.
      if (database.dialect.name === 'sqlite') return;
      const read = readerOf(database);
      const inserted = Promise.withResolvers<undefined>();
      const mayCommit = Promise.withResolvers<undefined>();
      const slow = database.transaction(async (trx) => {
        await append(trx, 'first inserted, last committed');
        inserted.resolve(undefined);
        await mayCommit.promise;
      });
      await inserted.promise;
      await database.transaction((trx) => append(trx, 'last inserted, first committed'));
      const seen = await readAll(read);
      expect(seen).to.deep.equal(['last inserted, first committed']);
      mayCommit.resolve(undefined);
      await slow;
      expect(await readAll(read)).to.deep.equal(['first inserted, last committed']);
    });

    it('gives the same order to readers that read at the same time', async () => {
      const { database } = stage.world;
      const writing = Array.from({ length: 40 }, (_, index) =>
        database.transaction((trx) => append(trx, `event ${index}`)),
      );
      const readers = Array.from({ length: 4 }, () => readerOf(database));
      const seen: string[][] = readers.map(() => []);
      const reading = readers.map(async (read, index) => {
        for (let round = 0; round < 30; round += 1) seen[index]?.push(...(await read()));
      });
      await Promise.all([...writing, ...reading]);
      for (const [index, read] of readers.entries()) seen[index]?.push(...(await readAll(read)));
      expect(new Set(seen[0]).size).to.equal(40);
      for (const one of seen) expect(one).to.deep.equal(seen[0]);
    });
  });
}
