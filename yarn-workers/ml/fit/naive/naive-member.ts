import { AppError, type DatePart, type ManifestStep } from '#contracts';
import { datePart } from '#scoring';
import type { NaiveKind } from '../../blueprints/naive.ts';
import type { FittedMember } from '../assemble.ts';
import type { MemberContext } from '../fit-member.ts';
import { constantScores } from '../baseline.ts';
import { trainingRows, type Member } from '../row-roles.ts';
import { lastValuesOf, type LastValues } from './last-values.ts';
import { LEAST_SHARE, SERIES_MAX } from './limits.ts';
import { byCode, byNumber, treeArraysOf, type NumberBranch, type TableTree } from './table-tree.ts';

/** Places of a season in order. */
const PLACES = {
  hour: Array.from({ length: 24 }, (_, hour) => hour),
  weekday: Array.from({ length: 7 }, (_, day) => day),
  month: Array.from({ length: 12 }, (_, month) => month + 1),
} as const satisfies Partial<Record<DatePart, readonly number[]>>;

/** What a member is made from. */
export type NaiveContext = Pick<MemberContext, 'task' | 'features' | 'rows' | 'roles' | 'objective'>;

/**
 * A naive forecast as one tree: by series, then by place of the season, the last value among the member's training rows. A series without
 * rows at a place has its last value there; an unseen or missing series the mean of all series' last values.
 *
 * @see R. Hyndman and G. Athanasopoulos, Forecasting: principles and practice, 3rd edition, section 5.2
 */
export function naiveMember(kind: NaiveKind, context: NaiveContext, member: Member): FittedMember {
  const { task, features, rows, roles } = context;
  const series = task.partitioning.dates?.series;
  if (series === undefined || rows.values === null || rows.times === null)
    throw new AppError('INTERNAL', `${task.blueprintId} needs a target that is a number, of a series`);
  const season = kind === 'season' ? series.season : null;
  const trains = trainingRows(roles, member);
  const found = lastValuesOf(
    {
      values: rows.values,
      times: rows.times,
      weights: rows.weights,
      codes: rows.key?.codes ?? null,
      keys: rows.key?.keys ?? [],
    },
    trains,
    season === null ? null : (seconds) => datePart(seconds, season),
  );
  const steps: ManifestStep[] = [];
  const indexOf = (name: string | null): number => features.findIndex(({ manifest }) => manifest.name === name);
  const raw = toRaw(context, trains);
  const seriesFeature = indexOf(series.column);
  const isCoded = features[seriesFeature]?.manifest.parse.kind === 'category';
  const kept = found.slice(0, SERIES_MAX);
  if (series.column !== null)
    steps.push(
      isCoded
        ? { kind: 'category-codes', feature: seriesFeature, keys: kept.map(({ key }) => key), missingCode: null }
        : { kind: 'numeric', feature: seriesFeature },
    );
  const seasonColumn = steps.length;
  if (season !== null) steps.push({ kind: 'date-parts', feature: indexOf(task.partitioning.column), parts: [season] });
  const treeOf = (one: LastValues): TableTree => {
    if (season === null) return { value: raw(one.last), cover: Math.max(1, one.rowCount) };
    const branches = PLACES[season].map((place): NumberBranch => {
      const own = one.bySeason.find((entry) => entry.place === place);
      return { atMost: place, tree: { value: raw(own?.value ?? one.last), cover: own?.rowCount ?? 1 } };
    });
    return byNumber(seasonColumn, [...branches, { atMost: Infinity, tree: { value: raw(one.last), cover: 1 } }]);
  };
  const mean = found.reduce((sum, { last }) => sum + last, 0) / found.length;
  const unseen: TableTree = { value: raw(mean), cover: 1 };
  if (series.column === null) {
    const [only] = kept;
    return { steps, model: { trees: treeArraysOf(only === undefined ? unseen : treeOf(only)) } };
  }
  const root = isCoded ? byCode(0, kept.map(treeOf), unseen) : byNumber(0, numberBranches(kept, treeOf, unseen));
  return { steps, model: { trees: treeArraysOf(root) } };
}

/** The raw score of a value. Where the link is the logarithm, whatever is less than {@link LEAST_SHARE} of the mean, such as 0, is that: the metrics that go with it are infinite at 0. */
function toRaw({ task, objective, rows }: NaiveContext, trains: (row: number) => boolean): (value: number) => number {
  if (objective.link !== 'log') return (value) => value;
  const [logMean = 0] = constantScores(task.target, objective, rows, trains);
  const least = logMean + Math.log(LEAST_SHARE);
  return (value) => (value > 0 ? Math.max(Math.log(value), least) : least);
}

/** Each number that is a series by itself; all between them are unseen. */
function numberBranches(
  found: readonly LastValues[],
  treeOf: (one: LastValues) => TableTree,
  unseen: TableTree,
): NumberBranch[] {
  const ascending = found.map((one) => ({ number: Number(one.key), one })).sort((a, b) => a.number - b.number);
  return [
    ...ascending.flatMap(({ number, one }) => [
      { atMost: nextBelow(number), tree: unseen },
      { atMost: number, tree: treeOf(one) },
    ]),
    { atMost: Infinity, tree: unseen },
  ];
}

/** The largest double below a finite number. */
function nextBelow(number: number): number {
  if (number === 0) return -Number.MIN_VALUE;
  const value = Float64Array.of(number);
  const bits = new BigInt64Array(value.buffer);
  bits[0] = (bits[0] ?? 0n) + (number > 0 ? -1n : 1n);
  return value[0] ?? number;
}
