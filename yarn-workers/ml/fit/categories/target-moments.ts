import { AppError, type BatchSource } from '#contracts';
import { featureDecoder, keyTable, type CategoryValues } from '#scoring';
import type { TargetRows } from '../target-rows.ts';
import type { TaskFeature } from '../task-columns.ts';
import type { LevelMoments } from './credibility.ts';

/** The levels of a feature that are told apart; the place after them is of missing cells, the last one of all others. */
export interface EncodedLevels {
  /** Index of the feature. */
  readonly feature: number;
  readonly keys: readonly string[];
}

/** Moments of the target by level and part of the rows. */
export interface TargetMoments {
  readonly placeCount: number;
  at(place: number, part: number, output: number): LevelMoments;
}

/**
 * One pass over some category features, which gathers the target's moments: of a value its own, of classes those of being of
 * the class.
 *
 * Memory: levels x parts x (1 + outputs) numbers a feature, twice that of a value.
 *
 * @param classes the classes that are outputs; of a value null
 * @param partOf the part of a row, -1: it is left out
 */
export async function gatherTargets(
  wanted: readonly EncodedLevels[],
  features: readonly TaskFeature[],
  source: BatchSource,
  rows: TargetRows,
  classes: readonly number[] | null,
  partCount: number,
  partOf: (row: number) => number,
  signal?: AbortSignal,
): Promise<TargetMoments[]> {
  const gatherers = wanted.map(({ feature, keys }) => {
    const known = features[feature];
    if (known === undefined) throw new AppError('INTERNAL', `feature ${feature} of ${features.length} is encoded`);
    const cells =
      classes === null
        ? valueCells(rows, keys.length + 2, partCount)
        : classCells(rows, classes, keys.length + 2, partCount);
    return { request: known.request, decode: featureDecoder(known.manifest), place: placer(keys), cells };
  });
  for await (const batch of source.batches(
    gatherers.map(({ request }) => request),
    signal,
  )) {
    for (const [index, { decode, place, cells }] of gatherers.entries()) {
      const column = batch.columns[index];
      const decoded = column === undefined ? null : decode(column, batch.rowCount, batch.firstRow);
      if (decoded?.kind !== 'category') throw new AppError('INTERNAL', `column ${index} does not decode as a category`);
      place(decoded, batch.rowCount, (row, at) => {
        const part = partOf(batch.firstRow + row);
        if (part >= 0) cells.add(at, part, batch.firstRow + row);
      });
    }
  }
  return gatherers.map(({ cells }) => cells);
}

/** Finds each row's place; each key is looked up once a dictionary. */
function placer(keys: readonly string[]) {
  const placeOf = new Map(keys.map((key, place) => [key, place]));
  const placesOf = keyTable((key) => (key === null ? keys.length : (placeOf.get(key) ?? keys.length + 1)));
  return (values: CategoryValues, rowCount: number, take: (row: number, place: number) => void): void => {
    const places = placesOf(values.keys);
    for (let row = 0; row < rowCount; row += 1) {
      const code = values.codes[row] ?? -1;
      take(row, code < 0 ? keys.length : (places[code] ?? keys.length + 1));
    }
  };
}

type Cells = TargetMoments & { add(place: number, part: number, row: number): void };

/** Weight of each class by place and part. */
function classCells(rows: TargetRows, classes: readonly number[], placeCount: number, partCount: number): Cells {
  const outputOf = new Map(classes.map((index, output) => [index, output]));
  const outputCount = classes.length;
  const counts = new Float64Array(placeCount * partCount);
  const weights = new Float64Array(placeCount * partCount);
  const sums = new Float64Array(placeCount * partCount * outputCount);
  return {
    placeCount,
    add: (place, part, row) => {
      const weight = rows.weights?.[row] ?? 1;
      if (!(weight > 0)) return;
      const cell = place * partCount + part;
      counts[cell] = (counts[cell] ?? 0) + 1;
      weights[cell] = (weights[cell] ?? 0) + weight;
      const output = outputOf.get(rows.classes?.[row] ?? -1);
      if (output === undefined) return;
      const at = cell * outputCount + output;
      sums[at] = (sums[at] ?? 0) + weight;
    },
    at: (place, part, output) => {
      const cell = place * partCount + part;
      const weight = weights[cell] ?? 0;
      const mean = weight > 0 ? (sums[cell * outputCount + output] ?? 0) / weight : 0;
      return { rowCount: counts[cell] ?? 0, weight, mean, squares: weight * mean * (1 - mean) };
    },
  };
}

/** Moments of a value by place and part. @see West 1979, "Updating Mean and Variance Estimates" */
function valueCells(rows: TargetRows, placeCount: number, partCount: number): Cells {
  const counts = new Float64Array(placeCount * partCount);
  const weights = new Float64Array(placeCount * partCount);
  const means = new Float64Array(placeCount * partCount);
  const squares = new Float64Array(placeCount * partCount);
  return {
    placeCount,
    add: (place, part, row) => {
      const weight = rows.weights?.[row] ?? 1;
      if (!(weight > 0)) return;
      const cell = place * partCount + part;
      const total = (weights[cell] ?? 0) + weight;
      const before = means[cell] ?? 0;
      const apart = (rows.values?.[row] ?? NaN) - before;
      const mean = before + apart * (weight / total);
      counts[cell] = (counts[cell] ?? 0) + 1;
      weights[cell] = total;
      means[cell] = mean;
      squares[cell] = (squares[cell] ?? 0) + weight * apart * ((rows.values?.[row] ?? NaN) - mean);
    },
    at: (place, part) => {
      const cell = place * partCount + part;
      return {
        rowCount: counts[cell] ?? 0,
        weight: weights[cell] ?? 0,
        mean: means[cell] ?? 0,
        squares: squares[cell] ?? 0,
      };
    },
  };
}
