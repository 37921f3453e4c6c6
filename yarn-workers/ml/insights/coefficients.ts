import { AppError, COEFFICIENTS_MAX, type InsightOf, type ManifestContent, type ManifestStep } from '#contracts';
import {
  NUMBER_COLUMN,
  UNCALIBRATED,
  cellNames,
  crossNames,
  stepColumns,
  type LinearArrays,
  type ModelReader,
} from '#scoring';
import { addTerm, emptySum, sumOf } from '#statistics';

type Coefficients = InsightOf<'coefficients'>;
type Term = Coefficients['terms'][number];

/** One thing that a column may hold, and what each member adds for it. */
interface Entry extends Pick<Term, 'feature' | 'column' | 'kind' | 'level'> {
  /** By member: coefficient, and what it adds beyond an average row; absent where the member does not know it. */
  readonly members: Map<number, { readonly coefficient: number; readonly beyondMean: number }>;
  /** Places of a curve's knots, ascending. */
  readonly knots: Set<number>;
}

/** A column of a linear member. */
interface Column {
  readonly linear: LinearArrays;
  readonly place: number;
  readonly output: number;
}

/** What is asked of {@link coefficientsOf}. */
export interface AskedCoefficients {
  /** Which output; its label, null for a regression target. */
  readonly output: number;
  readonly label: string | null;
  /** Standard deviation of features by name, over the rows of the dataset. */
  readonly deviations: Readonly<Record<string, number | null>>;
}

/** Whether all members are linear, but for what a stacked layer adds to all rows, so that the model is one linear function of its columns. */
export const isLinear = ({ members }: Pick<ManifestContent, 'members'>): boolean =>
  members.every(({ model }) => model.kind === 'linear' || model.kind === 'constant') &&
  members.some(({ model }) => model.kind === 'linear');

/**
 * Coefficients of a model of linear members. Members are blended on the link scale, so the blend is linear too and its coefficients are
 * the members' weighted sums, times the slope of a calibration; the spread is their weighted standard deviation. A number that may bend has a curve instead.
 *
 * @throws VALIDATION_FAILED for a model with members of another kind
 */
export function coefficientsOf(content: ManifestContent, reader: ModelReader, asked: AskedCoefficients): Coefficients {
  if (!isLinear(content)) {
    const message = 'does not fit this model: not all of its members are linear';
    throw new AppError('VALIDATION_FAILED', `insight coefficients ${message}`, {
      errors: [{ path: '/kind', message }],
    });
  }
  const entries = new Map<string, Entry>();
  const columns = new Map<string, (Column | null)[]>();
  const intercept = emptySum();
  for (const [index, { model, steps, weight }] of content.members.entries()) {
    if (model.kind === 'constant') addTerm(intercept, weight * (model.scores[asked.output] ?? NaN));
    if (model.kind !== 'linear') continue;
    const linear = reader.linear(model);
    addTerm(intercept, weight * (linear.intercept[asked.output] ?? NaN));
    let place = 0;
    for (const step of steps)
      for (const column of columnsOfStep(content, step)) {
        const own = { linear, place, output: asked.output };
        collect(entries, column, own, index);
        const of = columns.get(column.name) ?? content.members.map(() => null);
        of[index] = own;
        columns.set(column.name, of);
        place += 1;
      }
  }
  const weights = content.members.map(({ weight, model }) => (model.kind === 'linear' ? weight : 0));
  const { slope, intercept: shift } = content.calibration ?? UNCALIBRATED;
  const terms = [...entries.values()].map((entry) =>
    calibrated(termOf(entry, weights, columns.get(entry.column) ?? [], asked), slope),
  );
  const order = terms
    .filter(isTold)
    .map((term) => ({ term, size: sizeOf(term) }))
    .sort((a, b) => b.size - a.size);
  return {
    ...{ kind: 'coefficients', label: asked.label, link: content.link, intercept: slope * sumOf(intercept) + shift },
    ...{ memberCount: weights.filter((weight) => weight > 0).length, termCount: order.length },
    terms: order.slice(0, COEFFICIENTS_MAX).map(({ term }) => term),
  };
}

