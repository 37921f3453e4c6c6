import type { ManifestStep } from '#contracts';
import { hash32, rowHash } from '#statistics';
import type { LinearSettings } from '../../blueprints/linear-settings.ts';
import { tableEncoder } from '../encoder.ts';
import type { MemberContext } from '../fit-member.ts';
import { countRows, trainingRows, type Member } from '../row-roles.ts';
import { crossFamily, jointGain, slopesBesideLevels, type CrossColumn, type CrossTarget } from './joint-gain.ts';
import {
  CROSSED_FEATURES_MAX,
  CROSSED_LEVELS_MAX,
  CROSSED_VALUES_MAX,
  CROSS_CLASSES_MAX,
  CROSS_ERRORS_MIN,
  CROSS_ROWS_MAX,
  CROSS_ROWS_MIN,
} from './limits.ts';

type CrossContext = Pick<
  MemberContext<Pick<LinearSettings, 'crosses'>>,
  'task' | 'features' | 'source' | 'rows' | 'roles' | 'objective' | 'settings' | 'io'
>;
type CrossStep = Extract<ManifestStep, { kind: 'category-cross' }>;

/** A feature that may be crossed: missing cells have the code after its keys, unseen ones the next. */
interface Crossed extends CrossColumn {
  readonly feature: number;
  readonly keys: readonly string[];
}

const ROWS_SALT = 0x5a17_0031;
const HALVES_SALT = 0x5a17_0032;

/**
 * The pairs of categories, and of numbers of few values, that say more of the target together than the sum of all does, by a member's
 * training rows: at most so many, the one of the largest gain first. A number that predictions are to rise or fall with is left
 * out, and with an offset or exposure there are none.
 *
 * One pass over these features. Memory: CROSS_ROWS_MAX x their number.
 *
 * @param steps those of the member, with the levels of its categories
 */
export async function chooseCrosses(
  context: CrossContext,
  member: Member,
  steps: readonly ManifestStep[],
): Promise<CrossStep[]> {
  const candidates = steps.filter((step) => isCandidate(context, step)).slice(0, 4 * CROSSED_FEATURES_MAX);
  if (candidates.length < 2 || (context.settings.crosses ?? 0) === 0 || context.rows.offsets.length > 0) return [];
  const rows = chosenRows(context, member);
  const columns = await readColumns(context, candidates, rows);
  if (columns.length < 2) return [];
  const salted = hash32(context.task.seed, HALVES_SALT);
  const halves = Uint8Array.from(rows, (row) => rowHash(salted, row) & 1);
  const slopes = targetsOf(context, rows).map((target) => slopesBesideLevels(target, columns));
  const found = columns.flatMap((second, place) =>
    columns.slice(0, place).map((first) => {
      const gains = slopes.map((one) => jointGain(one, first, second, halves));
      const isBeyondNoise = gains.some(({ gain, error }) => gain > CROSS_ERRORS_MIN * error);
      return { first, second, gain: isBeyondNoise ? gains.reduce((sum, { gain }) => sum + gain, 0) : 0 };
    }),
  );
  return found
    .filter(({ gain }) => gain > 0)
    .sort((a, b) => b.gain - a.gain || a.first.feature - b.first.feature || a.second.feature - b.second.feature)
    .slice(0, context.settings.crosses)
    .map(({ first, second }) => stepOf(first, second));
}

function isCandidate({ task, features }: CrossContext, step: ManifestStep): boolean {
  if (step.kind === 'category-codes') return true;
  if (step.kind !== 'numeric') return false;
  const { increasing, decreasing } = task.monotonic;
  return ![...increasing, ...decreasing].includes(features[step.feature]?.manifest.name ?? '');
}

/** Training rows of positive weight, by hash where there are too many; ascending. */
function chosenRows({ task, rows, roles }: CrossContext, member: Member): Int32Array {
  const trains = trainingRows(roles, member);
  const isWanted = (row: number): boolean =>
    trains(row) && (roles.sample === null || roles.sample[row] === 1) && (rows.weights?.[row] ?? 1) > 0;
  const limit = (CROSS_ROWS_MAX / Math.max(1, countRows(rows.rowCount, isWanted))) * 0x1_0000_0000;
  const salted = hash32(task.seed, ROWS_SALT);
  const chosen: number[] = [];
  for (let row = 0; row < rows.rowCount; row += 1) if (isWanted(row) && rowHash(salted, row) < limit) chosen.push(row);
  return Int32Array.from(chosen);
}

