import { SERVICE_COUNTERS_MAX, type EventSchema, type ServiceCounters } from '#contracts';
import { randomHex, type Logger } from '#runtime';
import type { RawRow, RowPrediction } from '#scoring';
import {
  beginFrame,
  ByteWriter,
  endFrame,
  FRAME_KINDS,
  writeEventHead,
  writeOutcome,
  writeService,
  type TelemetryKeys,
} from '#telemetry';
import type { WantedArtifact } from '../artifacts/artifact-cache.ts';
import type { ServedDeployment } from '../deployments.ts';
import { eventEncoder, type EventEncoder } from './event-encoder.ts';
import { claimSpool } from './spool-lock.ts';
import { openSpool, type Spool, type SpoolFrame } from './spool.ts';

/** A frame is closed at this size: one damaged place costs no more, and it fits any segment. */
const FRAME_BYTES = 64 * 1024;
/** An answer that comes this long after the last write, milliseconds, is hardly one of several in a turn: it is not kept waiting for others. */
const CROWDED_MS = 0.05;
/** So many answers of a turn are written, and go out, before its end: a turn of many requests lasts long. */
const ANSWERS_PER_WRITE = 32;
/** Largest event. */
const EVENT_BYTES_MAX = 512 * 1024;
/** Writers that are kept for answers under way. */
const WRITERS_KEPT = 64;

/** The events of one answer. They have no number, and are nowhere, before they are recorded. */
export interface AnswerEvents {
  /**
   * @param prediction of this very row, as the model made it; read at once
   * @param rules bits of the humility rules that hold
   */
  add(row: RawRow, prediction: RowPrediction, associationId?: string | null, rules?: number): void;
  /** The answer is made. Once. */
  record(): void;
}

/** Events of a challenger: what it predicted beside what was answered. */
export interface ChallengerEvents {
  /** Both predictions are of the same row and in the same classes; read at once. */
  add(champion: RowPrediction, challenger: RowPrediction, associationId: string | null): void;
  /** Once. */
  record(): void;
}

/**
 * Tells of predictions. Events are written before their answers go out: what was answered was recorded. Where answers follow each other closely,
 * those of one turn of the event loop are written at once.
 */
export interface Telemetry {
  /** Null for a deployment whose telemetry is off. */
  answerEvents(served: ServedDeployment): AnswerEvents | null;
  /** The same for a challenger of a served deployment. */
  challengerEvents(served: ServedDeployment, challenger: WantedArtifact): ChallengerEvents | null;
  /** Calls `then` once all that was recorded is written, or lost and counted: at once, or at the end of this turn. */
  afterWrite(then: () => void): void;
  /** Tells how deployments were served since the start of this process: those whose counters have grown since they were told last. */
  tellService(counters: readonly ServiceCounters[]): void;
  readonly spool: Spool;
  /** Events recorded since the start, lost ones included. */
  recordedCount(): number;
  /** Writes what is left, and that nothing follows. */
  close(): void;
}

export interface TelemetryOptions {
  /** Shared by the processes of one server; each takes a folder in it. */
  readonly spoolDir: string;
  readonly spoolBytesMax: number;
  readonly segmentMs: number;
  readonly serverId: string;
  /** See `SpoolOptions`. */
  readonly keys: () => TelemetryKeys | null;
  readonly logger: Logger;
  /** A clock that only goes forward, milliseconds. @default performance.now */
  readonly nowMs?: () => number;
}

/** @throws CONFIG_INVALID see `claimSpool` */
export function openTelemetry(options: TelemetryOptions): Telemetry {
  const { spoolDir, spoolBytesMax, segmentMs, serverId, keys, logger } = options;
  const epoch = randomHex(16);
  const claimed = claimSpool(spoolDir);
  const spool = openSpool({ ...claimed, serverId, epoch, keys, bytesMax: spoolBytesMax, segmentMs, logger });
  return new SpooledTelemetry(spool, options.nowMs ?? (() => performance.now()));
}

interface Known {
  readonly encoder: EventEncoder;
  readonly schemaId: number;
}

