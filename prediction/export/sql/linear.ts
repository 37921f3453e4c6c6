import { CATEGORY_COLUMN, type LinearArrays } from '#scoring';
import type { SqlDialect } from './dialect.ts';
import { sqlOf, type Sql, type SqlLayers } from './layers.ts';

/** Columns that are added up in one expression. */
const COLUMNS_A_SUM = 50;
/** Nearer to a knot, or with less to climb, a product might underflow, which PostgreSQL takes as an error; the difference is nothing. */
const DISTANCE_MIN = 1e-150;
const CLIMB_MIN = 1e-90;
const KNOT_MIN = 1e-100;

/** Raw scores of a linear model: the intercept, then what each column adds, in the model's order. */
export function sqlLinear(
  linear: LinearArrays,
  columns: Int32Array,
  matrix: ReadonlyMap<number, Sql>,
  dialect: SqlDialect,
  { keep }: SqlLayers,
): Sql[] {
  const used = [...matrix.values()];
  return Array.from({ length: linear.outputCount }, (_, output) => {
    let sum: Sql = { text: dialect.number(linear.intercept[output] ?? NaN), layer: 0 };
    for (let first = 0; first < columns.length; first += COLUMNS_A_SUM) {
      const terms = [sum.text];
      for (let column = first; column < Math.min(columns.length, first + COLUMNS_A_SUM); column += 1) {
        const name = matrix.get(columns[column] ?? -1)?.text ?? dialect.asNumber('NULL');
        terms.push(termOf(linear, column, output, name, dialect));
      }
      sum = keep(sqlOf(terms.join('\n    + '), [sum, ...used]));
    }
    return sum;
  });
}

/** What a column adds; see `columnAdder` of `scoring`. */
function termOf(linear: LinearArrays, column: number, output: number, name: string, dialect: SqlDialect): string {
  const { outputCount, columnKind, pointOffset, knot, value, otherwise } = linear;
  const number = dialect.number;
  const from = pointOffset[column] ?? 0;
  const to = pointOffset[column + 1] ?? 0;
  const at = (point: number): number => value[point * outputCount + output] ?? NaN;
  const unknown = number(otherwise[column * outputCount + output] ?? NaN);
  const arms: string[] = [];
  if (columnKind[column] === CATEGORY_COLUMN) {
    for (let point = from; point < to; point += 1) arms.push(` WHEN ${number(point - from)} THEN ${number(at(point))}`);
    return arms.length === 0 ? unknown : `CASE ${name}${arms.join('')} ELSE ${unknown} END`;
  }
  arms.push(`WHEN ${name} IS NULL THEN ${unknown}`);
  if (from < to) arms.push(`WHEN ${name} <= ${number(knot[from] ?? NaN)} THEN ${number(at(from))}`);
  for (let point = from; point + 1 < to; point += 1) {
    const [here, next] = [knot[point] ?? NaN, knot[point + 1] ?? NaN];
    const climb = at(point + 1) - at(point);
    const isFlat = Math.abs(climb) < CLIMB_MIN;
    if (!isFlat && Math.abs(here) < KNOT_MIN)
      arms.push(`WHEN ${name} - ${number(here)} < ${number(DISTANCE_MIN)} THEN ${number(at(point))}`);
    const line = `${number(at(point))} + ${number(climb)} * ((${name} - ${number(here)}) / ${number(next - here)})`;
    arms.push(`WHEN ${name} < ${number(next)} THEN ${isFlat ? number(at(point)) : line}`);
  }
  return `CASE ${arms.join(' ')} ELSE ${number(from < to ? at(to - 1) : 0)} END`;
}
