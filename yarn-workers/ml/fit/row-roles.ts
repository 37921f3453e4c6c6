import { AppError, type TrainTask } from '#contracts';
import { hash32, rowHash } from '#statistics';
import { settingsOf } from '../blueprints/catalogue.ts';
import { hasManyClasses } from '../blueprints/many-classes.ts';
import { isBagged } from '../blueprints/settings.ts';
import { partitionOf } from '../partition/partitions.ts';
import { HOLDOUT, TRAINING, isModelled, type TrainingSpans } from '../partition/types.ts';
import { drawnRows } from './down-sample.ts';
import type { TargetRows } from './target-rows.ts';

/** Salts of hashes that must not agree with the partitions' hash. */
const SAMPLE_SALT = 0x5a17_0001;
const BAG_SALT = 0x5a17_0062;

/** What each row is for in a task. */
export interface RowRoles {
  /** Fold, HOLDOUT, TRAINING or UNUSED; all TRAINING in a refit. */
  readonly of: Int8Array;
  /** By date, of which spans of time a member's training rows are; null where they are all but the holdout and the member's fold. */
  readonly spans: TrainingSpans | null;
  /** Models to be fitted: one a fold; those of a refit leave no fold out, and differ by their seeds or bags. */
  readonly members: readonly Member[];
  /** Rows that may train, and of which linear models validate; null: all. */
  readonly sample: Uint8Array | null;
  /** Those of the sample whose matrix fits into memory, where models see the others only in passes; null: all of the sample. */
  readonly held: Uint8Array | null;
  /** Rows that down-sampling lets train; null: all. What features look like is learnt of the others too. */
  readonly drawn: Uint8Array | null;
}

/** A model of the artefact: fitted on all rows but the holdout and fold `fold`; by date on those of the fold's training window. */
export interface Member {
  /** Null in a refit: nothing is held back, and there is nothing to stop by. */
  readonly fold: number | null;
  /** Of a bagged refit: the part of the rows that trees are grown without, though steps are fitted on it. */
  readonly bag?: number;
}

/**
 * @param heldFraction part of all rows that memory can hold; as much as the task's sample: no less than that
 * @throws what {@link partitionOf} throws
 */
export function rowRoles(task: TrainTask, rows: TargetRows, heldFraction = task.sampleFraction): RowRoles {
  const drawn = drawnRows(task, rows);
  const samplesOf = (of: Int8Array): Pick<RowRoles, 'sample' | 'held'> => {
    const part = (sampleFraction: number): Uint8Array | null =>
      withSmallClasses(sampleOf({ ...task, sampleFraction }, rows.rowCount), of, task, rows);
    const sample = part(task.sampleFraction);
    const held = heldFraction < task.sampleFraction ? part(heldFraction) : null;
    return { sample, held: held?.map((flag, row) => flag & (sample?.[row] ?? 1)) ?? null };
  };
  if (task.refit !== null) {
    const members = copiesOf(task.refit.copies ?? 1, task, rows);
    const of = new Int8Array(rows.rowCount).fill(TRAINING);
    return { of, spans: null, members, ...samplesOf(of), drawn };
  }
  const { of, foldCount, spans } = partitionOf(task.partitioning, {
    rowCount: rows.rowCount,
    classes: rows.classes,
    classLabels: task.target.classes.map(({ label }) => label),
    key: rows.key,
    first: rows.first,
    times: rows.times,
  });
  const members = Array.from({ length: foldCount }, (_, fold) => ({ fold }));
  return { of, spans, members, ...samplesOf(of), drawn };
}

/** The rows that may be held in memory; null: all. */
export const heldSample = ({ sample, held }: Pick<RowRoles, 'sample' | 'held'>): Uint8Array | null => held ?? sample;

/** Parts of the rows, each of which is left out by one bag. */
export const BAGS = 5;
/** Rows of each class (of a regression: of all) below which there are no bags: one might be without some class. */
export const BAGGED_ROWS_MIN = 50;

/**
 * Copies that differ: by their seeds, or, but for the first, by the rows that they leave out. One, where they could differ by
 * neither.
 */
function copiesOf(copies: number, task: TrainTask, rows: TargetRows): Member[] {
  const isBag = copies > 1 && isBagged(settingsOf(task.blueprintId, task.parameters));
  const count = isBag && fewestRows(task, rows) < BAGGED_ROWS_MIN ? 1 : copies;
  return Array.from({ length: count }, (_, index) =>
    isBag && index > 0 ? { fold: null, bag: (index - 1) % BAGS } : { fold: null },
  );
}

/** Rows of positive weight of the class that has fewest. */
function fewestRows({ target }: TrainTask, { rowCount, classes, weights }: TargetRows): number {
  const counts = new Float64Array(Math.max(1, target.classes.length));
  for (let row = 0; row < rowCount; row += 1) {
    const index = classes?.[row] ?? 0;
    if ((weights?.[row] ?? 1) > 0) counts[index] = (counts[index] ?? 0) + 1;
  }
  return Math.min(...counts);
}

/** True if a row is not of the part that the member's bag leaves out, which hash(seed, row) says. */
export function baggedRows({ bag }: Member, seed: number): (row: number) => boolean {
  if (bag === undefined) return () => true;
  const salted = hash32(seed, BAG_SALT);
  return (row) => rowHash(salted, row) % BAGS !== bag;
}

/** A class of which a sample has fewer rows to train on keeps all that it has. */
const SAMPLED_CLASS_ROWS_MIN = 10;

/**
 * Of many classes a sample would miss some, and a model must know all of them: classes that would have few rows in it keep all, at
 * most SAMPLED_CLASS_ROWS_MIN / sampleFraction or so each. Of few classes samples are as the hash has them.
 */
