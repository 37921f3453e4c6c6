import { createHash, type Hash } from 'node:crypto';

/** One thing that happened. `detail` holds nothing that differs between two runs of a seed. */
export interface HistoryEntry {
  readonly atMs: number;
  /** Which process or part of the simulator. */
  readonly who: string;
  readonly what: string;
  readonly taskId: string | null;
  readonly detail: string;
}

/** Entries that are kept to be shown; the hash is over all. */
const ENTRIES_MAX = 200_000;

/** Everything that was said and done in a run, in order. */
export class History {
  readonly entries: HistoryEntry[] = [];
  readonly #hash: Hash = createHash('sha256');
  readonly #nowMs: () => number;

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  note(who: string, what: string, taskId: string | null = null, detail = ''): void {
    const entry = { atMs: Math.round(this.#nowMs()), who, what, taskId, detail };
    this.#hash.update(`${entry.atMs} ${who} ${what} ${taskId ?? '-'} ${detail}\n`);
    if (this.entries.length < ENTRIES_MAX) this.entries.push(entry);
  }

  /** SHA-256 of all entries so far. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

export const formatEntry = ({ atMs, who, what, taskId, detail }: HistoryEntry): string =>
  `${(atMs / 1_000).toFixed(3).padStart(10)} ${who.padEnd(14)} ${what}${taskId === null ? '' : ` ${taskId}`} ${detail}`.trimEnd();
