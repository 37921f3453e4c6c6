import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError, SEGMENT_BYTES_MAX, type EventSchema, type LossReason } from '#contracts';
import { failpoint, type Logger } from '#runtime';
import { ByteWriter, sealSegment, writeEnd, writeLoss, writeSchema, type Loss, type TelemetryKeys } from '#telemetry';
import { errnoOf, syncFolder } from '../artifacts/atomic-file.ts';
import { createSegmentFile, type SegmentFile } from './segment-file.ts';
import { fileName, listSpool, pathOf, readRaw, type SpoolFile } from './spool-files.ts';

/** Segments that may wait without being compressed: as long as they are shipped as they come, that is the shipper's work. */
const UNSEALED_MAX = 2;
/** How often losses are written down while nothing else can be, milliseconds. */
const LOSSES_MS = 10_000;

export interface SpoolOptions {
  /** Of this process alone; `unlock` gives it up. */
  readonly dir: string;
  readonly unlock: () => void;
  readonly serverId: string;
  /** Random, never used before: 32 hexadecimal digits. */
  readonly epoch: string;
  /** Null as long as there are none: segments wait until there are. */
  readonly keys: () => TelemetryKeys | null;
  /** Of all files together; what would go beyond is lost, and counted. */
  readonly bytesMax: number;
  /** Age at which a segment is closed when none waits; those that wait become full first. */
  readonly segmentMs: number;
  readonly logger: Logger;
}

/** Whole frames of events, in the buffer of a turn. */
export interface SpoolFrame {
  readonly start: number;
  readonly end: number;
  readonly schemaId: number;
  readonly firstNumber: number;
  readonly count: number;
}

/** A segment that waits to be shipped. */
export interface WaitingSegment {
  readonly name: string;
  readonly sealed: Buffer;
}

export interface SpoolState {
  readonly sizeBytes: number;
  readonly waitingSegments: number;
  readonly lost: Readonly<Record<LossReason, number>>;
}

/**
 * Events on the way: segments of frames on this server's disk. What `write` has taken survives the death of the process (a
 * power cut may take what the kernel had not yet written). It never throws for the disk: what cannot be written is lost, and
 * counted in the stream itself.
 */
export interface Spool {
  /** Appends frames of events, in one write as long as they fit the open segment. */
  write(turn: Buffer, frames: readonly SpoolFrame[], schemas: ReadonlyMap<number, EventSchema>): void;
  /** Counts events that have a number and are not written. */
  lose(firstNumber: number, count: number, reason: LossReason): void;
  /** Appends a whole frame that is no event; false where it could not be, which nobody counts. */
  note(frame: Buffer): boolean;
  state(): SpoolState;
  /** The oldest segment that waits, null when none does. It stays until it is removed. */
  oldest(): Promise<WaitingSegment | null>;
  /** The segment has arrived. */
  remove(name: string): Promise<void>;
  /** The segment will never be taken: it is put aside as `.bad`, out of the way of those behind it. */
  putAside(name: string): Promise<void>;
  /** Calls `listener` when a segment begins to wait; one at a time. */
  onWaiting(listener: () => void): void;
  /** There are keys now: what waits can be delivered. */
  wake(): void;
  /** Says that the epoch ended after `endNumber` and closes its last segment; what waits can still be delivered. */
  close(endNumber: number): void;
  /** Gives the folder up, after the last call of all others. */
  unlock(): void;
}

/** Opens the spool of a folder that this process has alone, see `claimSpool`; `unlock` gives it up. */
export function openSpool(options: SpoolOptions): Spool {
  return new DiskSpool(options);
}

class DiskSpool implements Spool {
  readonly #options: SpoolOptions;
  readonly #startedAtMs = Date.now();
  /** Closed segments, oldest first. */
  #waiting: SpoolFile[];
  #open: { readonly name: string; readonly file: SegmentFile; readonly schemas: Set<number> } | null = null;
  #segment = 0;
  #closedBytes: number;
  #losses: Loss[] = [];
  /** What goes before the frames of a write. */
  readonly #head = new ByteWriter(256);
  #lossesWrittenAt = -Infinity;
  readonly #lost: Record<LossReason, number> = { 'spool-full': 0, disk: 0, 'too-large': 0 };
  #onWaiting: () => void = () => undefined;
  readonly #timer: NodeJS.Timeout;
  /** Reading, sealing and removing files, one after the other. */
  #files: Promise<unknown> = Promise.resolve();
  #isClosed = false;
  #lastTrouble = '';

  constructor(options: SpoolOptions) {
    this.#options = options;
    this.#waiting = listSpool(options.dir);
    this.#closedBytes = this.#waiting.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    if (this.#waiting.length > 0)
      options.logger.info('telemetry_kept', 'events of earlier starts wait to be shipped', {
        segments: this.#waiting.length,
        bytes: this.#closedBytes,
      });
    this.#timer = setInterval(() => this.#tick(), options.segmentMs);
    this.#timer.unref();
  }

