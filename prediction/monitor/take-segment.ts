import { isAppError, parse, type EventSchema, type SegmentHeader, type ServiceStatement } from '#contracts';
import { failpoint } from '#runtime';
import {
  FeatureStateData,
  mergeFeatureData,
  mergeOutcomeData,
  mergeSegmentData,
  OutcomeStateData,
  SegmentStateData,
  type Baseline,
} from '#statistics';
import {
  addPairs,
  addToHour,
  addToSegments,
  addWaitingSegment,
  countRefusal,
  lockEpoch,
  saveAssociations,
  saveEpoch,
  type Association,
  type Database,
  type NumberRange,
  type StateMerger,
  type Transaction,
} from '#store';
import { openSegment, readEvents, readFrames, type Loss, type TelemetryEvent, type TelemetryKeys } from '#telemetry';
import { createAggregate } from './aggregate.ts';
import { associationOf } from './associations.ts';
import type { Baselines } from './baselines.ts';
import { countOf, hear, isWithin, joined } from './numbers.ts';
import { createPairCollector } from './pair-collector.ts';
import { takeService } from './take-service.ts';

/** What came of a segment. */
export interface TakenSegment {
  /** Counted now. */
  readonly events: number;
  /** Counted before. */
  readonly duplicates: number;
  /** The code by which it was refused; null when it was believed. */
  readonly refusal: string | null;
}

/** A segment in full. */
interface Content {
  readonly header: SegmentHeader;
  readonly frames: readonly {
    readonly from: number;
    readonly end: number;
    readonly events: readonly TelemetryEvent[];
  }[];
  readonly losses: readonly Loss[];
  readonly finalNumber: number | null;
  readonly schemas: readonly EventSchema[];
  readonly statements: readonly ServiceStatement[];
}

export interface TakeOptions {
  readonly keys: TelemetryKeys;
  readonly baselines: Baselines;
  /** Whether its events are kept for the archive. @default false */
  readonly isArchived?: boolean;
}

/**
 * Counts the events of a segment: their numbers and what they add to their hours are written in one transaction, so that a
 * segment that comes again, or to two monitors at once, is counted once. One that is not believed is counted as that, and nothing else.
 *
 * @throws DATABASE_UNAVAILABLE, SERVER_UNAVAILABLE, TIMEOUT: nothing was counted then, and the segment must come again
 */
export async function takeSegment(
  database: Database,
  sealed: Buffer,
  { keys, baselines, isArchived = false }: TakeOptions,
): Promise<TakenSegment> {
  let content: Content;
  try {
    content = contentOf(sealed, keys);
  } catch (err) {
    if (!isAppError(err, 'TELEMETRY_INVALID') && !isAppError(err, 'TELEMETRY_SIGNATURE')) throw err;
    const refusal = err.code;
    await database.transaction((trx) => countRefusal(trx, refusal));
    return { events: 0, duplicates: 0, refusal };
  }
  const known = new Map<string, Baseline | null>();
  for (const { modelId, manifestSha256 } of content.schemas)
    known.set(manifestSha256, await baselines.of(modelId, manifestSha256));
  const taken = await database.transaction(async (trx) => {
    const { fresh, ...counted } = await count(trx, content, known);
    const eventCount = counted.events;
    const { epoch, sizeBytes: plainBytes } = content.header;
    if (isArchived && eventCount > 0)
      await addWaitingSegment(trx, { epoch, sealed, ranges: fresh }, { eventCount, plainBytes });
    await failpoint('monitor.beforeCommit');
    return counted;
  });
  await failpoint('monitor.afterCommit');
  return { ...taken, refusal: null };
}

