import type { BatchSource, LeakageFacts, LeakageFinding, LeftOut, TrainTask } from '#contracts';
import { LEAKAGE_FINDINGS_MAX } from '#contracts';
import { columnRequest, type FeatureValues } from '#scoring';
import { hash32, indicesWhere, rowHash } from '#statistics';
import { isModelled } from '../partition/types.ts';
import { report, type FitIo } from '../fit/clock.ts';
import type { RowRoles } from '../fit/row-roles.ts';
import type { StopBook } from '../fit/stops.ts';
import type { TargetRows } from '../fit/target-rows.ts';
import { asCategory, storedColumn, type TaskFeature } from '../fit/task-columns.ts';
import type { SampledFeature } from '../insights/features/read-features.ts';
import { expectedTwinShare } from './chance-twins.ts';
import { duplicateCounter, type DuplicateCounter } from './duplicates.ts';
import { foretellerOf } from './foretell.ts';
import { groupBleed } from './group-bleed.ts';
import { groupGatherer } from './group-rows.ts';
import {
  CHANCE_ROWS_MAX,
  HIGH_SCORE,
  LEAKAGE_FOLDS,
  LEAKAGE_ROWS_MAX,
  LEAKAGE_ROWS_MIN,
  MODERATE_SCORE,
  PAIR_FEATURES_MAX,
  PAIR_ROWS_MAX,
  READING_SHARE,
  SINGLE_SHARE,
} from './limits.ts';
import { bestTogether } from './pairs.ts';
import { missingParts, partsOf, partsOfKeys, type Parts } from './parts.ts';
import { picked, readRows, type RowsRead } from './read-rows.ts';
import { rowSlots, type RowSlots } from './row-slots.ts';
import { searchTime, type SearchTime } from './search-time.ts';

/** Salts of hashes that must not agree with the partitions' hash. */
const ROWS_SALT = 0x5a17_0031;
const FOLDS_SALT = 0x5a17_0032;

/** A feature with how well it foretells the target by itself. */
interface Measured {
  readonly feature: SampledFeature;
  readonly score: number;
}

/** A task that looks for leakage. */
type Searching = Pick<TrainTask, 'seed' | 'target' | 'partitioning' | 'table' | 'leakageSearch'>;

interface Search {
  readonly task: Searching;
  readonly rows: TargetRows;
  readonly slots: RowSlots;
  readonly time: SearchTime;
  readonly io: Pick<FitIo, 'onProgress' | 'signal'>;
}

/**
 * Which features tell the target, by themselves or two together where neither does alone: measured on rows that were not fitted on, of
 * at most LEAKAGE_ROWS_MAX rows outside the holdout, those of the least hash(seed, row). Pairs are those of the features with the best scores.
 * The date that parts rows and the series column are not looked at. Then equal rows, and groups that training and validation rows share.
 *
 * A function of task and data alone, but for what it leaves out when its time is over, which the stops and `leftOut` tell.
 * Memory: sampled rows times features, 8 bytes each, and the texts; see `duplicateCounter` and `groupGatherer`.
 *
 * @param known.readMs what reading the target has taken, by which it is known what reading features takes
 * @throws CELL_UNREADABLE; DATA_READ_TRUNCATED; TASK_CANCELLED
 */