/** What a term says of a calibrated model, whose raw score is steeper or flatter than the blend. */
function calibrated(term: Term, slope: number): Term {
  const { coefficient, standardized, spread, points } = term;
  const times = (value: number | null): number | null => (value === null ? null : slope * value);
  return {
    ...term,
    coefficient: times(coefficient),
    standardized: times(standardized),
    spread: times(spread),
    points: points?.map(({ at, value }) => ({ at, value: slope * value })) ?? null,
  };
}

interface NamedColumn {
  readonly name: string;
  readonly feature: string;
  readonly keys: readonly string[];
  readonly missingCode: number | null;
}

function columnsOfStep(content: ManifestContent, index: number): NamedColumn[] {
  const step = content.steps[index];
  if (step === undefined) return [];
  const missingCode = step.kind === 'category-codes' ? step.missingCode : null;
  return stepColumns(step, content.features).map(({ name, sourceFeature }, column) => ({
    ...{ name, feature: sourceFeature, keys: keysOfColumn(step, column), missingCode },
  }));
}

function keysOfColumn(step: ManifestStep, column: number): readonly string[] {
  if (step.kind === 'category-codes') return step.keys;
  if (step.kind === 'category-cross') return crossNames(step);
  return step.kind === 'place-cells' ? cellNames(step, step.depths[column] ?? 0) : [];
}

/** Adds what a member's column says to the entries. */
function collect(
  entries: Map<string, Entry>,
  { name, feature, keys, missingCode }: NamedColumn,
  column: Column,
  member: number,
) {
  const { linear, place, output } = column;
  const { outputCount } = linear;
  const [from, to] = [linear.pointOffset[place] ?? 0, linear.pointOffset[place + 1] ?? 0];
  const mean = linear.mean[place * outputCount + output] ?? 0;
  const put = (kind: Term['kind'], level: string | null, coefficient: number, beyondMean: number): Entry => {
    const key = JSON.stringify([name, kind === 'curve' ? 'number' : kind, level]);
    const entry = entries.get(key) ?? {
      feature,
      column: name,
      kind,
      level,
      members: new Map(),
      knots: new Set<number>(),
    };
    entry.members.set(member, { coefficient, beyondMean });
    entries.set(key, entry);
    return entry;
  };
  const value = (point: number): number => linear.value[point * outputCount + output] ?? 0;
  const otherwise = linear.otherwise[place * outputCount + output] ?? 0;
  if (linear.columnKind[place] === NUMBER_COLUMN) {
    const entry = put(to - from > 2 ? 'curve' : 'number', null, slopeOf(linear, from, to, value), 0);
    for (let point = from; point < to; point += 1) entry.knots.add(linear.knot[point] ?? 0);
  } else
    for (let point = from; point < to; point += 1) {
      const code = linear.knot[point] ?? 0;
      const isMissing = code === missingCode;
      put(isMissing ? 'missing' : 'level', isMissing ? null : (keys[code] ?? ''), value(point), value(point) - mean);
    }
  if (missingCode === null) put('missing', null, otherwise, otherwise - mean);
}

/** Of the straight line from the first point to the last. */
function slopeOf({ knot }: LinearArrays, from: number, to: number, value: (point: number) => number): number {
  if (to - from < 2) return 0;
  return (value(to - 1) - value(from)) / ((knot[to - 1] ?? NaN) - (knot[from] ?? NaN));
}

