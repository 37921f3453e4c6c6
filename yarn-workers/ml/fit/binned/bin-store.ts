/**
 * Where the fits of a project keep sets of shards, and read those that earlier ones have left. All are a cache: whatever goes wrong here,
 * the fit goes on without it. Methods throw what the medium does.
 */
export interface BinStore {
  /** What made the sets: another program makes its own. */
  readonly program: string;
  /** Whole sets under a key, that which was used last first. */
  find(key: string): Promise<readonly BinSet[]>;
  /** A whole set that another process has found or sealed. */
  open(name: string): Promise<BinSet>;
  /** A new set, which nobody finds before it is sealed; two who create never meet. */
  create(key: string): BinSetWriter;
  /** A set that another process has created: this one writes other shards of it, or reads some before it is sealed. */
  join(name: string): Pick<BinSetWriter, 'write'> & Pick<BinSet, 'read'>;
}

/** A whole set of shards. */
export interface BinSet {
  /** Names it in this place. */
  readonly name: string;
  /** What it was sealed with. */
  readonly index: Uint8Array;
  /** Bytes of a shard: `length` of them from `at` on. */
  read(shard: string, at: number, length: number): Promise<Uint8Array>;
  /** It is of use: sets that are not are deleted one day. */
  use(): Promise<void>;
  /** It is damaged: nobody is to find it any more. */
  drop(): Promise<void>;
}

export interface BinSetWriter {
  /** Names it in this place. */
  readonly name: string;
  write(shard: string, bytes: Uint8Array): Promise<void>;
  /** Makes the set whole. */
  seal(index: Uint8Array): Promise<BinSet>;
  /** It will not be whole. */
  abandon(): Promise<void>;
}

/** What is kept cannot be written, or not be read as it was written; it never ends a fit, which makes it anew. */
export class BinsLost extends Error {
  constructor(what: string, cause?: unknown) {
    super(what, { cause });
    this.name = 'BinsLost';
  }
}

/** Does something with a store. @throws BinsLost */
export async function kept<T>(what: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (err) {
    throw new BinsLost(`${what}: ${err instanceof Error ? err.message : String(err)}`, err);
  }
}
