/** A fit in a process of its own, whose bins are kept in a folder: `fit-with-bins.ts FOLDER [OPTIONS]`. Prints one JSON line. */
import type { BatchSource, FitStops, RowSpan, TrainTask } from '#contracts';
import type { BinSet, BinStore, Spool } from '#ml';
import { fitModel } from './in-memory.ts';
import { FileObjectStore, binsFolder } from '#object-store';
import { chunksInMemory } from '../../yarn-workers/ml/fit/binned/chunk-spool.ts';
import { binObjects } from '../../yarn-workers/worker/child/bin-objects.ts';
import { sha256, testEngine } from './boosting-engine.ts';
import { CELLS_MAX, source, taskOf } from './computed-table.ts';
import { joinRanks, type RankOptions } from './join-ranks.ts';
import { freeIo } from './modelling-task.ts';

/** What such a process is to do otherwise. */
export interface FitWithBinsOptions {
  readonly changes?: Partial<TrainTask>;
  /** One of several that fit the model. */
  readonly ranks?: RankOptions;
  /** There is no place for bins. */
  readonly isWithoutStore?: boolean;
  /** What begins with these words cannot be written, or not be read. */
  readonly unwritable?: string;
  readonly unreadable?: string;
  /** Time until the end of the fit. */
  readonly remainingMs?: number;
  /** Time that passes while it is looked what time it is. */
  readonly stepMs?: number;
}

/** What such a process says. */
export interface FittedWithBins {
  readonly contentHash: string;
  readonly stoppedByDeadline: boolean;
  readonly stops: FitStops;
  /** Of the rows that were held back; null in a refit. */
  readonly predictionsSha256: string | null;
  /** Columns of each read of the table. */
  readonly reads: readonly number[];
  /** Rows of each read that were wanted; null: all. */
  readonly spans: readonly (RowSpan | null)[];
  readonly spools: number;
  readonly log: readonly string[];
}

/** Of 4,000: there are five spans. */
const SPAN_ROWS_MIN = 700;

const [folder = '', text = '{}'] = process.argv.slice(2);
const options = JSON.parse(text) as FitWithBinsOptions; // of whoever starts it
const { ranks, changes = {}, isWithoutStore = false, unwritable, unreadable, remainingMs, stepMs = 0 } = options;
const reads: number[] = [];
const spans: (RowSpan | null)[] = [];
const log: string[] = [];
let spools = 0;
const counted: BatchSource = {
  rowCount: source.rowCount,
  batches: (request, signal, wanted) => {
    reads.push(request.length);
    spans.push(wanted ?? null);
    return source.batches(request, signal, wanted);
  },
};

/** A store in which some shards fail. */
function failing(store: BinStore): BinStore {
  const writes = async (shard: string, write: () => Promise<void>): Promise<void> => {
    if (unwritable !== undefined && shard.startsWith(unwritable)) throw new Error(`no space for ${shard}`);
    await write();
  };
  const reading = <T extends Pick<BinSet, 'read'>>(set: T): T => ({
    ...set,
    read: async (shard: string, at: number, length: number) => {
      if (unreadable !== undefined && shard.startsWith(unreadable)) throw new Error(`${shard} is gone`);
      return set.read(shard, at, length);
    },
  });
  return {
    ...store,
    find: async (key) => (await store.find(key)).map(reading),
    open: async (name) => reading(await store.open(name)),
    create: (key) => {
      const writer = store.create(key);
      return { ...writer, write: (shard, bytes) => writes(shard, () => writer.write(shard, bytes)) };
    },
    join: (name) => {
      const joined = store.join(name);
      return reading({ ...joined, write: (shard, bytes) => writes(shard, () => joined.write(shard, bytes)) });
    },
  };
}

const bins = failing(binObjects(new FileObjectStore(folder), binsFolder('project', 'alice'), '1.0.0'));
const engine = testEngine();
let passedMs = 0;
const { contentHash, outOfFold, stoppedByDeadline, stops } = await fitModel(
  taskOf(changes),
  counted,
  engine,
  freeIo({
    ...{
      matrixCellsMax: CELLS_MAX,
      chunkRowsMax: 512,
      spanRowsMin: SPAN_ROWS_MIN,
      log: (line: string) => void log.push(line),
    },
    ...(isWithoutStore ? {} : { bins }),
    ...(remainingMs === undefined
      ? {}
      : { now: () => performance.now() + (passedMs += stepMs), remainingMs: () => remainingMs - passedMs }),
    ...(ranks === undefined ? {} : { ranks: await joinRanks(engine, ranks) }),
    openSpool: async (): Promise<Spool> => {
      spools += 1;
      return { ...chunksInMemory(), close: async () => undefined };
    },
  }),
);
const predictionsSha256 =
  outOfFold === null ? null : sha256(new Uint8Array(Float64Array.from(outOfFold.predictions).buffer));
const said: FittedWithBins = { contentHash, stoppedByDeadline, stops, predictionsSha256, reads, spans, spools, log };
process.stdout.write(`${JSON.stringify(said)}\n`);
process.exit(0);
