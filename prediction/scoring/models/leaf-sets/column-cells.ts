import { CATEGORICAL_BIT, MISSING_TYPE_SHIFT, MISSING_ZERO, type TreeArrays } from '../tree-arrays.ts';
import { isMissingLeft } from '../tree-walk.ts';

/** A column that nodes read. Its values fall into cells; all values of a cell take the same way at every node. */
export interface ColumnCells {
  /** of the model */
  readonly column: number;
  readonly isCategory: boolean;
  /** dense: distinct thresholds, ascending. Cell i: (cuts[i - 1], cuts[i]]; then one cell for NaN, one for zero. */
  readonly cuts: Float64Array;
  /** category: cells 0.. are the categories themselves, the last one is all others and NaN */
  readonly cellCount: number;
}

/** The columns that nodes read, ascending, or null where one is both numeric and categorical. */
export function columnCells(trees: TreeArrays): readonly ColumnCells[] | null {
  const cuts = new Map<number, Set<number>>();
  const categories = new Map<number, number>();
  for (let node = 0; node < trees.splitFeature.length; node += 1) {
    const column = trees.splitFeature[node] ?? 0;
    const threshold = trees.threshold[node] ?? 0;
    if (((trees.decisionType[node] ?? 0) & CATEGORICAL_BIT) !== 0) {
      categories.set(column, Math.max(categories.get(column) ?? 0, categoryCountOf(trees, threshold)));
    } else {
      const known = cuts.get(column) ?? new Set<number>();
      known.add(threshold);
      cuts.set(column, known);
    }
  }
  if ([...cuts.keys()].some((column) => categories.has(column))) return null;
  const dense = [...cuts].map(([column, own]) => ({
    column,
    isCategory: false,
    cuts: Float64Array.from(own).sort(),
    cellCount: own.size + 3,
  }));
  const categorical = [...categories].map(([column, count]) => ({
    column,
    isCategory: true,
    cuts: new Float64Array(0),
    cellCount: count + 1,
  }));
  return [...dense, ...categorical].sort((a, b) => a.column - b.column);
}

/** One more than the highest category in a set. */
function categoryCountOf({ catBoundaries, catBits }: TreeArrays, set: number): number {
  const first = catBoundaries[set] ?? 0;
  for (let word = (catBoundaries[set + 1] ?? 0) - 1; word >= first; word -= 1) {
    const bits = catBits[word] ?? 0;
    if (bits !== 0) return 32 * (word - first) + 32 - Math.clz32(bits);
  }
  return 0;
}

/** The cell of NaN, and the one of what counts as zero, of a dense column. */
export const missingCell = ({ cuts }: ColumnCells): number => cuts.length + 1;
export const zeroCell = ({ cuts }: ColumnCells): number => cuts.length + 2;

/** Whether values of a cell go to the left child of a node. */
export function goesLeft(trees: TreeArrays, node: number, column: ColumnCells, cell: number): boolean {
  const threshold = trees.threshold[node] ?? 0;
  if (column.isCategory) {
    const first = trees.catBoundaries[threshold] ?? 0;
    const word = first + (cell >> 5);
    if (cell === column.cellCount - 1 || word >= (trees.catBoundaries[threshold + 1] ?? 0)) return false;
    return (((trees.catBits[word] ?? 0) >>> (cell & 31)) & 1) === 1;
  }
  const decision = trees.decisionType[node] ?? 0;
  if (cell === missingCell(column)) return isMissingLeft(decision, threshold);
  if (cell === zeroCell(column))
    return decision >> MISSING_TYPE_SHIFT === MISSING_ZERO ? isMissingLeft(decision, threshold) : threshold >= 0;
  return cell < column.cuts.length && (column.cuts[cell] ?? NaN) <= threshold;
}
