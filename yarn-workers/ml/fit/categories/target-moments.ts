import { AppError, type BatchSource } from '#contracts';
import { featureDecoder, keyTable, type CategoryValues } from '#scoring';
import type { SpanPass } from '../survey/passes.ts';
import { spanStates, type SpanGatherer } from '../survey/spans.ts';
import { arrayAt, joinParts, partsOf, type StateParts } from '../survey/state-parts.ts';
import type { TargetRows } from '../target-rows.ts';
import type { TaskFeature } from '../task-columns.ts';
import { together, type LevelMoments } from './credibility.ts';

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

/** What decides about the moments of a member's categories. */
export interface TargetsJob {
  readonly features: readonly TaskFeature[];
  readonly source: BatchSource;
  /** With the weights by which rows train. */
  readonly rows: TargetRows;
  /** The classes that are outputs; null of a value. */
  readonly classes: readonly number[] | null;
  readonly partCount: number;
  /** The part of a row, -1: it is left out. */
  readonly partOf: (row: number) => number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The target's moments of some category features, in spans of rows: of a value its own, of classes those of being of the class.
 *
 * Memory: levels x parts x (1 + outputs) numbers a feature, twice that of a value.
 */
export function targetsPass(job: TargetsJob, wanted: readonly EncodedLevels[]): SpanPass {
  const { features, source, partOf, signal } = job;
  return (spans) => {
    const readers = wanted.map(({ feature, keys }) => {
      const known = features[feature];
      if (known === undefined) throw new AppError('INTERNAL', `feature ${feature} of ${features.length} is encoded`);
      return { request: known.request, decode: featureDecoder(known.manifest), place: placer(keys) };
    });
    const request = readers.map((reader) => reader.request);
    const gather = (): SpanGatherer => {
      const cells = wanted.map(({ keys }) => cellsOf(job, keys.length + 2));
      return {
        add: ({ firstRow, rowCount, columns }) => {
          for (const [index, { decode, place }] of readers.entries()) {
            const column = columns[index];
            const decoded = column === undefined ? null : decode(column, rowCount, firstRow);
            if (decoded?.kind !== 'category')
              throw new AppError('INTERNAL', `column ${index} does not decode as a category`);
            place(decoded, rowCount, (row, at) => {
              const part = partOf(firstRow + row);
              if (part >= 0) cells[index]?.add(at, part, firstRow + row);
            });
          }
        },
        parts: () => joinParts(cells.map((own) => own.parts())),
      };
    };
    return spanStates(source, request, spans, gather, signal);
  };
}

/** The moments of each of some features, of the spans whose states are merged. */
export function mergedMoments(
  job: Pick<TargetsJob, 'rows' | 'classes' | 'partCount'>,
  wanted: readonly EncodedLevels[],
) {
  const moments = wanted.map(({ keys }) => cellsOf(job, keys.length + 2));
  return {
    moments,
    merge: (state: StateParts): void => {
      for (const [index, own] of partsOf(state, moments.length).entries()) moments[index]?.merge(own);
    },
  };
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

interface Cells extends TargetMoments {
  add(place: number, part: number, row: number): void;
  parts(): StateParts;
  /** Adds the moments of the rows that follow. */
  merge(state: StateParts): void;
}

const cellsOf = (
  { rows, classes, partCount }: Pick<TargetsJob, 'rows' | 'classes' | 'partCount'>,
  placeCount: number,
): Cells =>
  classes === null ? valueCells(rows, placeCount, partCount) : classCells(rows, classes, placeCount, partCount);

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
    parts: () => ({ head: null, arrays: [counts, weights, sums] }),
    merge: (state) => {
      for (const [index, own] of [counts, weights, sums].entries()) {
        const added = arrayAt(state, index, Float64Array, own.length);
        for (let cell = 0; cell < own.length; cell += 1) own[cell] = (own[cell] ?? 0) + (added[cell] ?? 0);
      }
    },
  };
}

/** Moments of a value by place and part. @see West 1979, "Updating Mean and Variance Estimates" */
function valueCells(rows: TargetRows, placeCount: number, partCount: number): Cells {
  const counts = new Float64Array(placeCount * partCount);
  const weights = new Float64Array(placeCount * partCount);
  const means = new Float64Array(placeCount * partCount);
  const squares = new Float64Array(placeCount * partCount);
  const momentsAt = (cell: number): LevelMoments => ({
    rowCount: counts[cell] ?? 0,
    weight: weights[cell] ?? 0,
    mean: means[cell] ?? 0,
    squares: squares[cell] ?? 0,
  });
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
    at: (place, part) => momentsAt(place * partCount + part),
    parts: () => ({ head: null, arrays: [counts, weights, means, squares] }),
    merge: (state) => {
      const added = [0, 1, 2, 3].map((index) => arrayAt(state, index, Float64Array, counts.length));
      for (let cell = 0; cell < counts.length; cell += 1) {
        const [rowCount = 0, weight = 0, mean = 0, ownSquares = 0] = added.map((own) => own[cell] ?? 0);
        if (rowCount === 0) continue;
        const sum = together(momentsAt(cell), { rowCount, weight, mean, squares: ownSquares });
        [counts[cell], weights[cell], means[cell], squares[cell]] = [sum.rowCount, sum.weight, sum.mean, sum.squares];
      }
    },
  };
}
