import type { BinSet, BinSetWriter, BinStore } from '#ml';
import { BINS_INDEX, BINS_USED, binObjectOf, readBytes, type ObjectEntry, type ObjectStore } from '#object-store';
import { failpoint, newId } from '#runtime';

/** Largest index: digests of 250,000 pieces take 18 MB. */
const INDEX_BYTES_MAX = 64 * 1024 * 1024;
/** A set that is used says so once in this time. */
const USE_INTERVAL_MS = 3_600_000;

/**
 * Sets of shards as objects of a folder, `<key>.<writer>.<shard>`, and last `<key>.<writer>.index`; empty objects `<key>.<writer>.used-<id>`
 * tell by their age when it was used. The writer is a new name each time.
 *
 * @param program version of what makes the sets
 */
export function binObjects(store: ObjectStore, folder: string, program: string): BinStore {
  const opened = async (set: string, usedAtMs: number): Promise<BinSet> => {
    const index = await store.readAll(`${set}.${BINS_INDEX}`, { maxBytes: INDEX_BYTES_MAX });
    return openSet(store, folder, set, usedAtMs, index);
  };
  return {
    program,
    find: async (key) => {
      const sets = await setsOf(store, folder, key);
      const whole = [...sets].filter(([, { hasIndex }]) => hasIndex).sort(([, a], [, b]) => b.usedAtMs - a.usedAtMs);
      const found: BinSet[] = [];
      for (const [set, { usedAtMs }] of whole) found.push(await opened(set, usedAtMs));
      return found;
    },
    open: (name) => opened(`${folder}/${name}`, Date.now()),
    create: (key) => createSet(store, folder, `${folder}/${key}.${newId('bins')}`),
    join: (name) => ({
      write: (shard, bytes) => writeShard(store, `${folder}/${name}`, shard, bytes),
      read: (shard, at, length) => readShard(store, `${folder}/${name}`, shard, at, length),
    }),
  };
}

const nameIn = (folder: string, set: string): string => set.slice(folder.length + 1);

async function writeShard(store: ObjectStore, set: string, shard: string, bytes: Uint8Array): Promise<void> {
  await failpoint('worker.bins.shard');
  await store.write(`${set}.${shard}`, bytes);
}

const readShard = (store: ObjectStore, set: string, shard: string, at: number, length: number): Promise<Uint8Array> =>
  readBytes(store, `${set}.${shard}`, { start: at, end: at + length });

/** Of the sets of a key whether they are whole, and when they were used last. */
async function setsOf(
  store: ObjectStore,
  folder: string,
  key: string,
): Promise<Map<string, { hasIndex: boolean; usedAtMs: number }>> {
  const sets = new Map<string, { hasIndex: boolean; usedAtMs: number }>();
  for await (const { path, modifiedAt } of objectsOf(store, folder, key)) {
    const object = binObjectOf(path);
    if (object === null) continue;
    const known = sets.get(object.set) ?? { hasIndex: false, usedAtMs: 0 };
    sets.set(object.set, {
      hasIndex: known.hasIndex || object.part === BINS_INDEX,
      usedAtMs: Math.max(known.usedAtMs, modifiedAt.getTime()),
    });
  }
  return sets;
}

/** The objects of a folder whose names begin so. */
async function* objectsOf(store: ObjectStore, folder: string, name: string): AsyncGenerator<ObjectEntry> {
  const begin = `${folder}/${name}.`;
  // What begins so comes after the name without the dot.
  for await (const object of store.list(folder, { after: `${folder}/${name}` })) {
    if (object.path.startsWith(begin)) yield object;
    else if (object.path > begin) return;
  }
}

function openSet(store: ObjectStore, folder: string, set: string, usedAtMs: number, index: Uint8Array): BinSet {
  return {
    name: nameIn(folder, set),
    index,
    read: (shard, at, length) => readShard(store, set, shard, at, length),
    use: async () => {
      if (Date.now() - usedAtMs < USE_INTERVAL_MS) return;
      await store.write(`${set}.${BINS_USED}-${newId('use')}`, new Uint8Array());
    },
    drop: () => dropSet(store, folder, set),
  };
}

function createSet(store: ObjectStore, folder: string, set: string): BinSetWriter {
  return {
    name: nameIn(folder, set),
    write: (shard, bytes) => writeShard(store, set, shard, bytes),
    seal: async (index) => {
      await failpoint('worker.bins.seal');
      await store.write(`${set}.${BINS_INDEX}`, index);
      await failpoint('worker.bins.sealed');
      return openSet(store, folder, set, Date.now(), index);
    },
    abandon: () => dropSet(store, folder, set),
  };
}

/** The index first: without it nobody looks for the rest. */
async function dropSet(store: ObjectStore, folder: string, set: string): Promise<void> {
  await store.delete(`${set}.${BINS_INDEX}`);
  const paths: string[] = [];
  for await (const { path } of objectsOf(store, folder, nameIn(folder, set))) paths.push(path);
  for (const path of paths) await store.delete(path);
}
