import type { ManifestStep, TargetSpec } from '#contracts';
import { hash32, rowHash } from '#statistics';
import type { EncodingSettings } from '../../blueprints/settings.ts';
import type { FeatureSurvey } from '../feature-survey.ts';
import type { MemberContext } from '../fit-member.ts';
import { countRows, trainingRows, type Member } from '../row-roles.ts';
import type { TargetsOrder } from '../survey/pass-order.ts';
import type { SpanPass } from '../survey/passes.ts';
import type { LevelCounts } from '../survey/surveyor.ts';
import { dealtBy } from '../target-rows.ts';
import { credibilityConstant, drawnMean, NO_ROWS, together, type LevelMoments } from './credibility.ts';
import {
  ENCODED_LEVEL_ROWS_MIN,
  ENCODED_LEVELS_MAX,
  ENCODED_LEVELS_MIN,
  ENCODED_OUTPUTS_MAX,
  ENCODED_VALUES_MAX,
  ENCODING_PARTS,
} from './limits.ts';
import { mergedMoments, targetsPass, type EncodedLevels, type TargetMoments } from './target-moments.ts';

const PARTS_SALT = 0x5a17_0007;

export type NumbersStep = Extract<ManifestStep, { kind: 'category-numbers' }>;

/** What stands in the columns of a step in the rows that it was made from. */
export interface HeldOutEncoding {
  readonly step: NumbersStep;
  /** The step as made without each part of the rows. */
  readonly without: readonly NumbersStep[];
}

/** Encodings of a member's categories. */
export interface CategoryEncodings {
  /** All steps of the member that are no texts'. */
  readonly steps: readonly ManifestStep[];
  readonly heldOut: HeldOutEncodings | null;
}

export interface HeldOutEncodings {
  readonly encodings: readonly HeldOutEncoding[];
  /** The part of a row whose targets are not to be seen in its encoding; -1: the steps have not seen them anyway. */
  readonly partOf: (row: number) => number;
}

/** What encodings are made from; rows with the weights by which they train. */
export type EncodingContext = Pick<MemberContext<unknown>, 'task' | 'features' | 'source' | 'rows' | 'roles' | 'io'>;

/** Digits that a number keeps in an artefact: what they leave out is far below what a fit leaves open. */
const VALUE_DIGITS = 8;
const rounded = (value: number): number => Number(value.toPrecision(VALUE_DIGITS));

/**
 * Turns categories of many levels into numbers as the settings ask for it. The mean target of a level is drawn towards that of all
 * rows by the credibility of the level. A row that trains gets the number of its level as made from the other parts of the
 * rows, those of its group left out with it, so that no encoding has seen the target of its own row; else trees would trust
 * it far more than it deserves in new rows. What is stored, and applied to all other rows, is made from all training rows.
 *
 * Memory: see `targetsPass`, and ENCODED_VALUES_MAX numbers a feature and part.
 *
 * @param steps of the member as categories are codes
 * @param levelsOf the levels of a feature that the member's training rows have, most frequent first; null: no category
 * @see Micci-Barreca 2001, "A preprocessing scheme for high-cardinality categorical attributes"; Pargent, Pfisterer,
 * Thomas, Bischl 2022, "Regularized target encoding outperforms traditional methods"; `credibilityConstant`
 */
export async function encodeCategories(
  context: EncodingContext &
    Pick<MemberContext<unknown>, 'passes'> & {
      readonly settings: Pick<EncodingSettings, 'categories' | 'categoryCounts'>;
    },
  member: Member,
  steps: readonly ManifestStep[],
  levelsOf: FeatureSurvey['levelsOf'],
): Promise<CategoryEncodings> {
  const { settings, roles, rows, task } = context;
  if (settings.categories === 'codes' && !settings.categoryCounts) return { steps, heldOut: null };
  const outputCount = encodedClasses(task.target)?.length ?? 1;
  const most = Math.min(ENCODED_LEVELS_MAX, Math.floor(ENCODED_VALUES_MAX / outputCount));
  const found = steps.flatMap(({ feature }) => {
    const levels = levelsOf(member, feature, ENCODED_LEVEL_ROWS_MIN, most);
    return levels !== null && levels.levelCount >= ENCODED_LEVELS_MIN ? [{ feature, ...levels }] : [];
  });
  // As levels are counted: in all training rows.
  const trainingCount = countRows(rows.rowCount, trainingRows({ ...roles, drawn: null }, member));
  const counts = settings.categoryCounts ? found.map((levels) => countStep(levels, trainingCount)) : [];
  const encodings = settings.categories === 'codes' ? [] : await targetEncodings(context, member, found);
  const isReplaced = ({ kind, feature }: ManifestStep): boolean =>
    settings.categories === 'target' && kind === 'category-codes' && found.some((each) => each.feature === feature);
  return {
    steps: [...steps.filter((step) => !isReplaced(step)), ...counts, ...encodings.map(({ step }) => step)],
    heldOut: encodings.length === 0 ? null : { encodings, partOf: partsOf(context, member) },
  };
}