/** Events of an answer that lie in one frame; `end` is in the answer's writer. */
interface Chunk {
  readonly end: number;
  readonly count: number;
  /** These are too large to be told. */
  readonly isLost: boolean;
}

/** Events that a writer has from `from` to `end`. */
interface Part {
  readonly from: number;
  readonly end: number;
  readonly count: number;
}

class SpooledTelemetry implements Telemetry {
  readonly spool: Spool;
  readonly #known = new WeakMap<ServedDeployment, Known | null>();
  readonly #schemas = new Map<number, EventSchema>();
  readonly #idOf = new Map<string, number>();
  readonly #writers: ByteWriter[] = [];
  readonly #nowMs: () => number;
  #nextNumber = 0;
  /** Events of this turn, of one schema and with numbers in a row, that are not in a frame yet. */
  readonly #group = new ByteWriter();
  #groupOf: { readonly schemaId: number; readonly firstNumber: number; count: number } | null = null;
  readonly #turn = new ByteWriter();
  #frames: SpoolFrame[] = [];
  #after: (() => void)[] = [];
  /** There is a write at the end of this turn. */
  #isScheduled = false;
  /** Answers whose events are not written yet, and when others were last. */
  #answers = 0;
  #writtenAt = -Infinity;
  /** Several answers shared the last write. */
  #isCrowded = false;
  #statement = 0;
  /** Requests of each deployment as they were told last. */
  readonly #toldRequests = new Map<string, number>();

  constructor(spool: Spool, nowMs: () => number) {
    this.spool = spool;
    this.#nowMs = nowMs;
  }

  answerEvents(served: ServedDeployment): AnswerEvents | null {
    const known = this.#knownOf(served);
    if (known === null) return null;
    const { encoder, schemaId } = known;
    const { writer, ended, record } = this.#gather(schemaId);
    return {
      add: (row, prediction, associationId = null, rules = 0) => {
        const before = writer.length;
        encoder.encode(writer, schemaId, row, prediction, associationId, rules);
        ended(before);
      },
      record,
    };
  }

