import type { InsightOf, TargetSpec } from '#contracts';
import { addTerm, emptySum, sumOf } from '#statistics';
import { report, type FitIo } from '../../fit/clock.ts';
import type { OutOfFold } from '../../fit/out-of-fold.ts';
import { binsOf, type FeatureBin } from './feature-bins.ts';
import type { EncodedSample } from './fold-scorer.ts';
import { EFFECT_BINS, EFFECT_CLASSES_MAX, EFFECT_FEATURES_MAX } from './limits.ts';
import type { Sample } from './permutation-impact.ts';
import { withColumnsFrom } from './permutations.ts';

type EffectsIo = Pick<FitIo, 'onProgress' | 'signal'>;
type FeatureEffects = InsightOf<'feature-effects'>;
type FeatureEffect = FeatureEffects['features'][number];

/** One number of each prediction that is told. */
export interface Output {
  /** The class; null for regression. */
  readonly classIndex: number | null;
  /** Where it stands among the numbers of a prediction. */
  readonly place: number;
  readonly label: string | null;
}

/**
 * How predictions go with each feature: means of what was true and of what was predicted by bins of the feature, and its partial
 * dependence, the mean prediction over rows that all have one value of it. The last says what the model makes of the feature
 * alone, and asks for rows that may not exist where features depend on each other.
 *
 * @param few rows of the sample for the partial dependence
 * @param order a permutation of these
 * @see J. Friedman, Greedy function approximation: a gradient boosting machine, Annals of Statistics 29 (2001), section 8.2
 */
export async function featureEffects(
  sample: Sample,
  few: Pick<Sample, 'rows' | 'encoded' | 'predict'>,
  order: Uint32Array,
  io: EffectsIo,
): Promise<FeatureEffects> {
  const { features, target, rows } = sample;
  const outputs = effectOutputs(target, rows);
  const unchanged = few.predict(few.encoded);
  const moved: number[] = [];
  for (const index of features.keys()) {
    await report(io, (0.2 * index) / features.length, 'ranking', `feature ${index + 1} of ${features.length}`);
    const columns = few.encoded.columnsOf[index] ?? new Uint32Array(0);
    const permuted = withColumnsFrom(
      few.encoded,
      columns,
      (row) => order[row] ?? row,
      () => few.predict(few.encoded),
    );
    moved.push(movement(unchanged, permuted, few.rows));
  }
  const ranked = [...features.keys()].sort((a, b) => (moved[b] ?? 0) - (moved[a] ?? 0) || a - b);
  const told = ranked.slice(0, EFFECT_FEATURES_MAX);
  const effects: FeatureEffect[] = [];
  for (const [place, index] of told.entries()) {
    await report(io, 0.2 + (0.8 * place) / told.length, 'effects', `feature ${place + 1} of ${told.length}`);
    const bins = effectBins(sample, few, index, outputs);
    effects.push({ feature: features[index]?.name ?? '', movement: moved[index] ?? 0, bins });
  }
  return {
    kind: 'feature-effects',
    outputs: outputs.map(({ label }) => label),
    dependenceRowCount: few.rows.rows.length,
    featureCount: features.length,
    features: effects,
  };
}

/** The positive class, the value, or the classes of most weight in class order. */
export function effectOutputs({ targetType, classes, positiveClass }: TargetSpec, rows: OutOfFold): Output[] {
  if (targetType === 'regression') return [{ classIndex: null, place: 0, label: null }];
  const outputOf = (classIndex: number, place: number): Output => ({
    classIndex,
    place,
    label: classes[classIndex]?.label ?? '',
  });
  if (targetType === 'binary') return [outputOf(positiveClass ?? 1, 0)];
  const weights = new Float64Array(classes.length);
  for (const [row, index] of (rows.classes ?? []).entries())
    weights[index] = (weights[index] ?? 0) + (rows.weights?.[row] ?? 1);
  return [...classes.keys()]
    .sort((a, b) => (weights[b] ?? 0) - (weights[a] ?? 0) || a - b)
    .slice(0, EFFECT_CLASSES_MAX)
    .sort((a, b) => a - b)
    .map((classIndex) => outputOf(classIndex, classIndex));
}

