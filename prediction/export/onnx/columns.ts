import { AppError } from '#contracts';
import { crossTable } from '#scoring';
import { dateColumns, daysOf } from '../model/date-columns.ts';
import type { PortableModel, PortableStep } from '../model/portable-model.ts';
import type { GraphBuilder, Value } from './graph-builder.ts';
import type { OnnxInput } from './inputs.ts';

/** The columns of the matrix, by index, each rows x 1 of doubles; of steps that are not used there is none. */
export function onnxColumns(
  { steps }: PortableModel,
  inputs: ReadonlyMap<number, OnnxInput>,
  builder: GraphBuilder,
): ReadonlyMap<number, Value> {
  const columns = new Map<number, Value>();
  const inputOf = (feature: number): OnnxInput =>
    inputs.get(feature) ?? internal(`feature ${feature} is read although it is no input`);
  const numberOf = (feature: number): Value =>
    inputOf(feature).number ?? internal(`feature ${feature} is read as a number although it is none`);
  const columnsOf = (step: PortableStep): Value[] => {
    const { arithmetic } = builder;
    switch (step.kind) {
      case 'numeric':
        return [numberOf(step.feature)];
      case 'category-codes': {
        const place = inputOf(step.feature).placeAmong(step.keys);
        return [lookedUp(place, [...step.keys.keys(), step.missingCode ?? NaN, NaN], builder)];
      }
      case 'category-numbers': {
        const place = inputOf(step.feature).placeAmong(step.keys);
        return Array.from({ length: step.outputCount }, (_, output) => {
          const all = [...step.values, ...step.missing, ...step.unseen];
          return lookedUp(
            place,
            all.filter((_value, at) => at % step.outputCount === output),
            builder,
          );
        });
      }
      case 'category-cross': {
        const { codeAt } = crossTable(step);
        const width = step.otherKeys.length + 2;
        const factor = builder.constant({ type: 'int64', dims: [1, 1], values: [width] });
        const first = arithmetic.multiply(inputOf(step.feature).placeAmong(step.keys), factor);
        const pair = arithmetic.add(first, inputOf(step.other).placeAmong(step.otherKeys));
        const codes = Array.from({ length: (step.keys.length + 2) * width }, (_, at) =>
          codeAt(Math.floor(at / width), at % width),
        );
        return [lookedUp(pair, codes, builder)];
      }
      case 'date-parts':
        return step.parts.map(dateColumns(arithmetic, numberOf(step.feature)));
      case 'date-difference':
        return [
          arithmetic.subtract(daysOf(arithmetic, numberOf(step.feature)), daysOf(arithmetic, numberOf(step.minus))),
        ];
    }
  };
  for (const { step, firstColumn } of steps)
    for (const [at, column] of columnsOf(step).entries()) columns.set(firstColumn + at, column);
  return columns;
}

/** The number at a place of a table. */
export const lookedUp = (place: Value, table: readonly number[], { apply, constant }: GraphBuilder): Value =>
  apply('Gather', [constant({ type: 'double', dims: [table.length], values: table }), place]);

function internal(what: string): never {
  throw new AppError('INTERNAL', what);
}
