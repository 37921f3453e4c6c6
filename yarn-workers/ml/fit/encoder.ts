import { AppError, type BatchSource, type Column, type ManifestStep, type RowSpan } from '#contracts';
import {
  compileStep,
  compileSteps,
  featureDecoder,
  firstColumnsOf,
  stepInputs,
  type FeatureDecoder,
  type FeatureValues,
} from '#scoring';
import { BLOCK_ROWS, PUSH_CELLS_MAX } from './limits.ts';
import type { TaskFeature } from './task-columns.ts';
import type { HeldOutEncodings } from './categories/encode-categories.ts';
import type { HeldOutHistory } from './history/member-history.ts';
import type { HeldOutScores } from './text/score-texts.ts';

/** What stands in columns of rows that their steps were fitted on, instead of what the steps say. */
export interface HeldOut {
  /** Their columns are the last. */
  readonly texts: HeldOutScores | null;
  readonly categories: HeldOutEncodings | null;
  readonly history: HeldOutHistory | null;
}

/** Takes `rowCount` encoded rows (row-major, all columns); they are rows `firstRow` and on of the table. It may be waited for. */
export type BlockSink = (values: Float64Array, rowCount: number, firstRow: number) => void | Promise<void>;

/** Some rows of a table as they were read, with their numbers; columns as the features ask for them. */
export interface ReadRows {
  readonly rows: Uint32Array;
  readonly columns: readonly Column[];
}

/** The features of a table as a matrix: every row through the same steps that artefacts apply. */
export interface TableEncoder {
  readonly columnCount: number;
  /** One pass over the table, or over some of its rows, block by block in row order. The block's buffer is reused. @param rows default: all */
  pass(sink: BlockSink, rows?: RowSpan): Promise<void>;
  /**
   * Encodes rows that were read before.
   *
   * @param sink takes each block with the place of its first row among them
   */
  encode(read: ReadRows, sink: (values: Float64Array, rowCount: number, first: number) => void): void;
}

/** The number of the row at an index of a batch. */
type RowAt = (index: number) => number;

/**
 * @param steps their columns in this order are the matrix
 * @param heldOut what stands in rows that steps were fitted on; null where no step saw the target
 */
export function tableEncoder(
  features: readonly TaskFeature[],
  steps: readonly ManifestStep[],
  source: BatchSource,
  signal?: AbortSignal,
  heldOut: HeldOut | null = null,
): TableEncoder {
  const { compiled: places, columnCount } = compileSteps(steps);
  const used = [...new Set(steps.flatMap(stepInputs))].sort((a, b) => a - b);
  const block = new Float64Array(BLOCK_ROWS * columnCount);
  const texts = heldOut?.texts ?? null;
  const categories = heldOutCategories(steps, heldOut?.categories ?? null, columnCount);
  const history = heldOutHistory(steps, heldOut?.history ?? null);
  const inputs = used.map((index) => {
    const { request, manifest } = featureAt(features, index);
    return { index, request, decode: featureDecoder(manifest) };
  });
  const fill = (decoded: ReadonlyMap<number, FeatureValues>, from: number, to: number, rowAt: RowAt): void => {
    for (const { apply } of places) apply(decoded, from, to, block, columnCount);
    categories(decoded, block, from, to, rowAt);
    history(block, from, to, columnCount, rowAt);
    if (texts !== null) writeHeldOut(texts, block, columnCount, from, to, rowAt);
  };
  return {
    columnCount,
    pass: async (sink, rows) => {
      const { from: first, to: last } = rows ?? { from: 0, to: Infinity };
      if (inputs.length === 0) {
        // Nothing is read, as the baseline does: every row is empty.
        const rowCount = Math.min(last, source.rowCount);
        for (let row = first; row < rowCount; row += BLOCK_ROWS)
          await sink(block, Math.min(BLOCK_ROWS, rowCount - row), row);
        return;
      }
      const request = inputs.map((input) => input.request);
      for await (const { columns, rowCount, firstRow } of source.batches(request, signal, rows)) {
        const begin = Math.max(0, first - firstRow);
        const end = Math.min(rowCount, last - firstRow);
        if (begin >= end) continue;
        const rowAt: RowAt = (index) => firstRow + index;
        const decoded = decodedValues(inputs, columns, rowCount, rowAt, texts);
        for (let from = begin; from < end; from += BLOCK_ROWS) {
          const to = Math.min(end, from + BLOCK_ROWS);
          fill(decoded, from, to, rowAt);
          const taken = sink(block, to - from, firstRow + from);
          if (taken !== undefined) await taken;
        }
      }
    },
    encode: ({ rows, columns }, sink) => {
      const rowAt: RowAt = (index) => rows[index] ?? -1;
      // Decoders know the dictionaries of one read.
      const anew = used.map((index) => ({ index, decode: featureDecoder(featureAt(features, index).manifest) }));
      const wanted = anew.flatMap(({ index }) => columns[index] ?? []);
      const decoded = decodedValues(anew, wanted, rows.length, rowAt, texts);
      for (let from = 0; from < rows.length; from += BLOCK_ROWS) {
        const to = Math.min(rows.length, from + BLOCK_ROWS);
        fill(decoded, from, to, rowAt);
        sink(block, to - from, from);
      }
    },
  };
}
function featureAt(features: readonly TaskFeature[], index: number): TaskFeature {
  const feature = features[index];
  if (feature === undefined) throw new AppError('INTERNAL', `a step reads feature ${index} of ${features.length}`);
  return feature;
}