/** Weighted mean of what a prediction moves by, all its numbers together. */
function movement(before: Float64Array, after: Float64Array, { weights, outputCount }: OutOfFold): number {
  const [weight, sum] = [emptySum(), emptySum()];
  for (let at = 0; at < before.length; at += 1) {
    const own = weights?.[Math.floor(at / outputCount)] ?? 1;
    addTerm(weight, own / outputCount);
    addTerm(sum, own * Math.abs((after[at] ?? NaN) - (before[at] ?? NaN)));
  }
  return sumOf(sum) / sumOf(weight);
}

function effectBins(
  { features, encoded, rows }: Sample,
  few: Pick<Sample, 'rows' | 'encoded' | 'predict'>,
  index: number,
  outputs: readonly Output[],
): FeatureEffect['bins'] {
  const { bins, binOf } = binsOf(
    features[index]?.values ?? { kind: 'number', values: new Float64Array(0) },
    EFFECT_BINS,
  );
  const rowsOf = bins.map((): number[] => []);
  for (const [row, bin] of binOf.entries()) rowsOf[bin]?.push(row);
  return bins.map((bin, place) => {
    return {
      ...namesOf(bin),
      ...partFacts(rowsOf[place] ?? [], rows, outputs),
      partialDependence: bin.donor === null ? null : dependence(few, encoded, index, bin.donor, outputs),
    };
  });
}

/** How many some of the rows are, and what was true and predicted of them on average. */
export function partFacts(
  part: readonly number[],
  rows: OutOfFold,
  outputs: readonly Output[],
): Pick<FeatureEffect['bins'][number], 'rowCount' | 'weight' | 'meanActual' | 'meanPredicted'> {
  const mean = (valueOf: (row: number) => number): number => weightedMean(part, rows, valueOf);
  return {
    rowCount: part.length,
    weight: part.reduce((sum, row) => sum + (rows.weights?.[row] ?? 1), 0),
    meanActual: outputs.map(({ classIndex }) =>
      mean((row) => (classIndex === null ? (rows.values?.[row] ?? NaN) : Number(rows.classes?.[row] === classIndex))),
    ),
    meanPredicted: outputs.map(({ place }) => mean((row) => rows.predictions[row * rows.outputCount + place] ?? NaN)),
  };
}

const namesOf = ({ kind, from, to, at, level }: FeatureBin): Omit<FeatureBin, 'donor'> => ({
  ...{ kind, level },
  ...{ from: finite(from), to: finite(to), at: finite(at) },
});

/** JSON has no infinite numbers. */
export const finite = (value: number | null): number | null =>
  value !== null && Number.isFinite(value) ? value : null;

/** Mean predictions if all rows had the cells of one row. */
function dependence(
  { rows, encoded, predict }: Pick<Sample, 'rows' | 'encoded' | 'predict'>,
  all: EncodedSample,
  index: number,
  donor: number,
  outputs: readonly Output[],
): number[] {
  const columns = encoded.columnsOf[index] ?? new Uint32Array(0);
  const cells = Float64Array.from(columns, (column) => all.values[donor * all.columnCount + column] ?? NaN);
  const predictions = withColumnValues(encoded, columns, cells, () => predict(encoded));
  const places = [...rows.rows.keys()];
  return outputs.map(({ place }) =>
    weightedMean(places, rows, (row) => predictions[row * rows.outputCount + place] ?? NaN),
  );
}

/** Runs `work` while all rows have the same cells in some columns, then puts the values back. */
function withColumnValues<T>(encoded: EncodedSample, columns: Uint32Array, cells: Float64Array, work: () => T): T {
  return withColumnsFrom(
    encoded,
    columns,
    (row) => row,
    () => {
      const { values, columnCount } = encoded;
      for (let start = 0; start < values.length; start += columnCount)
        for (const [i, column] of columns.entries()) values[start + column] = cells[i] ?? NaN;
      return work();
    },
  );
}

/** Mean over some rows by their weights; NaN of none. */
function weightedMean(places: readonly number[], { weights }: OutOfFold, valueOf: (row: number) => number): number {
  const [weight, sum] = [emptySum(), emptySum()];
  for (const row of places) {
    const own = weights?.[row] ?? 1;
    addTerm(weight, own);
    addTerm(sum, own * valueOf(row));
  }
  return sumOf(sum) / sumOf(weight);
}