  challengerEvents(served: ServedDeployment, challenger: WantedArtifact): ChallengerEvents | null {
    if (this.#knownOf(served) === null) return null;
    const schemaId = this.#schemaId(challengerSchema(served, challenger));
    const { writer, ended, record } = this.#gather(schemaId);
    return {
      add: (champion, prediction, associationId) => {
        const before = writer.length;
        writeEventHead(writer, schemaId, associationId, prediction);
        writeOutcome(writer, champion);
        ended(before);
      },
      record,
    };
  }

  /** Puts the events of one answer together into frames. */
  #gather(schemaId: number) {
    const writer = this.#writers.pop() ?? new ByteWriter(4096);
    const chunks: Chunk[] = [];
    let [start, count] = [0, 0];
    const cut = (isLost: boolean) => {
      if (count > 0) chunks.push({ end: writer.length, count, isLost });
      [start, count] = [writer.length, 0];
    };
    return {
      writer,
      /** @param before length of the writer before the event */
      ended: (before: number): void => {
        if (writer.length - before > EVENT_BYTES_MAX) {
          writer.truncate(before);
          cut(false);
          count = 1;
          cut(true);
          return;
        }
        count += 1;
        if (writer.length - start >= FRAME_BYTES) cut(false);
      },
      record: (): void => {
        cut(false);
        if (chunks.length > 0) this.#record(schemaId, writer, chunks);
        writer.truncate(0);
        if (this.#writers.length < WRITERS_KEPT) this.#writers.push(writer);
      },
    };
  }

  afterWrite(then: () => void): void {
    if (this.#answers > 0) this.#after.push(then);
    else then();
  }

  tellService(counters: readonly ServiceCounters[]): void {
    const grown = counters.filter((one) => requestsOf(one) !== (this.#toldRequests.get(one.deploymentId) ?? 0));
    for (let from = 0; from < grown.length; from += SERVICE_COUNTERS_MAX) {
      const told = grown.slice(from, from + SERVICE_COUNTERS_MAX);
      const writer = new ByteWriter(4096);
      const statement = { statement: this.#statement, timeMs: Date.now(), counters: told };
      writeService(writer, this.#nextNumber, statement);
      if (!this.spool.note(writer.view())) return;
      this.#statement += 1;
      for (const one of told) this.#toldRequests.set(one.deploymentId, requestsOf(one));
    }
  }

  recordedCount(): number {
    return this.#nextNumber;
  }

  close(): void {
    this.#write();
    this.spool.close(this.#nextNumber);
  }

  #record(schemaId: number, writer: ByteWriter, chunks: readonly Chunk[]): void {
    let from = 0;
    for (const { end, count, isLost } of chunks) {
      if (isLost) {
        this.#closeGroup();
        this.spool.lose(this.#nextNumber, count, 'too-large');
      } else this.#join(schemaId, writer, { from, end, count });
      this.#nextNumber += count;
      from = end;
    }
    this.#answers += 1;
    const isAlone = this.#answers === 1 && !this.#isCrowded && this.#nowMs() - this.#writtenAt > CROWDED_MS;
    if (isAlone || this.#answers >= ANSWERS_PER_WRITE) this.#write();
    else this.#writeAtTurnsEnd();
  }

  /** All requests that this turn finds on its sockets are answered before it. */
  #writeAtTurnsEnd(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#write();
    });
  }

  /** Answers of one turn share frames: a checksum for each of them would cost what encoding it does. */
  #join(schemaId: number, events: ByteWriter, { from, end, count }: Part): void {
    const isFull = this.#group.length + end - from > FRAME_BYTES;
    if (this.#groupOf !== null && (isFull || this.#groupOf.schemaId !== schemaId)) this.#closeGroup();
    this.#groupOf ??= { schemaId, firstNumber: this.#nextNumber, count: 0 };
    this.#groupOf.count += count;
    this.#group.copy(events, from, end);
  }

  #closeGroup(): void {
    if (this.#groupOf === null) return;
    const { schemaId, firstNumber, count } = this.#groupOf;
    const turn = this.#turn;
    const start = turn.length;
    const frame = beginFrame(turn, FRAME_KINDS.events);
    turn.varint(firstNumber);
    turn.varint(count);
    turn.varint(Date.now());
    turn.copy(this.#group);
    endFrame(turn, frame);
    this.#frames.push({ start, end: turn.length, schemaId, firstNumber, count });
    this.#group.truncate(0);
    this.#groupOf = null;
  }

  #write(): void {
    if (this.#answers === 0) return;
    this.#isCrowded = this.#answers > 1;
    this.#answers = 0;
    this.#writtenAt = this.#nowMs();
    this.#closeGroup();
    const [frames, after] = [this.#frames, this.#after];
    [this.#frames, this.#after] = [[], []];
    this.spool.write(this.#turn.view(), frames, this.#schemas);
    this.#turn.truncate(0);
    for (const then of after) then();
  }

  #knownOf(served: ServedDeployment): Known | null {
    const found = this.#known.get(served);
    if (found !== undefined) return found;
    const settings = served.record.settings.telemetry;
    const known = settings?.enabled === false ? null : this.#numbered(eventEncoder(served, settings));
    this.#known.set(served, known);
    return known;
  }

  /** Deployments that are swapped back and forth keep their numbers. */
  #numbered(encoder: EventEncoder): Known {
    return { encoder, schemaId: this.#schemaId(encoder.schema) };
  }

  #schemaId(schema: EventSchema): number {
    const key = JSON.stringify(schema);
    const schemaId = this.#idOf.get(key) ?? this.#idOf.size;
    this.#idOf.set(key, schemaId);
    this.#schemas.set(schemaId, schema);
    return schemaId;
  }
}

const requestsOf = ({ statuses }: ServiceCounters): number =>
  Object.values(statuses).reduce((sum, count) => sum + count, 0);

/** Events of challengers carry no values: the champion's events have those of the row. */
const challengerSchema = ({ record, artifact }: ServedDeployment, challenger: WantedArtifact): EventSchema => ({
  deploymentId: record.deploymentId,
  modelId: challenger.modelId,
  manifestSha256: challenger.manifestSha256,
  classes: [...artifact.manifest.content.classes],
  features: [],
  champion: { modelId: record.modelId, manifestSha256: record.manifestSha256 },
});
