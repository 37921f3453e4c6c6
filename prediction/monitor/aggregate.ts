import type { EventSchema } from '#contracts';
import type { Baseline, PredictionSpread } from '#statistics';
import type { FeatureLevel, HourCounts, HourKey, SegmentCounts } from '#store';
import { cutKey, type TelemetryEvent } from '#telemetry';
import { addValue, createFeatureState, featureStateToData, type FeatureState } from './feature-state.ts';
import { addOutcome, createOutcomeState, outcomeStateToData, type OutcomeState } from './outcome-state.ts';
import {
  addToSegment,
  createLevelFinder,
  createSegmentState,
  segmentStateToData,
  type LevelFinder,
  type SegmentState,
} from './segment-state.ts';

const HOUR_MS = 3_600_000;

/** Begin of the hour that a time lies in. */
export const hourOf = (timeMs: number): number => timeMs - (timeMs % HOUR_MS);

/** Counts of one hour with those of its segments. */
export interface AggregatedHour extends HourCounts {
  readonly segments: readonly SegmentCounts[];
}

/** Counts events by hour. */
export interface Aggregate {
  add(event: TelemetryEvent): void;
  /** Levels by which an event is counted. */
  readonly levelsOf: (event: TelemetryEvent) => FeatureLevel[];
  /** In the order of their keys. */
  hours(): AggregatedHour[];
}

interface Hour {
  readonly key: HourKey;
  readonly manifestSha256: string;
  readonly outcome: OutcomeState;
  readonly features: Map<string, FeatureState>;
  /** By feature. */
  readonly segments: Map<string, SegmentState>;
}

/** A feature of a schema, and where its training rows' frequent keys are counted. */
interface Column {
  readonly name: string;
  readonly placeOf: ReadonlyMap<string, number>;
  readonly create: () => FeatureState;
}

/** A feature by whose levels predictions are counted. */
interface SegmentColumn {
  readonly name: string;
  readonly levelOf: LevelFinder;
  /** Of its value in an event. */
  readonly index: number;
}

/** What the events of a schema are counted by. */
interface Told {
  readonly columns: readonly Column[];
  readonly segments: readonly SegmentColumn[];
  readonly spread: PredictionSpread | null;
}

/** @param baselines by SHA-256 of the manifest; null: nothing is known of the training rows */
export function createAggregate(baselines: ReadonlyMap<string, Baseline | null>): Aggregate {
  const hours = new Map<string, Hour>();
  const bySchema = new Map<EventSchema, Told>();
  const toldBy = (schema: EventSchema): Told => {
    const known = bySchema.get(schema) ?? toldOf(schema, baselines.get(schema.manifestSha256) ?? null);
    bySchema.set(schema, known);
    return known;
  };
  const hourOfEvent = ({ schema, timeMs }: TelemetryEvent, spread: PredictionSpread | null): Hour => {
    const { deploymentId, modelId, manifestSha256 } = schema;
    const hour = hourOf(timeMs);
    const text = `${deploymentId} ${modelId} ${String(hour).padStart(16, '0')}`;
    const known = hours.get(text);
    if (known !== undefined) return known;
    const key = { deploymentId, modelId, hour };
    const outcome = createOutcomeState(schema, spread);
    const made = { key, manifestSha256, outcome, features: new Map(), segments: new Map() };
    hours.set(text, made);
    return made;
  };
  return {
    add: (event) => {
      const { columns, segments, spread } = toldBy(event.schema);
      const found = hourOfEvent(event, spread);
      addOutcome(found.outcome, event);
      for (let index = 0; index < columns.length; index += 1) {
        const column = columns[index];
        if (column === undefined) continue;
        let state = found.features.get(column.name);
        if (state === undefined) found.features.set(column.name, (state = column.create()));
        addValue(state, event.values[index] ?? null, column.placeOf);
      }
      for (const { name, index, levelOf } of segments) {
        let state = found.segments.get(name);
        if (state === undefined) found.segments.set(name, (state = createSegmentState()));
        addToSegment(state, levelOf(event.values[index] ?? null), event, spread);
      }
    },
    levelsOf: ({ schema, values }) =>
      toldBy(schema).segments.map(({ name, index, levelOf }) => ({ feature: name, ...levelOf(values[index] ?? null) })),
    hours: () => [...hours.keys()].sort().flatMap((text) => countsOf(hours.get(text))),
  };
}

function toldOf(schema: EventSchema, baseline: Baseline | null): Told {
  const known = new Map(baseline?.features.map((feature) => [feature.name, feature]));
  const columns = schema.features.map(({ name, kind }): Column => {
    const training = known.get(name) ?? null;
    const placeOf = new Map(training?.topValues?.map(({ value }, place) => [cutKey(value), place]));
    return { name, placeOf, create: () => createFeatureState(kind, training) };
  });
  const segments = (schema.segments ?? []).flatMap((name): SegmentColumn[] => {
    const index = columns.findIndex((column) => column.name === name);
    const column = columns[index];
    if (column === undefined) return [];
    const frequent = known.get(name)?.topValues?.map(({ value }) => value) ?? [];
    return [{ name, index, levelOf: createLevelFinder(frequent, column.placeOf) }];
  });
  return { columns, segments, spread: baseline?.predictions ?? null };
}

function countsOf(hour: Hour | undefined): AggregatedHour[] {
  if (hour === undefined) return [];
  const { key, manifestSha256, outcome, features, segments } = hour;
  return [
    {
      key,
      manifestSha256,
      eventCount: outcome.eventCount,
      state: outcomeStateToData(outcome),
      features: [...features].map(([feature, state]) => ({
        feature,
        eventCount: state.eventCount,
        missingCount: state.missingCount,
        unseenCount: state.unseenCount,
        state: featureStateToData(state),
      })),
      segments: [...segments].map(([feature, state]) => ({
        ...{ feature, eventCount: state.eventCount, state: segmentStateToData(state) },
      })),
    },
  ];
}
