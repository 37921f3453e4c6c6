import { nullable, strict, Type, type EventSchema, type Static } from '#contracts';
import {
  addAllToHistogram,
  addAllToMoments,
  addAllToQuantiles,
  createHistogram,
  createMoments,
  createQuantileSketch,
  HistogramData,
  histogramEdges,
  histogramFromData,
  histogramToData,
  mergeHistogram,
  mergeMoments,
  mergeQuantiles,
  MomentsData,
  momentsFromData,
  momentsToData,
  quantilesFromData,
  QuantileSketchData,
  quantilesToData,
  type Histogram,
  type Moments,
  type QuantileSketch,
} from '#statistics';
import type { TelemetryEvent } from '#telemetry';
import { merged } from './feature-state.ts';

/** Bins of probabilities, from 0 to 1. */
const PROBABILITY_BINS = 20;
/** Of the sketch of predicted values: 2.6 % rank error in an hour, less over more of them. */
const SKETCH_K = 128;

/** What one hour's predictions of a model were. */
export interface OutcomeState {
  eventCount: number;
  /** By class; null for regression. */
  readonly classCounts: Float64Array | null;
  /** Of two classes the probability of the second, of more that of the predicted one; null for regression. */
  readonly probabilities: Histogram | null;
  /** Of the predicted values; null for classifiers. */
  readonly moments: Moments | null;
  readonly quantiles: QuantileSketch | null;
}

/** {@link OutcomeState} as it is stored. */
export const OutcomeStateData = strict({
  classCounts: nullable(Type.Array(Type.Integer({ minimum: 0 }))),
  probabilities: nullable(HistogramData),
  moments: nullable(MomentsData),
  quantiles: nullable(QuantileSketchData),
});
export type OutcomeStateData = Static<typeof OutcomeStateData>;

export function createOutcomeState({ classes }: EventSchema): OutcomeState {
  const isRegression = classes.length === 0;
  return {
    eventCount: 0,
    classCounts: isRegression ? null : new Float64Array(classes.length),
    probabilities: isRegression ? null : createHistogram(histogramEdges(0, 1, PROBABILITY_BINS)),
    moments: isRegression ? createMoments() : null,
    quantiles: isRegression ? createQuantileSketch(SKETCH_K) : null,
  };
}

const one = new Float64Array(1);

export function addOutcome(state: OutcomeState, { value, classIndex, probabilities, schema }: TelemetryEvent): void {
  const { classCounts, probabilities: histogram, moments, quantiles } = state;
  state.eventCount += 1;
  if (classCounts !== null) classCounts[classIndex] = (classCounts[classIndex] ?? 0) + 1;
  if (histogram !== null) {
    const place = schema.classes.length === 2 ? 1 : probabilities.length === 1 ? 0 : classIndex;
    one[0] = probabilities[place] ?? NaN;
    addAllToHistogram(histogram, one);
  }
  one[0] = value ?? NaN;
  if (moments !== null) addAllToMoments(moments, one);
  if (quantiles !== null) addAllToQuantiles(quantiles, one);
}

export function outcomeStateToData({ classCounts, probabilities, moments, quantiles }: OutcomeState): OutcomeStateData {
  return {
    classCounts: classCounts === null ? null : [...classCounts],
    probabilities: probabilities === null ? null : histogramToData(probabilities),
    moments: moments === null ? null : momentsToData(moments),
    quantiles: quantiles === null ? null : quantilesToData(quantiles),
  };
}

/** Adds two stored states of one model. */
export function mergeOutcomeData(known: OutcomeStateData, added: OutcomeStateData): OutcomeStateData {
  return {
    classCounts:
      known.classCounts?.map((count, label) => count + (added.classCounts?.[label] ?? 0)) ?? added.classCounts,
    probabilities: merged(known.probabilities, added.probabilities, histogramFromData, mergeHistogram, histogramToData),
    moments: merged(known.moments, added.moments, momentsFromData, mergeMoments, momentsToData),
    quantiles: merged(known.quantiles, added.quantiles, quantilesFromData, mergeQuantiles, quantilesToData),
  };
}
