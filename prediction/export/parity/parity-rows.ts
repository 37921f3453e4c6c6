import { isAppError } from '#contracts';
import type { Scorer } from '#scoring';
import type { PortableModel } from '../model/portable-model.ts';
import { edgeCells, type Cell } from './edge-cells.ts';

/** Rows that a new home is compared on, by the index of the content's features; each is one that scoring predicts. */
export interface ParityRows {
  readonly rows: readonly (readonly Cell[])[];
  /** Of the first rows, which are of the dataset, their places among the given ones; the others were made to be odd. */
  readonly dataPlaces: readonly number[];
}

/** Made rows at most; beyond, limits and levels are compared in part. */
const EDGE_ROWS_MAX = 2_000;
/** Rows that made ones are made of. */
const BASES_MAX = 50;

/**
 * Rows to compare predictions on: the given ones, and made ones in which one feature after the other is missing, unseen, odd, or at and beside
 * a limit of the model. The same model and rows give the same. Rows that scoring refuses are left out.
 *
 * @param data rows of the dataset, by feature index
 * @param isExpressible false for rows that the home has no form for; all by default
 */
export function parityRows(
  model: PortableModel,
  scorer: Scorer,
  data: readonly (readonly Cell[])[],
  isExpressible: (row: readonly Cell[]) => boolean = () => true,
): ParityRows {
  const { content, inputs } = model;
  const out = scorer.createPrediction();
  const isScored = (row: readonly Cell[]): boolean => {
    try {
      scorer.scoreRow(row, out);
      return isExpressible(row);
    } catch (err) {
      if (isAppError(err, 'CELL_UNREADABLE') || isAppError(err, 'OFFSET_INVALID')) return false;
      throw err;
    }
  };
  const dataPlaces = [...data.keys()].filter((place) => isScored(data[place] ?? []));
  const kept = dataPlaces.map((place) => data[place] ?? []);
  const brought = new Set((content.offsets ?? []).map(({ step }) => content.steps[step]?.feature));
  const empty = content.features.map((_, index): Cell => (brought.has(index) ? 1 : null));
  const bases = [...kept.slice(0, BASES_MAX), empty];
  const most = Math.max(4, Math.floor(EDGE_ROWS_MAX / Math.max(1, inputs.length)) - 30);
  const made = inputs.flatMap(({ index, feature }) =>
    edgeCells(model, index, feature, most).map((cell, at) => {
      const row = [...(bases[at % bases.length] ?? empty)];
      row[index] = cell;
      return row;
    }),
  );
  return { rows: [...kept, ...[empty, ...made].filter(isScored)], dataPlaces };
}
