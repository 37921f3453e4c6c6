import { CATEGORY_COLUMN, type LinearArrays } from '#scoring';
import type { GraphBuilder, Value } from './graph-builder.ts';
import { INT64, type Tensor } from './messages.ts';

/** Raw scores of a linear model, rows x outputs: the intercept, then what each column adds, in the model's order. */
export function onnxLinear(
  linear: LinearArrays,
  columns: Int32Array,
  matrix: ReadonlyMap<number, Value>,
  builder: GraphBuilder,
): Value {
  const { outputCount, intercept, columnKind } = linear;
  let sum = builder.constant({ type: 'double', dims: [1, outputCount], values: [...intercept] });
  for (const [column, place] of columns.entries()) {
    const value = matrix.get(place) ?? builder.number(NaN);
    const added =
      columnKind[column] === CATEGORY_COLUMN
        ? levelValues(linear, column, value, builder)
        : lineValues(linear, column, value, builder);
    sum = builder.apply('Add', [sum, added]);
  }
  return sum;
}

/** Points of a column, and their values by output. */
function pointsOf({ outputCount, pointOffset, knot, value, otherwise }: LinearArrays, column: number) {
  const [from, to] = [pointOffset[column] ?? 0, pointOffset[column + 1] ?? 0];
  return {
    knots: [...knot.subarray(from, to)],
    values: [...value.subarray(from * outputCount, to * outputCount)],
    otherwise: [...otherwise.subarray(column * outputCount, (column + 1) * outputCount)],
  };
}

/** Rows of a table, by an index of rows x 1. */
function rowsAt(place: Value, table: Tensor, { apply, constant }: GraphBuilder): Value {
  const first = constant({ type: 'int64', dims: [1], values: [1] });
  return apply('Gather', [constant(table), apply('Squeeze', [place, first])]);
}

const tableOf = (values: readonly number[], width: number): Tensor => ({
  type: 'double',
  dims: [values.length / width, width],
  values,
});

/** What a category adds: the value of its code; `otherwise`, the last row of the table, of one without. */
function levelValues(linear: LinearArrays, column: number, code: Value, builder: GraphBuilder): Value {
  const { apply, number } = builder;
  const { knots, values, otherwise } = pointsOf(linear, column);
  const isKnown = apply('And', [
    apply('GreaterOrEqual', [code, number(0)]),
    apply('Less', [code, number(knots.length)]),
  ]);
  const place = apply('Cast', [apply('Where', [isKnown, code, number(knots.length)])], {
    to: { kind: 'int', value: INT64 },
  });
  return rowsAt(place, tableOf([...values, ...otherwise], linear.outputCount), builder);
}

/** What a number adds: interpolated between the knots about it, constant beyond them. */
function lineValues(linear: LinearArrays, column: number, number: Value, builder: GraphBuilder): Value {
  const { apply, constant } = builder;
  const { outputCount } = linear;
  const { knots, values, otherwise } = pointsOf(linear, column);
  const unknown = constant(tableOf(otherwise, outputCount));
  const isMissing = apply('IsNaN', [number]);
  const [first, last] = [knots[0], knots.at(-1)];
  if (first === undefined || last === undefined) return apply('Where', [isMissing, unknown, builder.number(0)]);
  const within = apply('Max', [apply('Min', [number, builder.number(last)]), builder.number(first)]);
  // The last knot that is at or before the number; of NaN one before all, whose values are not used.
  const isReached = apply('GreaterOrEqual', [
    within,
    constant({ type: 'double', dims: [1, knots.length], values: knots }),
  ]);
  const reached = apply('Cast', [isReached], { to: { kind: 'int', value: INT64 } });
  const axis = constant({ type: 'int64', dims: [1], values: [1] });
  const one = constant({ type: 'int64', dims: [1, 1], values: [1] });
  const place = apply('Sub', [apply('ReduceSum', [reached, axis]), one]);
  const climbs = values.map((value, at) => (values[at + outputCount] ?? value) - value);
  const lengths = knots.map((knot, at) => (knots[at + 1] ?? knot + 1) - knot);
  const share = apply('Div', [
    apply('Sub', [within, rowsAt(place, tableOf(knots, 1), builder)]),
    rowsAt(
      place,
      tableOf(
        lengths.map((length) => (length === 0 ? 1 : length)),
        1,
      ),
      builder,
    ),
  ]);
  const climbed = apply('Mul', [rowsAt(place, tableOf(climbs, outputCount), builder), share]);
  const value = apply('Add', [rowsAt(place, tableOf(values, outputCount), builder), climbed]);
  return apply('Where', [isMissing, unknown, value]);
}