/** @throws TELEMETRY_INVALID, TELEMETRY_SIGNATURE */
function contentOf(sealed: Buffer, keys: TelemetryKeys): Content {
  const { header, frames: bytes } = openSegment(sealed, keys);
  const schemas = new Map<number, EventSchema>();
  const frames: Content['frames'][number][] = [];
  const losses: Loss[] = [];
  const statements: ServiceStatement[] = [];
  let finalNumber: number | null = null;
  for (const frame of readFrames(bytes)) {
    if (frame.kind === 'schema') schemas.set(frame.schemaId, frame.schema);
    else if (frame.kind === 'loss') losses.push(frame);
    else if (frame.kind === 'end') finalNumber = frame.endNumber;
    else if (frame.kind === 'service') statements.push(frame.statement);
    else if (frame.kind === 'events') {
      const { firstNumber, count: eventCount } = frame;
      frames.push({ from: firstNumber, end: firstNumber + eventCount, events: [...readEvents(frame, schemas)] });
    }
  }
  return { header, frames, losses, finalNumber, schemas: [...schemas.values()], statements };
}

async function count(
  trx: Transaction,
  { header, frames, losses, finalNumber, statements }: Content,
  baselines: ReadonlyMap<string, Baseline | null>,
): Promise<Omit<TakenSegment, 'refusal'> & { readonly fresh: readonly NumberRange[] }> {
  const { epoch, serverId } = header;
  const before = await lockEpoch(trx, epoch, serverId);
  const aggregate = createAggregate(baselines);
  const collector = createPairCollector();
  const associations: Association[] = [];
  let numbers = before;
  let [eventCount, duplicateCount] = [0, 0];
  const allFresh: NumberRange[] = [];
  for (const { from, end, events } of frames) {
    const heard = hear(numbers, { from, end });
    numbers = heard.numbers;
    const fresh = countOf(heard.fresh);
    eventCount += fresh;
    allFresh.push(...heard.fresh);
    duplicateCount += events.length - fresh;
    for (const event of fresh === 0 ? [] : events) {
      if (fresh < events.length && !isWithin(heard.fresh, event.number)) continue;
      if (event.champion !== null) {
        collector.add(event, epoch);
        continue;
      }
      aggregate.add(event);
      const association = associationOf(event, aggregate.levelsOf);
      if (association !== null) associations.push(association);
    }
  }
  const lost = new Map<string, number>();
  for (const { firstNumber, count: lostCount, reason } of losses) {
    const heard = hear(numbers, { from: firstNumber, end: firstNumber + lostCount });
    numbers = heard.numbers;
    if (heard.fresh.length > 0) lost.set(reason, (lost.get(reason) ?? 0) + countOf(heard.fresh));
  }
  // What an epoch that has ended says of its end shows a gap at its end, too.
  if (finalNumber !== null && finalNumber > numbers.end)
    numbers = { end: finalNumber, gaps: [...numbers.gaps, { from: numbers.end, end: finalNumber }] };
  await failpoint('monitor.beforeHours');
  for (const hour of aggregate.hours()) {
    await addToHour(trx, hour, MERGER);
    await addToSegments(trx, hour.key, hour.segments, mergeSegments);
  }
  await takeService(trx, epoch, statements);
  for (const { key, pairs } of collector.pairs()) await addPairs(trx, key, pairs);
  await saveAssociations(trx, associations);
  await saveEpoch(trx, epoch, before, { numbers, finalNumber, eventCount, duplicateCount, losses: lost });
  return { events: eventCount, duplicates: duplicateCount, fresh: joined(allFresh) };
}

const MERGER: StateMerger = {
  predictions: (known, added) =>
    mergeOutcomeData(parse(OutcomeStateData, known, 'stored counts'), parse(OutcomeStateData, added, 'counts')),
  feature: (known, added) =>
    mergeFeatureData(parse(FeatureStateData, known, 'stored counts'), parse(FeatureStateData, added, 'counts')),
};

const mergeSegments = (known: unknown, added: unknown): SegmentStateData =>
  mergeSegmentData(parse(SegmentStateData, known, 'stored counts'), parse(SegmentStateData, added, 'counts'));
