import { madeColumns } from './columns.ts';
import { ROW, uniform } from './expressions.ts';

/** What decides every cell of a table. */
export interface TableSpec {
  readonly rowCount: number;
  readonly columnCount: number;
  readonly seed: number;
}

/** The row's number, from 0. */
export const ROW_ID = 'row_id';
export const TARGET = 'target';
/** Moves the share of ones to about a quarter. */
const INTERCEPT = -2;
const TARGET_STREAM = 0;

/** Some rows with latent values and the log odds of their target. */
function latentRows({ columnCount, seed }: Omit<TableSpec, 'rowCount'>, from: number, to: number): string {
  const columns = madeColumns(columnCount, seed);
  const latent = columns.map(({ name, latent: sql }) => `${sql} AS ${name}`);
  const effects = columns.flatMap(({ effect }) => (effect === null ? [] : [effect]));
  const logOdds = [String(INTERCEPT), ...effects].join(' + ');
  return `SELECT *, ${logOdds} AS log_odds FROM (SELECT range AS ${ROW}, ${latent.join(', ')} FROM range(${from}, ${to}))`;
}

const isOne = (seed: number): string => `(${uniform(ROW, TARGET_STREAM, seed)} < 1 / (1 + exp(-log_odds)))`;

/** Rows `from` (inclusive) to `to` (exclusive) in order: row number, columns, target 0 or 1. */
export function rowsSql(spec: Omit<TableSpec, 'rowCount'>, from: number, to: number): string {
  const cells = madeColumns(spec.columnCount, spec.seed).map(({ name, cell }) => `${cell} AS ${name}`);
  const target = `${isOne(spec.seed)}::INTEGER AS ${TARGET}`;
  return `SELECT ${ROW} AS ${ROW_ID}, ${cells.join(', ')}, ${target} FROM (${latentRows(spec, from, to)})`;
}

/**
 * One row, of the rows up to `to`: the share of ones, and the area under the curve of the true probabilities, which no model exceeds but by
 * chance. Ranks of ties are averaged (Mann and Whitney's statistic).
 */
export function truthSql(spec: Omit<TableSpec, 'rowCount'>, to: number): string {
  const one = `${isOne(spec.seed)}::INTEGER AS one`;
  const ranks = 'rank() OVER (ORDER BY log_odds) + (count(*) OVER (PARTITION BY log_odds) - 1) / 2 AS place';
  return `SELECT avg(one), (sum(one * place) - sum(one) * (sum(one) + 1) / 2) / (sum(one) * (count(*) - sum(one)))
    FROM (SELECT ${one}, ${ranks} FROM (${latentRows(spec, 0, to)}))`;
}