function termOf(
  entry: Entry,
  weights: readonly number[],
  columns: readonly (Column | null)[],
  asked: AskedCoefficients,
): Term {
  const { feature, column, level } = entry;
  const isCurve = entry.knots.size > 2 && columns.some((own) => own !== null && pointCount(own) > 2);
  const kind = entry.kind === 'number' && isCurve ? 'curve' : entry.kind;
  const values = weights.map((weight, member) => ({
    weight,
    ...(entry.members.get(member) ?? unknown(columns[member] ?? null)),
  }));
  const coefficient = weightedSum(values, (one) => one.coefficient);
  const spread = spreadOf(values);
  const deviation = asked.deviations[column] ?? null;
  if (kind === 'curve') {
    const points = [...entry.knots]
      .sort((a, b) => a - b)
      .map((at) => ({
        at,
        value: weightedSum(values, (_, member) => curveAt(columns[member] ?? null, at)),
      }));
    return { feature, column, kind, level, coefficient: null, standardized: null, spread: null, points };
  }
  const beyondMean = weightedSum(values, (one) => one.beyondMean);
  const standardized = kind === 'number' ? (deviation === null ? null : coefficient * deviation) : beyondMean;
  return { feature, column, kind, level, coefficient, standardized, spread, points: null };
}

const pointCount = ({ linear, place }: Column): number =>
  (linear.pointOffset[place + 1] ?? 0) - (linear.pointOffset[place] ?? 0);

/** What a member adds for a level that it has not seen; nothing where it has no such column. */
function unknown(column: Column | null): { readonly coefficient: number; readonly beyondMean: number } {
  if (column === null) return { coefficient: 0, beyondMean: 0 };
  const at = column.place * column.linear.outputCount + column.output;
  const otherwise = column.linear.otherwise[at] ?? 0;
  return { coefficient: otherwise, beyondMean: otherwise - (column.linear.mean[at] ?? 0) };
}

/** A number's function less its mean: interpolated between knots, flat beyond. */
function curveAt(column: Column | null, at: number): number {
  if (column === null) return 0;
  const { linear, place, output } = column;
  const { knot, value, outputCount, pointOffset, mean } = linear;
  const [from, to] = [pointOffset[place] ?? 0, pointOffset[place + 1] ?? 0];
  const valueAt = (point: number): number => value[point * outputCount + output] ?? 0;
  const centre = mean[place * outputCount + output] ?? 0;
  if (to === from) return -centre;
  let upper = from;
  while (upper < to && (knot[upper] ?? NaN) < at) upper += 1;
  if (upper === from) return valueAt(from) - centre;
  if (upper === to) return valueAt(to - 1) - centre;
  const [low, high] = [knot[upper - 1] ?? NaN, knot[upper] ?? NaN];
  const share = (at - low) / (high - low);
  return valueAt(upper - 1) * (1 - share) + valueAt(upper) * share - centre;
}

function weightedSum<T extends { readonly weight: number }>(
  values: readonly T[],
  of: (one: T, member: number) => number,
): number {
  const sum = emptySum();
  for (const [member, one] of values.entries()) addTerm(sum, one.weight * of(one, member));
  return sumOf(sum);
}

function spreadOf(values: readonly { readonly weight: number; readonly coefficient: number }[]): number {
  const total = weightedSum(values, () => 1);
  if (!(total > 0)) return 0;
  const mean = weightedSum(values, (one) => one.coefficient) / total;
  return Math.sqrt(weightedSum(values, (one) => (one.coefficient - mean) ** 2) / total);
}

/** A missing cell that counts as the average row, but for rounding, says nothing. */
const isTold = ({ kind, standardized }: Term): boolean => kind !== 'missing' || Math.abs(standardized ?? 0) > 1e-9;

/** How much a term moves predictions, roughly: by its standard deviation, its difference from the average row, or half its range. */
function sizeOf({ standardized, coefficient, points }: Term): number {
  if (points !== null) {
    const values = points.map(({ value }) => value);
    return (Math.max(...values) - Math.min(...values)) / 2;
  }
  return Math.abs(standardized ?? coefficient ?? 0);
}
