import { nullable, strict, Type, type EventValueKind, type Static } from '#contracts';
import {
  addAllToHistogram,
  addAllToMoments,
  addToTopValues,
  createHistogram,
  createMoments,
  createTopValues,
  HistogramData,
  histogramFromData,
  histogramToData,
  mergeHistogram,
  mergeMoments,
  mergeTopValues,
  MomentsData,
  momentsFromData,
  momentsToData,
  TopValuesData,
  topValuesFromData,
  topValuesToData,
  type Histogram,
  type Moments,
  type TopValues,
} from '#statistics';
import type { EventValue } from '#telemetry';
import type { FeatureBaseline } from './baseline.ts';

/** Frequent keys that are kept of those beyond the training rows' frequent ones. */
const OTHER_KEYS = 64;

/**
 * What one hour's values of a feature were: numbers in the bins of the training rows, keys by the levels of the training rows. Adds up
 * exactly, whatever the order and the parts; the frequent other keys are approximate beyond {@link OTHER_KEYS}.
 */
export interface FeatureState {
  eventCount: number;
  missingCount: number;
  unseenCount: number;
  /** Of numbers, dates, lengths of texts. */
  readonly moments: Moments | null;
  /** Null where the training rows had no bins. */
  readonly histogram: Histogram | null;
  /** Counts of the training rows' frequent keys, in their order; null for what is no category. */
  readonly levels: Float64Array | null;
  /** Other keys. */
  readonly others: TopValues | null;
}

/** {@link FeatureState} as it is stored, without its counts. */
export const FeatureStateData = strict({
  moments: nullable(MomentsData),
  histogram: nullable(HistogramData),
  levels: nullable(Type.Array(Type.Integer({ minimum: 0 }))),
  others: nullable(TopValuesData),
});
export type FeatureStateData = Static<typeof FeatureStateData>;

export function createFeatureState(kind: EventValueKind, baseline: FeatureBaseline | null): FeatureState {
  const isCategory = kind === 'category';
  const edges = baseline?.edges ?? null;
  return {
    eventCount: 0,
    missingCount: 0,
    unseenCount: 0,
    moments: isCategory || kind === 'place' ? null : createMoments(),
    histogram: isCategory || kind === 'place' || kind === 'text' || edges === null ? null : createHistogram(edges),
    levels: isCategory ? new Float64Array(baseline?.topValues?.length ?? 0) : null,
    others: isCategory ? createTopValues(OTHER_KEYS) : null,
  };
}

const one = new Float64Array(1);

/** @param placeOf of the training rows' frequent keys */
export function addValue(state: FeatureState, value: EventValue, placeOf: ReadonlyMap<string, number>): void {
  state.eventCount += 1;
  if (value === null) {
    state.missingCount += 1;
  } else if (typeof value === 'number') {
    one[0] = value;
    if (state.moments !== null) addAllToMoments(state.moments, one);
    if (state.histogram !== null) addAllToHistogram(state.histogram, one);
  } else if ('key' in value) {
    if (value.isUnseen) state.unseenCount += 1;
    const place = placeOf.get(value.key);
    if (place !== undefined && state.levels !== null) state.levels[place] = (state.levels[place] ?? 0) + 1;
    else if (state.others !== null) addToTopValues(state.others, value.key);
  }
}

export function featureStateToData({ moments, histogram, levels, others }: FeatureState): FeatureStateData {
  return {
    moments: moments === null ? null : momentsToData(moments),
    histogram: histogram === null ? null : histogramToData(histogram),
    levels: levels === null ? null : [...levels],
    others: others === null ? null : topValuesToData(others),
  };
}

/** Adds two stored states of one feature and model. */
export function mergeFeatureData(known: FeatureStateData, added: FeatureStateData): FeatureStateData {
  return {
    moments: merged(known.moments, added.moments, momentsFromData, mergeMoments, momentsToData),
    histogram: merged(known.histogram, added.histogram, histogramFromData, mergeHistogram, histogramToData),
    levels:
      known.levels === null ? added.levels : known.levels.map((count, place) => count + (added.levels?.[place] ?? 0)),
    others: merged(known.others, added.others, topValuesFromData, mergeTopValues, topValuesToData),
  };
}

/** What only one of them has is taken as it is: an hour in which the training statistics were not known at first. */
export function merged<D, S>(
  known: D | null,
  added: D | null,
  read: (data: D) => S,
  merge: (into: S, other: S) => void,
  write: (state: S) => D,
): D | null {
  if (known === null || added === null) return known ?? added;
  const state = read(known);
  merge(state, read(added));
  return write(state);
}
