import type { TargetSpec } from '#contracts';
import { isBoosted, leavesOf, type BoostedSettings, type ModelSettings } from './settings.ts';
import type { Candidate } from './variations.ts';

/** Above so many classes, what grows with classes x rows or has a tree a class is held down. */
export const MANY_CLASSES = 100;

/** Leaves of one boosted member at most where there are many classes: some 25 MB of artefact, and a prediction of about a millisecond. */
export const BOOSTED_LEAVES_MAX = 500_000;

/** Raw scores (rows x classes) that boosting trains on there, 16 bytes each in LightGBM: of more rows a part by hash is fitted. */
export const BOOSTED_SCORES_MAX = 24_000_000;

/**
 * Blueprints that are searched, best expected value for its time first: forests cost the same however many classes there are; boosting
 * has a tree a class and iteration, so that only its cheapest settings come far enough to be of use.
 */
const SEARCHED: readonly string[] = [
  'baseline',
  'linear-text',
  'random-forest',
  'extra-trees',
  'linear',
  'lightgbm-encoded',
  'lightgbm-fast',
];

export const hasManyClasses = ({ classes }: Pick<TargetSpec, 'classes'>): boolean => classes.length > MANY_CLASSES;

/** Iterations that keep a boosted member below {@link BOOSTED_LEAVES_MAX}; Infinity where there are few classes. */
const iterationsMax = (settings: BoostedSettings, target: Pick<TargetSpec, 'classes'>): number =>
  hasManyClasses(target)
    ? Math.max(1, Math.floor(BOOSTED_LEAVES_MAX / (target.classes.length * leavesOf(settings))))
    : Infinity;

/** Why boosting of these settings would be too large for the target; null: it is not. */
export function tooManyTrees(settings: ModelSettings, target: Pick<TargetSpec, 'classes'>): string | null {
  if (!isBoosted(settings)) return null;
  const most = iterationsMax(settings, target);
  if (settings.maxIterations <= most) return null;
  return `${target.classes.length} classes have a tree each in every iteration, so that with ${leavesOf(settings)} leaves parameters.maxIterations must be at most ${most}; found ${settings.maxIterations}`;
}

/** The candidate with as many iterations as the target allows; the same one where it allows all of them. */
export function boundedCandidate(
  candidate: Candidate,
  settings: ModelSettings | null,
  target: Pick<TargetSpec, 'classes'>,
): Candidate {
  if (settings === null || !isBoosted(settings)) return candidate;
  const most = iterationsMax(settings, target);
  if (settings.maxIterations <= most) return candidate;
  return { ...candidate, parameters: { ...candidate.parameters, maxIterations: most } };
}

/** Candidates in the order of the search: as given, or of a target of many classes what is worth its time there. */
export function searchedFor(target: Pick<TargetSpec, 'classes'>, candidates: readonly Candidate[]): Candidate[] {
  if (!hasManyClasses(target)) return [...candidates];
  return SEARCHED.flatMap((id) => candidates.find(({ blueprintId }) => blueprintId === id) ?? []);
}

/** The part of the rows that boosting is fitted on, so that its raw scores fit into BOOSTED_SCORES_MAX. */
export function boostedSample(rowCount: number, target: Pick<TargetSpec, 'classes'>): number {
  if (!hasManyClasses(target)) return 1;
  return Math.min(1, BOOSTED_SCORES_MAX / Math.max(1, rowCount * target.classes.length));
}
