import type { ObjectStore } from '#object-store';
import { findDataset } from '#store';
import { createDuty, type Duty } from '../duties/index.ts';

const SWEEP_INTERVAL_MS = 3_600_000;
/** What was not touched for so long belongs to nobody who still writes. */
const ABANDONED_MS = 24 * 3_600_000;
/** Uploads that one run looks at. */
const UPLOADS_MAX = 10_000;

/** Removes what app servers that died in the middle of an upload left in the object store. */
export function objectSweeperDuty(store: ObjectStore, abandonedMs = ABANDONED_MS): Duty {
  return createDuty({
    name: 'object-sweeper',
    intervalMs: SWEEP_INTERVAL_MS,
    async run({ database, logger, signal }) {
      const temporary = await store.sweepTemporary(abandonedMs, { signal });
      let uploads = 0;
      let seen = 0;
      for await (const { path, modifiedAt } of store.list('uploads', { signal })) {
        seen += 1;
        if (seen > UPLOADS_MAX) break;
        const datasetId = path.split('/')[1] ?? '';
        if (Date.now() - modifiedAt.getTime() < abandonedMs) continue;
        if ((await findDataset(database, datasetId)) !== undefined) continue;
        await store.delete(path, { signal });
        uploads += 1;
      }
      if (temporary + uploads > 0)
        logger.info('objects_swept', 'abandoned objects were removed', { temporary, uploads });
    },
  });
}
