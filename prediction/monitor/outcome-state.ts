import type { EventSchema } from '#contracts';
import {
  addAllToHistogram,
  addAllToMoments,
  addAllToQuantiles,
  createHistogram,
  createMoments,
  createQuantileSketch,
  histogramEdges,
  histogramToData,
  momentsToData,
  PROBABILITY_BINS,
  quantilesToData,
  type Histogram,
  type Moments,
  type OutcomeStateData,
  type PredictionSpread,
  type QuantileSketch,
} from '#statistics';
import type { TelemetryEvent } from '#telemetry';

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
  /** In the bins of training; null where these are not known. */
  readonly values: Histogram | null;
  /** Probabilities of the predicted classes; null for regression. */
  readonly confidence: Moments | null;
}

/** @param spread of predictions in training, if it is known */
export function createOutcomeState({ classes }: EventSchema, spread: PredictionSpread | null): OutcomeState {
  const isRegression = classes.length === 0;
  const edges = spread?.edges ?? null;
  return {
    eventCount: 0,
    classCounts: isRegression ? null : new Float64Array(classes.length),
    probabilities: isRegression ? null : createHistogram(histogramEdges(0, 1, PROBABILITY_BINS)),
    moments: isRegression ? createMoments() : null,
    quantiles: isRegression ? createQuantileSketch(SKETCH_K) : null,
    values: isRegression && edges !== null ? createHistogram(edges) : null,
    confidence: isRegression ? null : createMoments(),
  };
}

const one = new Float64Array(1);

export function addOutcome(state: OutcomeState, { value, classIndex, probabilities, schema }: TelemetryEvent): void {
  const { classCounts, probabilities: histogram, moments, quantiles, values, confidence } = state;
  state.eventCount += 1;
  if (classCounts !== null) classCounts[classIndex] = (classCounts[classIndex] ?? 0) + 1;
  if (histogram !== null) {
    const place = schema.classes.length === 2 ? 1 : probabilities.length === 1 ? 0 : classIndex;
    one[0] = probabilities[place] ?? NaN;
    addAllToHistogram(histogram, one);
  }
  if (confidence !== null) {
    one[0] = probabilities[probabilities.length === 1 ? 0 : classIndex] ?? NaN;
    addAllToMoments(confidence, one);
  }
  one[0] = value ?? NaN;
  if (moments !== null) addAllToMoments(moments, one);
  if (quantiles !== null) addAllToQuantiles(quantiles, one);
  if (values !== null) addAllToHistogram(values, one);
}

/** {@link OutcomeState} as it is stored. */
export function outcomeStateToData(state: OutcomeState): OutcomeStateData {
  const { classCounts, probabilities, moments, quantiles, values, confidence } = state;
  return {
    classCounts: classCounts === null ? null : [...classCounts],
    probabilities: probabilities === null ? null : histogramToData(probabilities),
    moments: moments === null ? null : momentsToData(moments),
    quantiles: quantiles === null ? null : quantilesToData(quantiles),
    values: values === null ? null : histogramToData(values),
    confidence: confidence === null ? null : momentsToData(confidence),
  };
}