export async function findLeakage(
  task: Searching,
  features: readonly TaskFeature[],
  known: { readonly rows: TargetRows; readonly roles: RowRoles; readonly readMs: number; readonly stops: StopBook },
  source: BatchSource,
  io: Pick<FitIo, 'onProgress' | 'signal' | 'now' | 'remainingMs'>,
): Promise<LeakageFacts> {
  const { rows, roles } = known;
  const chosen = chosenRows(task.seed, roles, rows);
  if (chosen.length < LEAKAGE_ROWS_MIN) return { rowCount: 0, pairRowCount: 0, pairCount: 0, findings: [] };
  const time = searchTime(task, io, known.stops, { readMs: known.readMs, readColumns: columnsRead(rows) });
  const search: Search = { task, rows, slots: rowSlots(roles), time, io };
  await report(io, 0.01, 'leakage', 'reading features to look for target leakage');
  const candidates = groupColumnsOf(task, roles);
  const counted = time.readable(features.length + candidates.length);
  const duplicates = counted < features.length ? null : duplicateCounter(source.rowCount, search.slots);
  const columns = candidates.slice(0, Math.max(0, counted - features.length));
  const read = await readRows(
    source,
    {
      ...{ features: features.slice(0, counted), chosen, duplicates, groups: columns },
      target: targetValues(rows),
      ends: (rowCount) => time.ends('rows', rowCount, READING_SHARE),
    },
    io.signal,
  );
  const judged = read.features.filter(({ name }) => !isOfTime(name, task.partitioning));
  const single = await singleFindings(search, judged, read.chosen);
  const groups = await groupFindings(search, columns);
  const pairs = await pairFindings(search, single.measured, read.chosen);
  const left: LeftOut = {
    rowCount: source.rowCount - read.rowCount,
    featureCount: Math.max(0, features.length - counted) + judged.length - single.measured.length,
    groupColumnCount: candidates.length - groups.columnCount,
    pairCount: pairs.leftCount,
    duplicates: duplicates === null,
  };
  const worst = [...single.findings, ...pairs.findings].sort(
    (a, b) => b.score - a.score || a.features.length - b.features.length,
  );
  return {
    rowCount: read.chosen.length,
    pairRowCount: pairs.pairCount === 0 ? 0 : Math.min(PAIR_ROWS_MAX, read.chosen.length),
    pairCount: pairs.pairCount,
    findings: worst.slice(0, LEAKAGE_FINDINGS_MAX),
    ...(duplicates === null ? {} : { duplicates: duplicateFacts(search, duplicates, read) }),
    groupColumnCount: groups.columnCount,
    groups: groups.findings,
    ...(Object.values(left).some((value) => value !== 0 && value !== false) ? { leftOut: left } : {}),
  };
}

/** Columns that reading the target has read. */
const columnsRead = ({ weights, offsets, key, times }: TargetRows): number =>
  1 + offsets.length + [weights, key, times].filter((column) => column !== null).length;

const targetValues =
  ({ classes, values }: TargetRows) =>
  (firstRow: number, rowCount: number): FeatureValues => ({
    kind: 'number',
    values:
      values?.subarray(firstRow, firstRow + rowCount) ??
      Float64Array.from({ length: rowCount }, (_, index) => classes?.[firstRow + index] ?? NaN),
  });

/** The columns that may name groups, as categories. */
function groupColumnsOf(task: Searching, roles: RowRoles) {
  return (task.leakageSearch?.groupColumns ?? []).map(({ name, levelCount }) => {
    const column = storedColumn(task, name);
    const manifest = { name, type: 'categorical' as const, parse: asCategory(column.parse) };
    const gatherer = groupGatherer(task.seed, roles, levelCount);
    return { feature: { manifest, request: columnRequest(manifest, column) }, gatherer };
  });
}

/** What features tell by themselves, in the order of the table. */
async function singleFindings({ task, rows, time, io }: Search, read: readonly SampledFeature[], chosen: Uint32Array) {
  const foretell = foretellerAt(task, rows, chosen);
  const findings: LeakageFinding[] = [];
  const measured: Measured[] = [];
  for (const [index, feature] of read.entries()) {
    if (chosen.length < LEAKAGE_ROWS_MIN || time.ends('features', index, SINGLE_SHARE)) break;
    await report(io, 0.01, 'leakage', `feature ${index + 1} of ${read.length}`);
    const score = foretell(partsOf(feature.values));
    measured.push({ feature, score });
    if (score < MODERATE_SCORE) continue;
    const by = foretell(missingParts(feature.values)) >= MODERATE_SCORE ? 'missing' : 'value';
    findings.push({ features: [feature.name], risk: riskOf(score), score, by });
  }
  return { findings, measured };
}

/** Which of the columns name groups that bleed, the worst first. */
async function groupFindings(
  { task, rows, slots, time, io }: Search,
  columns: ReturnType<typeof groupColumnsOf>,
): Promise<{ readonly columnCount: number; readonly findings: NonNullable<LeakageFacts['groups']> }> {
  let columnCount = 0;
  const findings: NonNullable<LeakageFacts['groups']> = [];
  for (const { feature, gatherer } of columns) {
    if (time.ends('groups', columnCount, SINGLE_SHARE)) break;
    await report(io, 0.015, 'leakage', `groups ${columnCount + 1} of ${columns.length}`);
    const gathered = gatherer.gathered();
    const foretell = foretellerAt(task, rows, gathered.rows);
    const finding = groupBleed(feature.manifest.name, gathered, foretell, slots, task.seed);
    if (finding !== null) findings.push(finding);
    columnCount += 1;
  }
  return { columnCount, findings: findings.sort((a, b) => b.score - a.score) };
}

