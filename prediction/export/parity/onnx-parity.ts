import type { ManifestFeature } from '#contracts';
import { categoryKey, isMissing } from '#scoring';
import type { PortableModel } from '../model/portable-model.ts';
import type { Cell } from './edge-cells.ts';
import type { ParityRows } from './parity-rows.ts';
import { typedCell } from './typed-cells.ts';

/** Rows as a graph takes them: texts of strings, and of doubles what JSON cannot hold, `NaN`, `Infinity`, `-Infinity` and `-0`, as texts. */
export interface OnnxRows {
  readonly inputs: readonly {
    readonly name: string;
    readonly type: 'double' | 'string';
    readonly values: readonly (number | string)[];
  }[];
  readonly rowCount: number;
}

/** The rows to be compared, column by column. */
export const onnxRows = ({ inputs }: PortableModel, { rows }: ParityRows): OnnxRows => ({
  inputs: inputs.map(({ index, feature }) => ({
    name: feature.name,
    type: feature.parse.kind === 'category' ? 'string' : 'double',
    values: rows.map((row) => valueOf(feature, row[index] ?? null)),
  })),
  rowCount: rows.length,
});

/**
 * Whether a graph can be given a row: not where a category of numbers is written otherwise than the null marker that it equals (`-999.0`), since
 * its one form is that of the marker.
 */
export const isOnnxRow =
  ({ inputs }: PortableModel) =>
  (row: readonly Cell[]): boolean =>
    inputs.every(({ index, feature: { parse } }) => {
      const cell = row[index] ?? null;
      if (cell === null || parse.kind !== 'category' || parse.keyRule !== 'number') return true;
      return (
        parse.nullMarkers.includes(String(cell)) || !parse.nullMarkers.includes(categoryKey(String(cell), 'number'))
      );
    });

function valueOf(feature: ManifestFeature, cell: Cell): number | string {
  const { parse } = feature;
  const value = typedCell(feature, cell);
  if (parse.kind === 'category') {
    const text = value === null ? '' : String(value);
    return parse.keyRule === 'number' && !isMissing(text, parse.nullMarkers) ? categoryKey(text, 'number') : text;
  }
  if (value === null) return 'NaN';
  if (Object.is(value, -0)) return '-0';
  return Number.isFinite(value) ? value : String(value);
}
