import type { ManifestStep, TrainTask } from '#contracts';
import type { ForestArrays } from '#scoring';
import { emptySum, addTerm, sumOf, hash32 } from '#statistics';
import type { ForestSettings } from '../../blueprints/forest-settings.ts';
import type { FitIo } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import type { Member } from '../row-roles.ts';
import type { HeldOutScores } from '../text/score-texts.ts';
import { drawnShare } from '../down-sample.ts';
import { refitTooLate } from '../boost.ts';
import { binArrays } from './bins.ts';
import { binMember } from './forest-rows.ts';
import type { FinishedForest } from './forest-state.ts';
import { forestWriter } from './forest-writer.ts';
import { treeGrower, type GrowSettings } from './grow-tree.ts';
import {
  BOOTSTRAP_SHARE,
  FOREST_LEAVES_MAX,
  FOREST_TREES_MIN,
  GROUP_TREES,
  NUMBER_FEATURE_FRACTION,
  PROJECTION_TREES,
} from './limits.ts';
import type { ForestRows } from './tree-rows.ts';

const TREE_SALT = 0x5a17_0009;

/** Shares and means of a prior are at least this, so that their logarithms are finite. */
const PRIOR_MIN = 1e-15;

/** How `StopBook` calls the growing of a member. */
export const forestPlace = (member: number): string => `forest-${member}`;

/** When a forest must end, where it begins, and who is told. */
export interface ForestRun {
  /** On `io.now()`; Infinity without a deadline. */
  readonly stopAt: number;
  /** Full groups of trees that an earlier fit has grown; null: none. */
  readonly resumed: ForestArrays | null;
  readonly onTree: (trees: number) => Promise<void>;
  /** Called after each group that another one follows. */
  readonly onGroup: (forest: ForestArrays) => Promise<void>;
}

/**
 * Trees of a member at most and rows of a leaf at least: what is asked for, or fewer and more, so that all members together have at most
 * FOREST_LEAVES_MAX leaves. A refit has the same as its twin, but for the trees that are frozen.
 *
 * @returns with the leaves that all members together can have
 */
export function forestSize(
  { minRowsPerLeaf, trees, bootstrap }: ForestSettings,
  {
    table,
    partitioning,
    sampleFraction,
    refit,
    ...task
  }: Pick<TrainTask, 'table' | 'partitioning' | 'sampleFraction' | 'refit' | 'target' | 'imbalance'>,
): { readonly trees: number; readonly minRows: number; readonly leaves: number } {
  const { validation, folds, holdoutFraction, validationFraction } = partitioning;
  const timesTrained =
    validation === 'cv' ? (folds - 1) * (1 - holdoutFraction) : 1 - holdoutFraction - (validationFraction ?? 0);
  const allRows = drawnShare(task) * table.rowCount * sampleFraction * (bootstrap ? BOOTSTRAP_SHARE : 1);
  const rows = allRows * timesTrained;
  const leaves = rows / minRowsPerLeaf;
  const kept = Math.min(trees, Math.max(FOREST_TREES_MIN, Math.floor(FOREST_LEAVES_MAX / Math.max(1, leaves))));
  const minRows = Math.max(minRowsPerLeaf, Math.ceil((kept * rows) / FOREST_LEAVES_MAX));
  const grown = refit?.iterations ?? kept;
  return { trees: grown, minRows, leaves: (grown * (refit === null ? rows : allRows)) / minRows };
}

/** Columns that a node draws of so many. */
export function columnsPerNode({ featureFraction }: ForestSettings, columnCount: number, hasClasses: boolean): number {
  if (featureFraction === 0 && hasClasses) return Math.max(1, Math.floor(Math.sqrt(columnCount)));
  const part = featureFraction === 0 ? NUMBER_FEATURE_FRACTION : featureFraction;
  return Math.max(1, Math.floor(part * columnCount));
}

/**
 * Grows a forest on a member's training rows, tree by tree; each tree has a seed of its own, so that it does not matter who grows it
 * and after what. It ends at its deadline with the trees so far, at least one.
 *
 * @param index number of the member, for seeds
 * @throws TASK_DEADLINE when a refit cannot grow all its trees in time; TASK_CANCELLED
 */
export async function fitForest(
  context: MemberContext<ForestSettings>,
  member: Member,
  index: number,
  steps: readonly ManifestStep[],
  heldOut: HeldOutScores | null,
  run: ForestRun,
): Promise<FinishedForest> {
  const { task, settings, objective, outputCount, io, stops } = context;
  const { rows, columns } = await binMember(context, member, steps, heldOut);
  const frozen = task.refit?.iterations ?? null;
  const { trees: treesMax, minRows } = forestSize(settings, task);
  const growSettings: GrowSettings = {
    randomThresholds: settings.randomThresholds,
    bootstrap: settings.bootstrap,
    columnsPerNode: columnsPerNode(settings, columns.length, task.target.targetType !== 'regression'),
    minRows,
  };
  const prior = priorOf(rows);
  const shift = rows.leafScales === null ? context.shiftOf(member) : null;
  const writer = forestWriter(run.resumed);
  const forest = (): ForestArrays => ({
    outputCount,
    link: objective.link,
    priorVotes: objective.link === 'identity' ? 0 : 1,
    prior: objective.link === 'identity' ? prior : prior.map((value) => Math.max(value, PRIOR_MIN)),
    ...(shift === null ? {} : { shift }),
    ...binArrays(columns),
    ...writer.arrays(),
  });
  const grow = treeGrower(rows, growSettings);
  const isTooLate = clockOf(io, run, writer.treeCount(), frozen);
  let stoppedByDeadline = false;
  while (writer.treeCount() < treesMax && !stoppedByDeadline) {
    const trees = writer.treeCount();
    if (trees > 0 && stops.ends(forestPlace(index), trees, () => isTooLate(trees))) stoppedByDeadline = true;
    else {
      grow(writer, hash32(task.seed, TREE_SALT, index, trees));
      await run.onTree(trees + 1);
      if ((trees + 1) % GROUP_TREES === 0 && trees + 1 < treesMax) await run.onGroup(forest());
    }
  }
  if (frozen !== null && stoppedByDeadline) throw refitTooLate(writer.treeCount(), frozen);
  return { forest: forest(), stoppedByDeadline };
}

/** Says whether the next tree, or in a refit all that are left, would end too late. */
function clockOf({ now }: Pick<FitIo, 'now'>, { stopAt }: ForestRun, resumed: number, frozen: number | null) {
  const startedAt = now();
  return (trees: number): boolean => {
    if (stopAt === Infinity) return false;
    const grown = trees - resumed;
    const each = grown === 0 ? 0 : (now() - startedAt) / grown;
    const left = frozen === null || grown < PROJECTION_TREES ? 1 : frozen - trees;
    return now() + left * each > stopAt;
  };
}

/** Class shares of the training rows, or their mean, by weight. */
function priorOf({ labels, weights, leafScales, outputCount }: ForestRows): Float64Array {
  const total = emptySum();
  const sums = Array.from({ length: outputCount }, emptySum);
  for (let row = 0; row < labels.length; row += 1) {
    const label = labels[row] ?? 0;
    const weight = (weights[row] ?? 0) * (leafScales?.[label] ?? 1);
    addTerm(total, weight);
    const sum = sums[outputCount === 1 ? 0 : label];
    if (sum !== undefined) addTerm(sum, outputCount === 1 ? weight * label : weight);
  }
  const all = sumOf(total);
  return Float64Array.from(sums, (sum) => sumOf(sum) / all);
}