/** What pairs tell that neither of the two does. */
async function pairFindings({ task, rows, time, io }: Search, measured: readonly Measured[], chosen: Uint32Array) {
  const few = chosen.subarray(0, PAIR_ROWS_MAX);
  const pairs = pairsOf(measured, few.length);
  const foretell = foretellerAt(task, rows, few);
  const findings: LeakageFinding[] = [];
  let pairCount = 0;
  for (const [a, b] of pairs) {
    if (time.ends('pairs', pairCount, 1)) break;
    await report(io, 0.015, 'leakage', `pair ${pairCount + 1} of ${pairs.length}`);
    const { by, score } = bestTogether([a.feature, b.feature], foretell);
    pairCount += 1;
    if (score >= HIGH_SCORE && Math.max(a.score, b.score) < MODERATE_SCORE)
      findings.push({ features: namesOf(a, b), risk: 'high', score, by });
  }
  return { findings, pairCount, leftCount: pairs.length - pairCount };
}

function duplicateFacts({ rows }: Search, duplicates: DuplicateCounter, { features, chosen }: RowsRead) {
  const few = chosen.subarray(0, CHANCE_ROWS_MAX);
  return duplicates.facts((rowCount) => {
    const columns = features.map((feature) => valuesAsParts(firstOf(feature, few.length).values));
    const target = partsOfKeys(Array.from(few, (row) => rows.classes?.[row] ?? rows.values?.[row] ?? null));
    return expectedTwinShare([...columns, target], rowCount);
  });
}

/** One part a different value, of numbers too. */
function valuesAsParts(values: FeatureValues): Parts {
  if (values.kind !== 'number') return partsOf(values);
  return partsOfKeys(Array.from(values.values, (value) => (Number.isNaN(value) ? null : value)));
}

/** When something was and which series it is of are known of what is to be predicted; of a smooth series they tell nearly all. */
const isOfTime = (name: string, { method, column, dates }: TrainTask['partitioning']): boolean =>
  method === 'date' && (name === column || name === dates?.series?.column);

/** What tells more by itself comes first, of equals the later one of the table. */
const namesOf = (a: Measured, b: Measured): string[] =>
  (b.score >= a.score ? [b, a] : [a, b]).map(({ feature }) => feature.name);

const riskOf = (score: number): LeakageFinding['risk'] => (score >= HIGH_SCORE ? 'high' : 'moderate');

/** Rows outside the holdout and of positive weight, in the order of their hash. */
function chosenRows(seed: number, { of }: RowRoles, { weights }: TargetRows): Uint32Array {
  const salted = hash32(seed, ROWS_SALT);
  const hashOf = (row: number): number => rowHash(salted, row);
  const rows = indicesWhere(of.length, (row) => isModelled(of[row] ?? 0) && (weights?.[row] ?? 1) > 0);
  const last = rows.length > LEAKAGE_ROWS_MAX ? (rows.map(hashOf).sort()[LEAKAGE_ROWS_MAX - 1] ?? 0) : Infinity;
  const chosen = rows.filter((row) => hashOf(row) <= last);
  return chosen.sort((a, b) => hashOf(a) - hashOf(b) || a - b).subarray(0, LEAKAGE_ROWS_MAX);
}

function foretellerAt({ target, seed }: Searching, { classes, values }: TargetRows, rows: Uint32Array) {
  const salted = hash32(seed, FOLDS_SALT);
  const own = {
    classes: classes === null ? null : Int32Array.from(rows, (row) => classes[row] ?? -1),
    values: values === null ? null : Float64Array.from(rows, (row) => values[row] ?? NaN),
  };
  return foretellerOf(
    target,
    own,
    Uint8Array.from(rows, (row) => rowHash(salted, row) % LEAKAGE_FOLDS),
  );
}

/** All pairs of the best features that are no risk by themselves, with the values of the first rows. */
function pairsOf(measured: readonly Measured[], rowCount: number): [Measured, Measured][] {
  const best = measured
    .filter(({ score, feature }) => score < MODERATE_SCORE && feature.values.kind !== 'text')
    .sort((a, b) => b.score - a.score || a.feature.index - b.feature.index)
    .slice(0, PAIR_FEATURES_MAX)
    .map(({ feature, score }): Measured => ({ feature: firstOf(feature, rowCount), score }));
  return best.flatMap((a, index) => best.slice(index + 1).map((b): [Measured, Measured] => [a, b]));
}

/** The values of the first rows. */
const firstOf = (feature: SampledFeature, count: number): SampledFeature => ({
  ...feature,
  values: picked(
    feature.values,
    Uint32Array.from({ length: count }, (_, row) => row),
  ),
});