function withSmallClasses(
  sample: Uint8Array | null,
  of: Int8Array,
  { target, partitioning }: Pick<TrainTask, 'target' | 'partitioning'>,
  { classes, rowCount }: Pick<TargetRows, 'classes' | 'rowCount'>,
): Uint8Array | null {
  if (sample === null || classes === null || !hasManyClasses(target)) return sample;
  // Rows of the one validation part of a split train nothing, those of a fold do.
  const validates = partitioning.validation === 'tvh' ? 0 : HOLDOUT;
  const counts = new Uint32Array(target.classes.length);
  for (let row = 0; row < rowCount; row += 1) {
    const part = of[row] ?? HOLDOUT;
    const index = classes[row] ?? 0;
    if (sample[row] === 1 && part !== HOLDOUT && part !== validates) counts[index] = (counts[index] ?? 0) + 1;
  }
  return sample.map((flag, row) => ((counts[classes[row] ?? 0] ?? 0) < SAMPLED_CLASS_ROWS_MIN ? 1 : flag));
}

/** Rows that train when only a part of them shall: by hash(seed, row), so a larger part holds a smaller one. Null: all. */
export function sampler({
  sampleFraction,
  seed,
}: Pick<TrainTask, 'sampleFraction' | 'seed'>): ((row: number) => boolean) | null {
  if (sampleFraction >= 1) return null;
  const salted = hash32(seed, SAMPLE_SALT);
  const limit = sampleFraction * 0x1_0000_0000;
  return (row) => rowHash(salted, row) < limit;
}

/** A byte a row: 1 if {@link sampler} takes it. */
function sampleOf(task: Pick<TrainTask, 'sampleFraction' | 'seed'>, rowCount: number): Uint8Array | null {
  const isSampled = sampler(task);
  return isSampled === null ? null : Uint8Array.from({ length: rowCount }, (_, row) => (isSampled(row) ? 1 : 0));
}

/** True if a row trains the member; of no fold: if it is outside the holdout and of some partition. */
export function trainingRows(roles: RowRoles, { fold }: Member): (row: number) => boolean {
  const groups = trainingGroups(roles);
  const trains = groups.trains({ fold });
  return (row) => {
    const group = groups.of(row);
    return group >= 0 && trains(group);
  };
}

/** Rows by what they train: those of one group train the same members. */
export interface TrainingGroups {
  readonly count: number;
  /** The group of a row, below `count`; -1 for rows that train and validate nothing, and those outside the sample and the draw. */
  readonly of: (row: number) => number;
  /** Whether the rows of a group train a member; of no fold all do. */
  readonly trains: (member: Member) => (group: number) => boolean;
}

/** The groups are the folds and, as the last one, the rows of no fold; by date the spans of time. */
export function trainingGroups({ of, spans, members, sample, drawn }: RowRoles): TrainingGroups {
  const isSampled = (row: number): boolean =>
    isModelled(of[row] ?? 0) && (sample === null || sample[row] === 1) && (drawn === null || drawn[row] === 1);
  if (spans !== null) {
    return {
      count: spans.count,
      of: (row) => (isSampled(row) ? (spans.of[row] ?? -1) : -1),
      trains: ({ fold }) => {
        const flags = fold === null ? null : spans.trains[fold];
        return (group) => flags === null || flags?.[group] === 1;
      },
    };
  }
  const foldOf = (row: number): number => of[row] ?? TRAINING;
  return {
    count: members.length + 1,
    of: (row) => (isSampled(row) ? (foldOf(row) >= 0 ? foldOf(row) : members.length) : -1),
    trains:
      ({ fold }) =>
      (group) =>
        group !== fold,
  };
}

/** True if a row belongs to the member's fold. */
export function validationRows({ of }: RowRoles, { fold }: Member): (row: number) => boolean {
  return fold === null ? () => false : (row) => of[row] === fold;
}

/** Rows that members predict, those of the holdout by each of them, relative to those that validate them; 1 in a refit. */
export function predictedRatio({ of, members }: RowRoles): number {
  const validated = of.reduce((count, part) => (part >= 0 ? count + 1 : count), 0);
  const heldOut = of.reduce((count, part) => (part === HOLDOUT ? count + 1 : count), 0);
  return validated === 0 ? 1 : 1 + (heldOut * members.length) / validated;
}

export function countRows(rowCount: number, wanted: (row: number) => boolean): number {
  let count = 0;
  for (let row = 0; row < rowCount; row += 1) if (wanted(row)) count += 1;
  return count;
}

/**
 * What a training part must have: rows, weight, and every class.
 *
 * @throws TOO_FEW_ROWS, TARGET_CLASS_TOO_SMALL
 */
export function checkTrainingRows(task: TrainTask, rows: TargetRows, trains: (row: number) => boolean): void {
  const counts = new Float64Array(Math.max(1, task.target.classes.length));
  let weight = 0;
  for (let row = 0; row < rows.rowCount; row += 1) {
    if (!trains(row)) continue;
    const index = rows.classes?.[row] ?? 0;
    counts[index] = (counts[index] ?? 0) + 1;
    weight += rows.weights?.[row] ?? 1;
  }
  if (!(weight > 0))
    throw new AppError(
      'TOO_FEW_ROWS',
      'no row of positive weight is left to train on; use fewer folds or a smaller holdout',
    );
  const lost = counts.indexOf(0);
  if (lost < 0) return;
  const label = task.target.classes[lost]?.label ?? '';
  throw new AppError(
    'TARGET_CLASS_TOO_SMALL',
    `target: class ${JSON.stringify(label)} has no row left to train on; merge or remove it, or use a larger sample`,
  );
}
