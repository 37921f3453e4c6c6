import { AppError } from '#contracts';
import { crossTable } from '#scoring';
import { dateColumns, daysOf } from '../model/date-columns.ts';
import type { PortableModel, PortableStep } from '../model/portable-model.ts';
import { sqlArithmetic } from './arithmetic.ts';
import type { SqlDialect } from './dialect.ts';
import type { SqlInput } from './inputs.ts';
import { sqlOf, type Sql, type SqlLayers } from './layers.ts';

type CrossStep = Extract<PortableStep, { kind: 'category-cross' }>;

/** The columns of the matrix, by index, as expressions that are names; of steps that are not used there is none. Null is NaN. */
export function sqlColumns(
  { steps }: PortableModel,
  inputs: ReadonlyMap<number, SqlInput>,
  dialect: SqlDialect,
  layers: SqlLayers,
): ReadonlyMap<number, Sql> {
  const columns = new Map<number, Sql>();
  const inputOf = (feature: number): SqlInput => {
    const input = inputs.get(feature);
    if (input === undefined) throw new AppError('INTERNAL', `feature ${feature} is read although it is no input`);
    return input;
  };
  const arithmetic = sqlArithmetic(dialect, layers);
  const columnsOf = (step: PortableStep): Sql[] => {
    const input = inputOf(step.feature);
    switch (step.kind) {
      case 'numeric':
        return [input.value];
      case 'category-codes':
        return [
          level(
            { keys: step.keys, values: [...step.keys.keys()], missing: step.missingCode, unseen: null },
            input,
            dialect,
          ),
        ];
      case 'category-numbers':
        return Array.from({ length: step.outputCount }, (_, output) => {
          const values = step.keys.map((_key, place) => step.values[place * step.outputCount + output] ?? NaN);
          const [missing = null, unseen = null] = [step.missing[output], step.unseen[output]];
          return level({ keys: step.keys, values, missing, unseen }, input, dialect);
        });
      case 'category-cross':
        return [cross(step, input, inputOf(step.other), dialect, layers)];
      case 'date-parts':
        return step.parts.map(dateColumns(arithmetic, input.value));
      case 'date-difference':
        return [arithmetic.subtract(daysOf(arithmetic, input.value), daysOf(arithmetic, inputOf(step.minus).value))];
    }
  };
  for (const { step, firstColumn } of steps)
    for (const [at, column] of columnsOf(step).entries()) columns.set(firstColumn + at, layers.keep(column));
  return columns;
}

/** What levels become: a number each, missing cells and unseen keys too; null is NaN. */
interface Levels {
  readonly keys: readonly string[];
  readonly values: readonly number[];
  readonly missing: number | null;
  readonly unseen: number | null;
}

/** The number of a cell's level. */
function level({ keys, values, missing, unseen }: Levels, input: SqlInput, dialect: SqlDialect): Sql {
  const numberOrNull = (value: number | null): string =>
    value === null ? dialect.asNumber('NULL') : dialect.number(value);
  const parts: Sql[] = [input.value];
  const arms = keys.flatMap((key, place) => {
    const test = input.isLevel(key);
    if (test === null) return [];
    parts.push(test);
    return [` WHEN ${test.text} THEN ${dialect.number(values[place] ?? NaN)}`];
  });
  return sqlOf(
    `CASE WHEN ${input.value.text} IS NULL THEN ${numberOrNull(missing)}${arms.join('')} ELSE ${numberOrNull(unseen)} END`,
    parts,
  );
}

function cross(step: CrossStep, own: SqlInput, other: SqlInput, dialect: SqlDialect, { keep }: SqlLayers): Sql {
  const { codeAt } = crossTable(step);
  const width = step.otherKeys.length + 2;
  const placeOf = (keys: readonly string[], input: SqlInput): Sql => {
    const [missing, unseen] = [keys.length, keys.length + 1];
    return keep(level({ keys, values: [...keys.keys()], missing, unseen }, input, dialect));
  };
  const [first, second] = [placeOf(step.keys, own), placeOf(step.otherKeys, other)];
  const pair = keep(sqlOf(`(${first.text} * ${dialect.number(width)} + ${second.text})`, [first, second]));
  const arms: string[] = [];
  for (let place = 0; place < step.keys.length + 2; place += 1)
    for (let otherPlace = 0; otherPlace < width; otherPlace += 1) {
      const code = codeAt(place, otherPlace);
      if (!Number.isNaN(code))
        arms.push(` WHEN ${dialect.number(place * width + otherPlace)} THEN ${dialect.number(code)}`);
    }
  if (arms.length === 0) return { text: dialect.asNumber('NULL'), layer: 0 };
  return sqlOf(`CASE ${pair.text}${arms.join('')} END`, [pair]);
}