/** The first candidates that have few enough values, and at least two with rows enough. */
async function readColumns(
  { features, source, io }: CrossContext,
  candidates: readonly ManifestStep[],
  rows: Int32Array,
): Promise<Crossed[]> {
  const encoder = tableEncoder(features, candidates, source, io.signal);
  const cells = candidates.map(() => new Float64Array(rows.length));
  let next = 0;
  await encoder.pass((values, rowCount, firstRow) => {
    for (; next < rows.length && (rows[next] ?? 0) < firstRow + rowCount; next += 1)
      for (const [column, own] of cells.entries())
        own[next] = values[((rows[next] ?? 0) - firstRow) * encoder.columnCount + column] ?? NaN;
  });
  return candidates
    .flatMap((step, column) => crossedOf(step, cells[column] ?? new Float64Array(0)) ?? [])
    .slice(0, CROSSED_FEATURES_MAX);
}

/** Cells are codes of a category, or numbers. */
function crossedOf(step: ManifestStep, cells: Float64Array): Crossed | null {
  const counts = new Map<number, number>();
  for (const cell of cells) {
    counts.set(cell, (counts.get(cell) ?? 0) + 1);
    if (step.kind === 'numeric' && counts.size > CROSSED_VALUES_MAX + 1) return null;
  }
  const missingCode = step.kind === 'category-codes' ? step.missingCode : null;
  const values = [...counts]
    .filter(([value, count]) => !Number.isNaN(value) && value !== missingCode && count >= CROSS_ROWS_MIN)
    .sort(([a, first], [b, second]) => second - first || a - b)
    .slice(0, CROSSED_LEVELS_MAX)
    .map(([value]) => value)
    .sort((a, b) => a - b);
  if (values.length < 2) return null;
  const keys = values.map((value) => (step.kind === 'category-codes' ? (step.keys[value] ?? '') : String(value)));
  const codeOf = new Map(values.map((value, code) => [value, code]));
  const [missing, unseen] = [values.length, values.length + 1];
  const isNumber = step.kind === 'numeric';
  const codes = Int32Array.from(cells, (cell) =>
    cell === missingCode || (isNumber && Number.isNaN(cell)) ? missing : (codeOf.get(cell) ?? unseen),
  );
  return { feature: step.feature, keys, codes, codeCount: values.length + 2 };
}

/** What is to be foretold: the value, the positive class, or each of the largest classes. */
function targetsOf({ task, rows, objective }: CrossContext, chosen: Int32Array): CrossTarget[] {
  const weights = Float64Array.from(chosen, (row) => rows.weights?.[row] ?? 1);
  const family = crossFamily(objective.glm);
  const { targetType, positiveClass } = task.target;
  if (rows.values !== null) {
    const values = Float64Array.from(chosen, (row) => rows.values?.[row] ?? NaN);
    return [{ family, values: scaled(values, family), weights }];
  }
  const classes = Int32Array.from(chosen, (row) => rows.classes?.[row] ?? -1);
  const counts = new Map<number, number>();
  for (const index of classes) counts.set(index, (counts.get(index) ?? 0) + 1);
  const wanted =
    targetType === 'binary'
      ? [positiveClass ?? 1]
      : [...counts]
          .sort(([a, first], [b, second]) => second - first || a - b)
          .slice(0, CROSS_CLASSES_MAX)
          .map(([index]) => index);
  return wanted.map((index) => ({
    family,
    values: Float64Array.from(classes, (own) => Number(own === index)),
    weights,
  }));
}

/** Values in units in which steps are of the order of 1: of their deviation from the mean, or of counts of their mean. */
function scaled(values: Float64Array, family: CrossTarget['family']): Float64Array {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  if (family === 'poisson') return mean > 0 ? values.map((value) => value / mean) : values;
  const deviation = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
  return deviation > 0 ? values.map((value) => (value - mean) / deviation) : values.map(() => 0);
}

/** A code a pair that has rows enough, the first feature's keys first. */
function stepOf(first: Crossed, second: Crossed): CrossStep {
  const counts = new Uint32Array(first.codeCount * second.codeCount);
  for (const [row, code] of first.codes.entries()) {
    const at = code * second.codeCount + (second.codes[row] ?? 0);
    counts[at] = (counts[at] ?? 0) + 1;
  }
  let next = 0;
  const codes = Array.from(counts, (count) => (count >= CROSS_ROWS_MIN ? next++ : null));
  return {
    ...{ kind: 'category-cross', feature: first.feature, other: second.feature },
    ...{ keys: [...first.keys], otherKeys: [...second.keys], codes },
  };
}