/** Writes into rows `from` to `to` of a batch what their encodings are without their own part. */
function heldOutCategories(steps: readonly ManifestStep[], heldOut: HeldOutEncodings | null, columnCount: number) {
  const firstColumns = firstColumnsOf(steps);
  const encodings = (heldOut?.encodings ?? []).map(({ step, without }) => {
    const firstColumn = firstColumns[steps.indexOf(step)];
    if (firstColumn === undefined)
      throw new AppError('INTERNAL', 'an encoding is held out of a step that is not there');
    return { feature: step.feature, firstColumn, without: without.map(compileStep) };
  });
  return (
    decoded: ReadonlyMap<number, FeatureValues>,
    block: Float64Array,
    from: number,
    to: number,
    rowAt: RowAt,
  ): void => {
    if (heldOut === null) return;
    for (let row = from; row < to; row += 1) {
      const part = heldOut.partOf(rowAt(row));
      if (part < 0) continue;
      for (const { feature, firstColumn, without } of encodings) {
        const values = decoded.get(feature);
        if (values !== undefined) without[part]?.(values, row, row + 1, block, columnCount, firstColumn, row - from);
      }
    }
  };
}

/** Writes into rows that train what was known before them. */
function heldOutHistory(steps: readonly ManifestStep[], heldOut: HeldOutHistory | null) {
  const place = steps.findIndex(({ kind }) => kind === 'series-history');
  const firstColumn = firstColumnsOf(steps)[place] ?? 0;
  return (block: Float64Array, from: number, to: number, columnCount: number, rowAt: RowAt): void => {
    if (heldOut === null || place < 0) return;
    for (let row = from; row < to; row += 1) heldOut.write(rowAt(row), block, (row - from) * columnCount + firstColumn);
  };
}

/** Writes the scores of the rows that have some into the last columns of a block. */
function writeHeldOut(
  { columnCount: scoreCount, rows, values: scores }: HeldOutScores,
  block: Float64Array,
  columnCount: number,
  from: number,
  to: number,
  rowAt: RowAt,
): void {
  for (let row = from; row < to; row += 1) {
    const place = rows.placeOf(rowAt(row));
    if (place < 0) continue;
    const first = place * scoreCount;
    block.set(scores.subarray(first, first + scoreCount), (row - from + 1) * columnCount - scoreCount);
  }
}

/** A feature that steps read. */
interface Input {
  readonly index: number;
  readonly decode: FeatureDecoder;
}

/** The values of all inputs, whose columns are in their order. */
function decodedValues(
  inputs: readonly Input[],
  columns: readonly Column[],
  rowCount: number,
  rowAt: RowAt,
  texts: HeldOutScores | null,
): Map<number, FeatureValues> {
  return new Map(
    inputs.map(({ index, decode }, place): [number, FeatureValues] => {
      const column = columns[place];
      if (column === undefined)
        throw new AppError('INTERNAL', `there are ${columns.length} columns, expected ${inputs.length}`);
      return [index, withoutScored(decode(column, rowCount, rowAt(0)), texts, rowAt)];
    }),
  );
}

/** Without the texts of rows that have scores: they need not be cut into terms. */
function withoutScored(values: FeatureValues, heldOut: HeldOutScores | null, rowAt: RowAt): FeatureValues {
  if (values.kind !== 'text' || heldOut === null) return values;
  const { rows } = heldOut;
  return { kind: 'text', texts: values.texts.map((text, row) => (rows.has(rowAt(row)) ? null : text)) };
}

/** Some rows of a table, encoded; in memory where they fit, else encoded again each time. */
export interface EncodedRows {
  readonly rowCount: number;
  readonly columnCount: number;
  /** All rows in row order, some at a time; `first` is the index of the block's first row among these rows. */
  forEach(sink: (values: Float64Array, rowCount: number, first: number) => void): Promise<void>;
}

/** Rows held in one array. */
export function rowsInMemory(values: Float64Array, rowCount: number, columnCount: number): EncodedRows {
  return { rowCount, columnCount, forEach: async (sink) => sink(values, rowCount, 0) };
}

/** Rows that `wanted` names, picked out of a new pass each time and handed on PUSH_CELLS_MAX cells at a time. */
export function rowsByPass(encoder: TableEncoder, wanted: (row: number) => boolean, rowCount: number): EncodedRows {
  const { columnCount } = encoder;
  const chunkRows = Math.max(1, Math.min(rowCount, Math.floor(PUSH_CELLS_MAX / Math.max(1, columnCount))));
  return {
    rowCount,
    columnCount,
    forEach: async (sink) => {
      const picked = new Float64Array(chunkRows * columnCount);
      let first = 0;
      let held = 0;
      const flush = (): void => {
        if (held > 0) sink(picked, held, first);
        first += held;
        held = 0;
      };
      await encoder.pass((values, count, firstRow) => {
        for (let i = 0; i < count; i += 1) {
          if (!wanted(firstRow + i)) continue;
          copyRow(values, i, picked, held, columnCount);
          held += 1;
          if (held === chunkRows) flush();
        }
      });
      flush();
    },
  };
}

/** Copies one row of a matrix into another. */
export function copyRow(
  from: Float64Array,
  fromRow: number,
  to: Float64Array,
  toRow: number,
  columnCount: number,
): void {
  const source = fromRow * columnCount;
  const target = toRow * columnCount;
  for (let column = 0; column < columnCount; column += 1) to[target + column] = from[source + column] ?? NaN;
}
