/** A fit in a process of its own, whose bins are kept in a folder: `fit-with-bins.ts FOLDER`. Prints one JSON line. */
import type { BatchSource } from '#contracts';
import { fitModel } from '#ml';
import { FileObjectStore, binsFolder } from '#object-store';
import { binObjects } from '../../yarn-workers/worker/child/bin-objects.ts';
import { testEngine } from './boosting-engine.ts';
import { CELLS_MAX, source, taskOf } from './computed-table.ts';
import { freeIo } from './modelling-task.ts';

/** What such a process says. */
export interface FittedWithBins {
  readonly contentHash: string;
  /** Columns of each read of the table. */
  readonly reads: readonly number[];
  readonly log: readonly string[];
}

const [folder = ''] = process.argv.slice(2);
const reads: number[] = [];
const log: string[] = [];
const counted: BatchSource = {
  rowCount: source.rowCount,
  batches: (request, signal) => {
    reads.push(request.length);
    return source.batches(request, signal);
  },
};
const { contentHash } = await fitModel(
  taskOf({}),
  counted,
  testEngine(),
  freeIo({
    ...{ matrixCellsMax: CELLS_MAX, chunkRowsMax: 512, log: (line: string) => void log.push(line) },
    bins: binObjects(new FileObjectStore(folder), binsFolder('project', 'alice'), '1.0.0'),
    openSpool: () => Promise.reject(new Error('there is no spool')),
  }),
);
const said: FittedWithBins = { contentHash, reads, log };
process.stdout.write(`${JSON.stringify(said)}\n`);
