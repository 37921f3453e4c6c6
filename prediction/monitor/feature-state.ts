import type { EventValueKind } from '#contracts';
import {
  addAllToHistogram,
  addAllToMoments,
  addToTopValues,
  createHistogram,
  createMoments,
  createTopValues,
  histogramToData,
  momentsToData,
  topValuesToData,
  type FeatureBaseline,
  type FeatureStateData,
  type Histogram,
  type Moments,
  type TopValues,
} from '#statistics';
import type { EventValue } from '#telemetry';

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

/** {@link FeatureState} as it is stored, without its counts. */
export function featureStateToData({ moments, histogram, levels, others }: FeatureState): FeatureStateData {
  return {
    moments: moments === null ? null : momentsToData(moments),
    histogram: histogram === null ? null : histogramToData(histogram),
    levels: levels === null ? null : [...levels],
    others: others === null ? null : topValuesToData(others),
  };
}