/** Encodings that an earlier fit of the same rows has found. */
export const knownEncodings = (
  context: Pick<EncodingContext, 'task' | 'rows' | 'roles'>,
  member: Member,
  steps: readonly ManifestStep[],
  encodings: readonly HeldOutEncoding[],
): CategoryEncodings => ({
  steps,
  heldOut: encodings.length === 0 ? null : { encodings, partOf: partsOf(context, member) },
});

/** Shares, not counts, so that a refit on more rows reads the same numbers. */
function countStep(
  { feature, keys, counts, missingCount }: LevelCounts & { feature: number },
  rowCount: number,
): NumbersStep {
  const share = (count: number): number => rounded(count / Math.max(1, rowCount));
  return {
    kind: 'category-numbers',
    feature,
    meaning: 'count',
    keys: [...keys],
    outputCount: 1,
    values: counts.map(share),
    missing: [share(missingCount)],
    unseen: [0],
  };
}

async function targetEncodings(
  context: EncodingContext & Pick<MemberContext<unknown>, 'passes'>,
  { fold }: Member,
  found: readonly EncodedLevels[],
): Promise<HeldOutEncoding[]> {
  if (found.length === 0) return [];
  const { passes, task } = context;
  const levels = found.map(({ feature, keys }) => ({ feature, keys: [...keys] }));
  const { moments, merge } = mergedMoments(encodedTargets(context), levels);
  await passes.over({ pass: 'targets', fold, levels }, merge);
  const outputCount = encodedClasses(task.target)?.length ?? 1;
  return found.flatMap((each, index) => {
    const own = moments[index];
    if (own === undefined) return [];
    const without = Array.from({ length: ENCODING_PARTS }, (_, part) => targetStep(each, own, outputCount, part));
    return [{ step: targetStep(each, own, outputCount, null), without }];
  });
}

const encodedTargets = ({ rows, task }: Pick<EncodingContext, 'rows' | 'task'>) => ({
  rows,
  classes: encodedClasses(task.target),
  partCount: ENCODING_PARTS,
});

/** The pass that finds the target's moments by level, in the training rows of a fold's member. */
export const encodingPass = (context: EncodingContext, { fold, levels }: TargetsOrder): SpanPass =>
  targetsPass(
    {
      ...encodedTargets(context),
      ...{ features: context.features, source: context.source, signal: context.io.signal },
      partOf: partsOf(context, { fold }),
    },
    levels,
  );

/** The classes that levels have shares of: the positive one, or the most frequent ones; null of a value. */
export function encodedClasses({ targetType, positiveClass, classes }: TargetSpec): number[] | null {
  if (targetType === 'regression') return null;
  if (targetType === 'binary') return [positiveClass ?? 1];
  const byRows = [...classes.keys()].sort((a, b) => (classes[b]?.rowCount ?? 0) - (classes[a]?.rowCount ?? 0) || a - b);
  return byRows.slice(0, ENCODED_OUTPUTS_MAX).sort((a, b) => a - b);
}

/** The step made from all parts but one, or from all. */
function targetStep(
  { feature, keys }: EncodedLevels,
  moments: TargetMoments,
  outputCount: number,
  leftOut: number | null,
): NumbersStep {
  const byOutput = Array.from({ length: outputCount }, (_, output) => outputNumbers(moments, output, leftOut));
  const numbersAt = (place: number): number[] => byOutput.map((numbers) => numbers[place] ?? 0);
  return {
    kind: 'category-numbers',
    feature,
    meaning: 'target',
    keys: [...keys],
    outputCount,
    values: keys.flatMap((_, place) => numbersAt(place)),
    missing: numbersAt(keys.length),
    unseen: numbersAt(keys.length + 1),
  };
}

/** The number of each place; levels without a place of their own have that of all rows. */
function outputNumbers(moments: TargetMoments, output: number, leftOut: number | null): number[] {
  const { placeCount } = moments;
  const levels = Array.from({ length: placeCount }, (_, place) => momentsOf(moments, place, output, leftOut));
  const all = levels.reduce(together, NO_ROWS);
  const own = levels.slice(0, placeCount - 1).filter(({ weight }) => weight > 0);
  const constant = credibilityConstant(own);
  return levels.map((level, place) =>
    rounded(place === placeCount - 1 ? all.mean : drawnMean(level, all.mean, constant)),
  );
}

function momentsOf(moments: TargetMoments, place: number, output: number, leftOut: number | null): LevelMoments {
  let sum = NO_ROWS;
  for (let part = 0; part < ENCODING_PARTS; part += 1)
    if (part !== leftOut) sum = together(sum, moments.at(place, part, output));
  return sum;
}

/** The part of each training row, dealt by hash; rows that stay together in partitions are dealt together. */
function partsOf(
  { task, rows, roles }: Pick<EncodingContext, 'task' | 'rows' | 'roles'>,
  member: Member,
): (row: number) => number {
  const salted = hash32(task.seed, PARTS_SALT);
  const keyOf = dealtBy(task, rows);
  const trains = trainingRows(roles, member);
  return (row) => (trains(row) ? rowHash(salted, keyOf(row)) % ENCODING_PARTS : -1);
}
