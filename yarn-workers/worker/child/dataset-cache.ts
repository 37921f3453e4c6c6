import type { BatchSource, StoredTable } from '#contracts';
import { cachedSource, type CachedSource } from '#tables';
import { CACHED_DATASETS_MAX } from '../ipc/messages.ts';

/** Datasets whose decoded columns are kept at most. */
export const CACHED_TABLES_MAX = 8;

/** What a decoded cell takes at most, texts of dictionaries apart. */
const CELL_BYTES = 8;

interface Entry {
  readonly datasetId: string;
  readonly source: CachedSource;
}

/**
 * Decoded columns of the datasets that this worker used last, kept from task to task: `bytesMax` for all together.
 * The key is the dataset with the hashes of its files, so that what is given is always what the task's table names.
 */
export class DatasetCache {
  readonly #bytesMax: number;
  /** In order of use, the newest last. */
  readonly #entries = new Map<string, Entry>();

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Datasets of which columns are held, the newest first. */
  get datasetIds(): string[] {
    const held = [...this.#entries.values()].filter(({ source }) => source.cachedBytes > 0);
    return [...new Set(held.map(({ datasetId }) => datasetId).reverse())].slice(0, CACHED_DATASETS_MAX);
  }

  get bytes(): number {
    return [...this.#entries.values()].reduce((sum, { source }) => sum + source.cachedBytes, 0);
  }

  /**
   * The table through the cache. Other datasets are forgotten, the oldest first, until this one fits beside them as far
   * as its size can be told beforehand; `trim` settles what could not.
   *
   * @param open opens the table when it is not known
   */
  source(datasetId: string, table: StoredTable, open: () => BatchSource): BatchSource {
    const wholeBytes = table.rowCount * table.columns.length * CELL_BYTES;
    // Of its columns few would be kept, of no use to tasks that read most.
    if (wholeBytes > this.#bytesMax) return open();
    const key = [datasetId, ...table.files.map((file) => file.sha256), ...inPlaceKeys(table)].join(' ');
    const found = this.#entries.get(key);
    this.#entries.delete(key);
    const wanted = Math.min(this.#bytesMax, Math.max(wholeBytes, found?.source.cachedBytes ?? 0));
    this.#forget(this.#bytesMax - wanted, CACHED_TABLES_MAX - 1);
    const source = found?.source ?? cachedSource(open(), { bytesMax: this.#bytesMax });
    this.#entries.set(key, { datasetId, source });
    return source;
  }

  /** Called after each task: forgets the oldest datasets until all together are within the limit again. */
  trim(): void {
    this.#forget(this.#bytesMax, CACHED_TABLES_MAX);
  }

  close(): void {
    this.#forget(-1, 0);
  }

  #forget(bytesMax: number, countMax: number): void {
    for (const [key, { source }] of [...this.#entries]) {
      if (this.#entries.size <= countMax && this.bytes <= bytesMax) break;
      source.close();
      this.#entries.delete(key);
    }
  }
}

/** Files that are read in place have no hash: how they were registered stands for it. */
function inPlaceKeys({ inPlaceFiles = [] }: StoredTable): string[] {
  return inPlaceFiles.map(({ path, sizeBytes, modifiedAt }) => `${path}:${sizeBytes}:${modifiedAt}`);
}