  write(turn: Buffer, frames: readonly SpoolFrame[], schemas: ReadonlyMap<number, EventSchema>): void {
    for (let from = 0; from < frames.length;) from = this.#writeSome(turn, frames, from, schemas);
  }

  lose(firstNumber: number, count: number, reason: LossReason): void {
    this.#lost[reason] += count;
    const last = this.#losses.at(-1);
    if (last?.reason === reason && last.firstNumber + last.count === firstNumber)
      this.#losses[this.#losses.length - 1] = { ...last, count: last.count + count };
    else this.#losses.push({ firstNumber, count, reason, timeMs: Date.now() });
  }

  note(frame: Buffer): boolean {
    if ((this.#open?.file.sizeBytes ?? 0) + frame.length > SEGMENT_BYTES_MAX - ROOM_LEFT_BYTES) this.#rotate();
    return this.#append(frame, []) === null;
  }

  state(): SpoolState {
    return { sizeBytes: this.#sizeBytes, waitingSegments: this.#waiting.length, lost: { ...this.#lost } };
  }

  oldest(): Promise<WaitingSegment | null> {
    return this.#alone(async () => {
      for (;;) {
        const [file] = this.#waiting;
        const keys = this.#options.keys();
        if (file === undefined || (keys === null && !file.isSealed)) return null;
        const sealed = await this.#sealedBytes(file, keys);
        if (sealed !== null) return { name: file.name, sealed };
        await this.#forget(file.name);
      }
    });
  }

  remove(name: string): Promise<void> {
    return this.#alone(async () => {
      await failpoint('predictionServer.telemetry.beforeRemove');
      await this.#forget(name);
    });
  }

  putAside(name: string): Promise<void> {
    return this.#alone(async () => {
      const file = this.#waiting.find((entry) => entry.name === name);
      if (file !== undefined) await this.#aside(file);
      await this.#forget(name);
    });
  }

  onWaiting(listener: () => void): void {
    this.#onWaiting = listener;
  }

  wake(): void {
    this.#onWaiting();
  }

  close(endNumber: number): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    const writer = new ByteWriter(256);
    this.#takeLosses(writer);
    if (endNumber > 0) writeEnd(writer, endNumber, Date.now());
    if (writer.length > 0) this.#append(writer.view(), [], Infinity);
    this.#rotate();
  }

  unlock(): void {
    this.#options.unlock();
  }

  get #sizeBytes(): number {
    return this.#closedBytes + (this.#open?.file.sizeBytes ?? 0);
  }

  /** Writes as many frames as fit; gives the index of the first that is left. */
  #writeSome(
    turn: Buffer,
    frames: readonly SpoolFrame[],
    from: number,
    schemas: ReadonlyMap<number, EventSchema>,
  ): number {
    const first = frames[from];
    if (first === undefined) return frames.length;
    const head = this.#head;
    head.truncate(0);
    this.#writeLosses(head);
    const told: number[] = [];
    const used = this.#open?.file.sizeBytes ?? 0;
    let to = from;
    for (; to < frames.length; to += 1) {
      const frame = frames[to];
      if (frame === undefined) break;
      const before = head.length;
      const isNew = this.#open?.schemas.has(frame.schemaId) !== true && !told.includes(frame.schemaId);
      if (isNew) {
        const schema = schemas.get(frame.schemaId);
        if (schema === undefined) throw new AppError('INTERNAL', `events of the unknown schema ${frame.schemaId}`);
        writeSchema(head, frame.schemaId, schema);
      }
      if (used + head.length + (frame.end - first.start) > SEGMENT_BYTES_MAX) {
        head.truncate(before);
        break;
      }
      if (isNew) told.push(frame.schemaId);
    }
    if (to === from) {
      // Not even one: into a new segment, or nowhere.
      if (used > 0) this.#rotate();
      else this.lose(first.firstNumber, first.count, 'too-large');
      return used > 0 ? from : from + 1;
    }
    const end = frames[to - 1]?.end ?? first.start;
    const body = end - first.start === turn.length ? turn : turn.subarray(first.start, end);
    const lost = this.#append(head.length === 0 ? body : Buffer.concat([head.view(), body]), told);
    if (lost === null) this.#losses = [];
    else for (const { firstNumber, count } of frames.slice(from, to)) this.lose(firstNumber, count, lost);
    if ((this.#open?.file.sizeBytes ?? 0) >= SEGMENT_BYTES_MAX - ROOM_LEFT_BYTES) this.#rotate();
    return to;
  }

  /** Null when the bytes are on their way to the disk, else why not. */
  #append(bytes: Buffer, schemas: Iterable<number>, bytesMax = this.#options.bytesMax): LossReason | null {
    if (this.#sizeBytes + bytes.length > bytesMax) return 'spool-full';
    try {
      this.#open ??= this.#create();
      this.#open.file.append(bytes);
      for (const id of schemas) this.#open.schemas.add(id);
      this.#lastTrouble = '';
      return null;
    } catch (err) {
      if (this.#open?.file.isSound === false) this.#rotate();
      const code = errnoOf(err) ?? 'INTERNAL';
      if (code !== this.#lastTrouble)
        this.#options.logger.error('telemetry_lost', 'events cannot be written; answers go on, losses are counted', {
          err,
        });
      this.#lastTrouble = code;
      return 'disk';
    }
  }

  #create(): { readonly name: string; readonly file: SegmentFile; readonly schemas: Set<number> } {
    const { dir, epoch } = this.#options;
    const name = fileName(this.#startedAtMs, epoch, this.#segment);
    const file = createSegmentFile(pathOf(dir, { name, isSealed: false }));
    this.#segment += 1;
    return { name, file, schemas: new Set() };
  }

  /** Closes the open segment, which waits from now on. */
  #rotate(): void {
    const open = this.#open;
    if (open === null) return;
    this.#open = null;
    const { sizeBytes } = open.file;
    try {
      open.file.close();
    } catch (err) {
      this.#options.logger.error('telemetry_close_failed', 'a segment of telemetry did not close', { err });
    }
    this.#waiting.push({ name: open.name, isSealed: false, sizeBytes });
    this.#closedBytes += sizeBytes;
    if (this.#waiting.length > UNSEALED_MAX) void this.#alone(() => this.#sealOne());
    this.#onWaiting();
  }

  #tick(): void {
    const isLate = performance.now() - this.#lossesWrittenAt > LOSSES_MS;
    if (this.#losses.length > 0 && isLate) {
      const writer = new ByteWriter(256);
      this.#takeLosses(writer);
      const size = this.#open?.file.sizeBytes ?? 0;
      if (size + writer.length > SEGMENT_BYTES_MAX) this.#rotate();
      // Beyond the bound: a few bytes every ten seconds.
      if (this.#append(writer.view(), [], Infinity) === null) this.#losses = [];
    }
    if (this.#waiting.length === 0) this.#rotate();
  }

  #takeLosses(writer: ByteWriter): void {
    this.#lossesWrittenAt = performance.now();
    this.#writeLosses(writer);
  }

  #writeLosses(writer: ByteWriter): void {
    for (const loss of this.#losses) writeLoss(writer, loss);
  }

  /** @param keys those that there are, or the file is sealed */
  async #sealedBytes(file: SpoolFile, keys: TelemetryKeys | null): Promise<Buffer | null> {
    const { dir, serverId, logger } = this.#options;
    try {
      if (file.isSealed || keys === null) return await readFile(pathOf(dir, file));
      const { frames, facts, tornBytes } = readRaw(dir, file, serverId);
      if (tornBytes > 0)
        logger.warn('telemetry_torn', 'the end of a segment was being written when the server died', {
          segment: file.name,
          bytes: tornBytes,
        });
      return facts === null ? null : await sealSegment(facts, frames, keys);
    } catch (err) {
      logger.error('telemetry_unreadable', 'a segment of telemetry cannot be read and is put aside', {
        segment: file.name,
        err,
      });
      await this.#aside(file);
      return null;
    }
  }

  async #aside(file: SpoolFile): Promise<void> {
    const place = pathOf(this.#options.dir, file);
    await rename(place, `${place}.bad`).catch(() => undefined);
  }

  /** Compresses the oldest segment that is not; a disk without room for it leaves it as it is. */
  async #sealOne(): Promise<void> {
    const { dir } = this.#options;
    const file = this.#waiting.find(({ isSealed }) => !isSealed);
    const keys = this.#options.keys();
    if (file === undefined || keys === null) return;
    const sealed = await this.#sealedBytes(file, keys);
    if (sealed === null) return this.#forget(file.name);
    const target = path.join(dir, `${file.name}.seg`);
    try {
      await writeFile(`${target}.tmp`, sealed, { mode: 0o600, flush: true });
      await failpoint('predictionServer.telemetry.beforeSealed');
      await rename(`${target}.tmp`, target);
      syncFolder(dir);
    } catch {
      await rm(`${target}.tmp`, { force: true });
      return;
    }
    await failpoint('predictionServer.telemetry.afterSealed');
    this.#replace(file, { name: file.name, isSealed: true, sizeBytes: sealed.length });
    await rm(pathOf(dir, file), { force: true });
  }

  #replace(file: SpoolFile, sealed: SpoolFile): void {
    this.#waiting = this.#waiting.map((entry) => (entry === file ? sealed : entry));
    this.#closedBytes += sealed.sizeBytes - file.sizeBytes;
  }

  async #forget(name: string): Promise<void> {
    const file = this.#waiting.find((entry) => entry.name === name);
    if (file === undefined) return;
    this.#waiting = this.#waiting.filter((entry) => entry !== file);
    this.#closedBytes -= file.sizeBytes;
    await rm(pathOf(this.#options.dir, file), { force: true });
  }

  /** One file operation at a time; one that fails does not keep the others. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#files.then(work);
    this.#files = result.catch(() => undefined);
    return result;
  }
}

/** A segment with less room than this is full. */
const ROOM_LEFT_BYTES = 4_096;
