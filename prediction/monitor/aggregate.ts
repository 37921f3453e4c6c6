import type { EventSchema } from '#contracts';
import type { Baseline } from '#statistics';
import type { HourCounts, HourKey } from '#store';
import type { TelemetryEvent } from '#telemetry';
import { addValue, createFeatureState, featureStateToData, type FeatureState } from './feature-state.ts';
import { addOutcome, createOutcomeState, outcomeStateToData, type OutcomeState } from './outcome-state.ts';

const HOUR_MS = 3_600_000;

/** Begin of the hour that a time lies in. */
export const hourOf = (timeMs: number): number => timeMs - (timeMs % HOUR_MS);

/** Counts events by hour. */
export interface Aggregate {
  add(event: TelemetryEvent): void;
  /** In the order of their keys. */
  hours(): HourCounts[];
}

interface Hour {
  readonly key: HourKey;
  readonly manifestSha256: string;
  readonly outcome: OutcomeState;
  readonly features: Map<string, FeatureState>;
}

/** A feature of a schema, and where its training rows' frequent keys are counted. */
interface Column {
  readonly name: string;
  readonly placeOf: ReadonlyMap<string, number>;
  readonly create: () => FeatureState;
}

/** @param baselines by SHA-256 of the manifest; null: nothing is known of the training rows */
export function createAggregate(baselines: ReadonlyMap<string, Baseline | null>): Aggregate {
  const hours = new Map<string, Hour>();
  const columns = new Map<EventSchema, readonly Column[]>();
  const columnsFor = (schema: EventSchema): readonly Column[] => {
    const known = columns.get(schema) ?? columnsOf(schema, baselines.get(schema.manifestSha256) ?? null);
    columns.set(schema, known);
    return known;
  };
  const spreadOf = ({ manifestSha256 }: EventSchema) => baselines.get(manifestSha256)?.predictions ?? null;
  return {
    add: (event) => {
      const { schema, timeMs, values } = event;
      const { deploymentId, modelId, manifestSha256 } = schema;
      const hour = hourOf(timeMs);
      const text = `${deploymentId} ${modelId} ${String(hour).padStart(16, '0')}`;
      let found = hours.get(text);
      if (found === undefined) {
        const key = { deploymentId, modelId, hour };
        found = { key, manifestSha256, outcome: createOutcomeState(schema, spreadOf(schema)), features: new Map() };
        hours.set(text, found);
      }
      addOutcome(found.outcome, event);
      const told = columnsFor(schema);
      for (let index = 0; index < told.length; index += 1) {
        const column = told[index];
        if (column === undefined) continue;
        let state = found.features.get(column.name);
        if (state === undefined) found.features.set(column.name, (state = column.create()));
        addValue(state, values[index] ?? null, column.placeOf);
      }
    },
    hours: () => [...hours.keys()].sort().flatMap((text) => countsOf(hours.get(text))),
  };
}

function columnsOf(schema: EventSchema, baseline: Baseline | null): readonly Column[] {
  const known = new Map(baseline?.features.map((feature) => [feature.name, feature]));
  return schema.features.map(({ name, kind }) => {
    const training = known.get(name) ?? null;
    const placeOf = new Map(training?.topValues?.map(({ value }, place) => [value, place]));
    return { name, placeOf, create: () => createFeatureState(kind, training) };
  });
}

function countsOf(hour: Hour | undefined): HourCounts[] {
  if (hour === undefined) return [];
  const { key, manifestSha256, outcome, features } = hour;
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
    },
  ];
}
