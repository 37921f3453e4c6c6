import type { EventSchema, SegmentLevel } from '#contracts';
import type { PredictionSpread, SegmentStateData } from '#statistics';
import type { EventValue, TelemetryEvent } from '#telemetry';
import { addOutcome, createOutcomeState, outcomeStateToData, type OutcomeState } from './outcome-state.ts';

/**
 * Where the values of a category count: frequent levels of the training rows by their own name, all others together, missing ones apart. The same
 * object for the same level.
 */
export type LevelFinder = (value: EventValue) => SegmentLevel;

const OTHERS: SegmentLevel = { kind: 'others', level: null };
const MISSING: SegmentLevel = { kind: 'missing', level: null };

/** @param frequent names of the training rows' frequent levels @param placeOf where a key is among them */
export function createLevelFinder(frequent: readonly string[], placeOf: ReadonlyMap<string, number>): LevelFinder {
  const levels = frequent.map((level): SegmentLevel => ({ kind: 'level', level }));
  return (value) => {
    if (value === null) return MISSING;
    const place = typeof value === 'object' && 'key' in value ? placeOf.get(value.key) : undefined;
    return levels[place ?? -1] ?? OTHERS;
  };
}

/** One hour's predictions by the levels of a feature: at most as many as there are frequent ones in training, and two. */
export interface SegmentState {
  eventCount: number;
  readonly levels: Map<SegmentLevel, OutcomeState>;
}

export const createSegmentState = (): SegmentState => ({ eventCount: 0, levels: new Map() });

/**
 * @param level as a `LevelFinder` gives it
 * @param spread of predictions in training, if it is known
 */
export function addToSegment(
  state: SegmentState,
  level: SegmentLevel,
  event: TelemetryEvent,
  spread: PredictionSpread | null,
): void {
  state.eventCount += 1;
  let outcome = state.levels.get(level);
  if (outcome === undefined) state.levels.set(level, (outcome = createLevelOutcome(event.schema, spread)));
  addOutcome(outcome, event);
}

/** Without the sketch of predicted values, which is most of a state's bytes: of a level the mean and the bins are told. */
const createLevelOutcome = (schema: EventSchema, spread: PredictionSpread | null): OutcomeState => ({
  ...createOutcomeState(schema, spread),
  quantiles: null,
});

/** {@link SegmentState} as it is stored, without its count. */
export const segmentStateToData = ({ levels }: SegmentState): SegmentStateData => ({
  levels: [...levels].map(([{ kind, level }, outcome]) => ({
    ...{ kind, level, eventCount: outcome.eventCount },
    predictions: outcomeStateToData(outcome),
  })),
});
