import { GROUP_COLUMNS_MAX, type AutopilotPlan, type LeakageSearch } from '#contracts';
import { planColumns, type PlanColumn } from './columns.ts';
import type { AutopilotFacts } from './request.ts';

/** Rows that a group has on average at least: one row a group bleeds into nothing. */
const GROUP_ROWS_MIN = 2;
/** Groups of a column that is called like an entity's key; of any other column, and how many rows such a group may have on average. */
const NAMED_LEVELS_MIN = 10;
const UNNAMED_LEVELS_MIN = 100;
const UNNAMED_ROWS_MAX = 50;

/** Last words of the name of what identifies somebody or something that has several rows. */
const ENTITY_WORDS: ReadonlySet<string> = new Set(
  (
    'id ids uuid guid key no nr account client customer user member person people patient subject participant respondent ' +
    'employee worker student teacher school company firm vendor supplier merchant household family device machine equipment ' +
    'sensor vehicle asset serial session player team animal plot specimen hospital clinic'
  ).split(' '),
);

/** The last of a name's words, in lower case: of `patientId`, `PATIENT_ID` and `patient#` it is `id` or `patient`, of `customer_age` it is `age`. */
const lastWordOf = (name: string): string =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[^a-z]+/)
    .filter((word) => word !== '')
    .at(-1) ?? '';

/**
 * Columns of a dataset that may name groups of rows (customers, patients, devices), those that are left out as ids too: categories, ids and
 * texts whose values are repeated, or columns of any kind of key that are called so. None where rows are parted by date, where what is known of
 * a group is known when its next row comes. Most groups first.
 *
 * @returns GROUP_COLUMNS_MAX at most
 */
export function groupColumnsOf(
  { target, partitioning, weightColumn }: AutopilotPlan,
  facts: Pick<AutopilotFacts, 'profile' | 'table'>,
): NonNullable<LeakageSearch['groupColumns']> {
  if (partitioning.method === 'date') return [];
  const roles = new Set([
    target.name,
    target.offsetColumn,
    target.exposureColumn,
    weightColumn ?? undefined,
    partitioning.column ?? undefined,
  ]);
  return [...planColumns(facts).values()]
    .filter(({ column }) => !roles.has(column.name))
    .flatMap((column) => candidateOf(column, facts.table.rowCount) ?? [])
    .sort((a, b) => Number(b.isNamed) - Number(a.isNamed) || b.levelCount - a.levelCount)
    .slice(0, GROUP_COLUMNS_MAX)
    .map(({ name, levelCount }) => ({ name, levelCount }));
}

function candidateOf({ column, profile }: PlanColumn, rowCount: number) {
  const { name, type, uniqueCount: levelCount } = profile;
  if (type === 'constant' || type === 'boolean' || type === 'date' || column.parse.kind === 'date') return null;
  const rowsPerLevel = (rowCount - profile.missingCount) / Math.max(1, levelCount);
  const isNamed = ENTITY_WORDS.has(lastWordOf(name));
  if (rowsPerLevel < GROUP_ROWS_MIN) return null;
  if (isNamed) return levelCount < NAMED_LEVELS_MIN ? null : { name, levelCount, isNamed };
  const isOfNumbers = column.parse.kind === 'number' && type !== 'id' && type !== 'categorical';
  if (isOfNumbers || levelCount < UNNAMED_LEVELS_MIN || rowsPerLevel > UNNAMED_ROWS_MAX) return null;
  return { name, levelCount, isNamed };
}
