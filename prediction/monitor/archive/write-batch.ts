import { createHash } from 'node:crypto';
import { isAppError, TELEMETRY_ARCHIVE, type EventSchema } from '#contracts';
import type { ObjectStore } from '#object-store';
import { writeParquet } from '#parquet';
import { failpoint, PROGRAM_VERSION } from '#runtime';
import { finishBatch, readBatch, type ArchivedFile, type Database, type WaitingSegmentRow } from '#store';
import { readEvents, readFrames, reopenSegment } from '#telemetry';
import { isWithin } from '../numbers.ts';
import { createEventColumns, type EventColumns } from './event-columns.ts';

/** Hexadecimal digits of a schema's hash in its folder's name. */
const HASH_LENGTH = 12;

/** Events of one file. */
interface Group {
  readonly deploymentId: string;
  readonly day: string;
  readonly folder: string;
  readonly columns: EventColumns;
}

/**
 * Writes the events of a batch into the archive, a file for each deployment, schema and day, and then forgets its segments. The files' names come
 * from the batch, and what is in a batch never changes: whoever dies on the way, or does the same beside another monitor, leaves files that the
 * next one finds as it would have written them.
 *
 * @returns events written, also by others before
 * @throws DISK_FULL, STORE_UNAVAILABLE, DATABASE_UNAVAILABLE: it is to be done again later
 */
export async function writeBatch(
  database: Database,
  store: ObjectStore,
  batch: string,
  signal: AbortSignal,
): Promise<number> {
  const files: ArchivedFile[] = [];
  for (const { deploymentId, day, folder, columns } of groupsOf(await readBatch(database, batch))) {
    const bytes = await writeParquet(columns.columns(), `trainyard ${PROGRAM_VERSION}`);
    const path = `${folder}/${batch}.parquet`;
    await writeOnce(store, path, bytes, signal);
    files.push({ path, deploymentId, day, eventCount: columns.rowCount, sizeBytes: bytes.length });
    await failpoint('monitor.archive.afterFile');
  }
  await failpoint('monitor.archive.beforeFinish');
  await database.transaction((trx) => finishBatch(trx, batch, files));
  return files.reduce((sum, { eventCount }) => sum + eventCount, 0);
}

async function writeOnce(store: ObjectStore, path: string, bytes: Buffer, signal: AbortSignal): Promise<void> {
  try {
    await store.write(path, bytes, { signal });
  } catch (err) {
    if (!isAppError(err, 'STORE_OBJECT_EXISTS')) throw err;
  }
}

function groupsOf(rows: readonly WaitingSegmentRow[]): readonly Group[] {
  const groups = new Map<string, Group>();
  const hashes = new Map<EventSchema, string>();
  for (const { epoch, sealed, ranges } of rows) {
    const schemas = new Map<number, EventSchema>();
    for (const frame of readFrames(reopenSegment(sealed).frames)) {
      if (frame.kind === 'schema') schemas.set(frame.schemaId, frame.schema);
      if (frame.kind !== 'events') continue;
      const day = new Date(frame.timeMs).toISOString().slice(0, 10);
      for (const event of readEvents(frame, schemas)) {
        if (!isWithin(ranges, event.number)) continue;
        const hash = hashes.get(event.schema) ?? hashOf(event.schema);
        hashes.set(event.schema, hash);
        groupOf(groups, event.schema, hash, day).columns.add(epoch, event);
      }
    }
  }
  return [...groups.values()];
}

function groupOf(groups: Map<string, Group>, schema: EventSchema, hash: string, day: string): Group {
  const { deploymentId } = schema;
  const folder = `${archiveFolder(deploymentId)}/schema=${hash}/day=${day}`;
  const group = groups.get(folder) ?? { deploymentId, day, folder, columns: createEventColumns(schema) };
  groups.set(folder, group);
  return group;
}

/** Where all events of a deployment are. */
export const archiveFolder = (deploymentId: string): string => `${TELEMETRY_ARCHIVE}/deployment=${deploymentId}`;

/** Of what decides a file's columns, so that files of a folder have the same: by which of them predictions are counted does not. */
const hashOf = ({ segments: _, ...schema }: EventSchema): string =>
  createHash('sha256').update(JSON.stringify(schema)).digest('hex').slice(0, HASH_LENGTH);
