import type { ColumnBatch, ManifestStep } from '#contracts';
import { absentValues, featureDecoder, type FeatureValues, type InputFeature } from '../steps/feature-values.ts';
import { compileSteps } from '../steps/steps.ts';
import type { LevelTally } from './unseen-levels.ts';

/** Rows encoded at once: their matrix stays in the processor's cache. */
const BLOCK_ROWS = 256;

/** Takes `rowCount` encoded rows (row-major, all columns); they are rows `firstRow` and on of the batch. */
export type RowSink = (values: Float64Array, rowCount: number, firstRow: number) => void;

/** Encodes batches block by block into the columns of all steps. Not re-entrant. */
export interface BatchEncoder {
  /**
   * @param tally is given the categories as they are decoded
   * @throws CELL_UNREADABLE naming row (of the source) and column
   */
  encode(batch: ColumnBatch, tally: LevelTally | undefined, sink: RowSink): void;
}

/**
 * @param steps all steps, in matrix column order; those in `usedSteps` are applied, columns of the others stay NaN
 */
export function batchEncoder(
  features: readonly InputFeature[],
  steps: readonly ManifestStep[],
  usedSteps: ReadonlySet<number>,
): BatchEncoder {
  const { compiled: places, columnCount } = compileSteps(steps, (index) => usedSteps.has(index));
  const used = [...new Set(places.flatMap((place) => place.inputs))];
  const decoders = new Map(used.map((index) => [index, decoderOf(features, index)]));
  const values = new Float64Array(BLOCK_ROWS * columnCount).fill(NaN);
  return {
    encode: (batch, tally, sink) => {
      const columnOf = new Map(batch.columns.map((column) => [column.name, column]));
      const decoded = new Map<number, FeatureValues>();
      for (const [index, { name, decode, absent }] of decoders) {
        const column = columnOf.get(name);
        const found = column === undefined ? absent(batch.rowCount) : decode(column, batch.rowCount, batch.firstRow);
        decoded.set(index, found);
        if (column !== undefined && found.kind === 'category') tally?.add(index, column, found, batch);
      }
      for (let from = 0; from < batch.rowCount; from += BLOCK_ROWS) {
        const to = Math.min(batch.rowCount, from + BLOCK_ROWS);
        for (const { apply } of places) apply(decoded, from, to, values, columnCount);
        sink(values, to - from, from);
      }
    },
  };
}

function decoderOf(features: readonly InputFeature[], index: number) {
  const feature = features[index];
  // Steps are checked before they are compiled; a feature that does not exist decodes as one that is never there.
  const known: InputFeature = feature ?? { name: '', parse: { kind: 'number', nullMarkers: [] } };
  const absent = (rowCount: number): FeatureValues => absentValues(known, rowCount);
  return { name: known.name, decode: featureDecoder(known), absent };
}
