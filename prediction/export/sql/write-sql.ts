import { AppError } from '#contracts';
import type { OffsetKind } from '#contracts';
import { unsupported, type PortableMember, type PortableModel } from '../model/portable-model.ts';
import { sqlAnswer, type SqlAnswer } from './answer.ts';
import { sqlColumns } from './columns.ts';
import { DIALECTS, type SqlDialect, type SqlDialectName } from './dialect.ts';
import { sqlInput } from './inputs.ts';
import { sqlLayers, sqlOf, type Sql, type SqlLayers } from './layers.ts';
import { sqlLinear } from './linear.ts';
import { sqlTrees } from './trees.ts';

/** Largest magnitude of an offset or exposure: see `offsetOf` of `scoring`. */
const OFFSET_MAX = 1e100;

export interface SqlOptions {
  /** What stands after FROM: a table's quoted name, or a query in parentheses. */
  readonly source: string;
  /** Columns of the table that the answer has too, before the prediction. */
  readonly keep: readonly string[];
}

/**
 * A model as one SELECT: its input is a table with a column for each feature that the model reads, its output `keep`, `prediction` and,
 * of classes, `probability_<label>` for each. A row that scoring refuses, for an offset that it lacks, has null.
 *
 * @throws EXPORT_UNSUPPORTED naming what cannot be said in the dialect
 */
export function writeSql(model: PortableModel, name: SqlDialectName, { source, keep }: SqlOptions): string {
  const dialect = DIALECTS[name];
  const layers = sqlLayers(dialect);
  const answer = answerOf(model, dialect, layers);
  const kept = keep.map((column, index) => `t.${nameOf(column, dialect)} AS k${index}`);
  const columns = [
    ...keep.map((column, index) => `l.k${index} AS ${nameOf(column, dialect)}`),
    ...answer.map(({ name: column, expression }) => `${expression.text} AS ${nameOf(column, dialect)}`),
  ];
  const features = model.inputs.map(({ feature }) => feature.name);
  return [
    `-- Trainyard model of content ${model.contentHash}, for ${name}.`,
    `-- Reads the columns ${features.map((feature) => JSON.stringify(feature)).join(', ')}.`,
    `SELECT ${columns.join(',\n  ')}\nFROM ${layers.source(source, kept)}`,
    '',
  ].join('\n');
}

/** A table's name as SQL: its parts, which dots part, each quoted. */
export const quotedTable = (table: string, name: SqlDialectName): string =>
  table
    .split('.')
    .map((part) => nameOf(part, DIALECTS[name]))
    .join('.');

function nameOf(name: string, { identifier, nameBytesMax, name: database }: SqlDialect): string {
  const sizeBytes = new TextEncoder().encode(name).length;
  if (sizeBytes > nameBytesMax || sizeBytes === 0 || /\p{Cc}/u.test(name))
    throw unsupported(
      `${JSON.stringify(name.slice(0, nameBytesMax))} is no name of a column in ${database}, which has 1 to ${nameBytesMax} bytes and no control characters`,
    );
  return identifier(name);
}

function answerOf(model: PortableModel, dialect: SqlDialect, layers: SqlLayers): SqlAnswer[] {
  const { content } = model;
  const inputs = new Map(
    model.inputs.map((input) => {
      nameOf(input.feature.name, dialect);
      return [input.index, sqlInput(input, input.feature.name, dialect, layers)];
    }),
  );
  const matrix = sqlColumns(model, inputs, dialect, layers);
  const members = model.members.map((member) => rawScores(member, matrix, dialect, layers));
  return sqlAnswer(
    content,
    finished(model, blended(model.members, members, dialect), inputs, dialect),
    dialect,
    layers,
  );
}

function rawScores(
  member: PortableMember,
  matrix: ReadonlyMap<number, Sql>,
  dialect: SqlDialect,
  layers: SqlLayers,
): Sql[] {
  switch (member.kind) {
    case 'constant':
      return member.scores.map((score) => ({ text: dialect.number(score), layer: 0 }));
    case 'trees':
      return sqlTrees(member.trees, member.columns, matrix, dialect, layers);
    case 'linear':
      return sqlLinear(member.linear, member.columns, matrix, dialect, layers);
  }
}

/** Weighted sums in the order of members; a single one of weight 1 as it is. */
function blended(members: readonly PortableMember[], raw: readonly Sql[][], { number }: SqlDialect): Sql[] {
  const [only] = raw;
  if (only === undefined) throw new AppError('INTERNAL', 'a model without members was to be exported');
  if (members.length === 1 && members[0]?.weight === 1) return only;
  return only.map((_, output) => {
    const scores = raw.map((of) => of[output] ?? { text: 'NULL', layer: 0 });
    const shares = scores.map(({ text }, index) => `${number(members[index]?.weight ?? NaN)} * ${text}`);
    return sqlOf(`(${shares.join(' + ')})`, scores);
  });
}

/** Calibrated, with what rows bring along. */
function finished(
  { content }: PortableModel,
  raw: readonly Sql[],
  inputs: ReadonlyMap<number, { readonly value: Sql }>,
  dialect: SqlDialect,
): Sql[] {
  const { calibration, offsets = [], steps } = content;
  return raw.map((score) => {
    const parts = [score];
    let text =
      calibration === undefined
        ? score.text
        : `(${dialect.number(calibration.slope)} * ${score.text} + ${dialect.number(calibration.intercept)})`;
    for (const { kind, step } of offsets) {
      const value = inputs.get(steps[step]?.feature ?? -1)?.value;
      if (value === undefined) throw new AppError('INTERNAL', `the ${kind} of step ${step} is no input`);
      parts.push(value);
      text = `(${text} + ${offsetText(kind, value.text, dialect)})`;
    }
    return sqlOf(text, parts);
  });
}

/** Null for what is no offset: so is the prediction then. */
function offsetText(kind: OffsetKind, value: string, { number }: SqlDialect): string {
  return kind === 'exposure'
    ? `CASE WHEN ${value} > ${number(0)} AND ${value} <= ${number(OFFSET_MAX)} THEN ln(${value}) END`
    : `CASE WHEN abs(${value}) <= ${number(OFFSET_MAX)} THEN ${value} END`;
}
