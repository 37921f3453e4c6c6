import { canonicalJson, type ManifestStep } from '#contracts';
import { columnCountOf } from '#scoring';
import type { ForestSettings } from '../../blueprints/forest-settings.ts';
import { scoresOfTexts, type BoostedMember } from '../boost-members.ts';
import { memberStopAt, report, type FinishTimes } from '../clock.ts';
import type { MemberContext } from '../fit-member.ts';
import { membersPackMs, packMs } from '../model-bytes.ts';
import { countRows, validationRows, type Member } from '../row-roles.ts';
import { stateKeeper, type StateFormat } from '../state-keeper.ts';
import { fitForest, forestPlace, forestSize } from './fit-forest.ts';
import {
  decodeForestState,
  encodeForestState,
  forestStateBytes,
  type FinishedForest,
  type ForestState,
} from './forest-state.ts';
import { FOREST_CELLS_MAX, FOREST_ROW_CELLS, GROUP_TREES, LEAF_BYTES } from './limits.ts';

const EMPTY_STATE: ForestState = { finished: [], running: null };

/**
 * A row takes about so long a tree and doubling of the rows: what predicting will take is not measured before. Mostly waits for memory, since trees do not
 * fit into the processor's cache: 0.4 to 1.2 us a row and tree of 15,000 to 400,000 rows.
 */
const WALK_MS = 4e-5;

/** The part of the rows that a forest is grown on: all, or as many as fit into FOREST_CELLS_MAX. */
export function forestSample(rowCount: number, columnCount: number): number {
  return Math.min(1, FOREST_CELLS_MAX / Math.max(1, rowCount * (columnCount + FOREST_ROW_CELLS)));
}

/**
 * Grows the members' forests one after the other; with a deadline each gets an equal part of what is left. Goes on from
 * `io.resumeFrom` if it is a state of this task.
 *
 * @param times what is needed after growing
 */
export async function forestMembers(
  context: MemberContext<ForestSettings>,
  stepsOf: (member: Member) => ManifestStep[],
  times: FinishTimes,
): Promise<BoostedMember[]> {
  const { io, roles, task, settings, rows } = context;
  const { members } = roles;
  const { trees: treesMax, minRows, leaves: leavesMax } = forestSize(settings, task);
  if (task.refit === null && (treesMax < settings.trees || minRows > settings.minRowsPerLeaf))
    io.log?.(`the forest would be too large: it has ${treesMax} trees, and leaves of ${minRows} rows at least`);
  const scores = await scoresOfTexts(context, members, times);
  const steps = members.map((member, index) => [...stepsOf(member), ...(scores[index]?.steps ?? [])]);
  const states = stateKeeper(io, stateFormat(context, steps));
  const begin = states.begin();
  const finished: FinishedForest[] = [...begin.finished];
  for (const [index, one] of finished.entries())
    if (one.stoppedByDeadline) context.stops.note(forestPlace(index), one.forest.treeCount);
  for (const [index, member] of [...members.entries()].slice(finished.length)) {
    const validateMs = countRows(rows.rowCount, validationRows(roles, member)) * treesMax * walkMs(rows.rowCount);
    const finishMs = times.finishMs + packingMs(finished, members.length, leavesMax);
    const resumed = index === begin.finished.length ? begin.running : null;
    const tell = teller(context, index);
    await tell(resumed?.treeCount ?? 0);
    finished.push(
      await fitForest(context, member, index, steps[index] ?? [], scores[index]?.heldOut ?? null, {
        stopAt: memberStopAt(io, { ...times, finishMs }, 0, index, members.length)(validateMs),
        resumed,
        onTree: tell,
        onGroup: (running) => states.offer({ finished: [...finished], running }),
      }),
    );
    await states.offer({ finished: [...finished], running: null });
  }
  return finished.map(({ forest, stoppedByDeadline }, index) => ({
    steps: steps[index] ?? [],
    model: { forest },
    iterations: forest.treeCount,
    stoppedByDeadline: stoppedByDeadline || scores[index]?.stoppedByDeadline === true,
  }));
}

/** What all forests will take to be packed and opened: by the size of those that are grown, before the first by what it can be. */
const packingMs = (finished: readonly FinishedForest[], memberCount: number, leavesMax: number): number =>
  finished.length === 0
    ? packMs(LEAF_BYTES * leavesMax)
    : membersPackMs(
        finished.map(({ forest }) => forest),
        memberCount,
      );

const walkMs = (rowCount: number): number => WALK_MS * Math.log2(2 + rowCount);

function teller(context: MemberContext<ForestSettings>, index: number): (trees: number) => Promise<void> {
  const { io, roles } = context;
  const count = roles.members.length;
  const treesMax = forestSize(context.settings, context.task).trees;
  const name = count === 1 ? '' : `fold ${index + 1} of ${count}: `;
  return async (trees) => {
    const fraction = 0.05 + (0.85 * (index + trees / treesMax)) / count;
    const message = `${name}tree ${trees} of ${treesMax}`;
    io.onIteration?.({ fraction, phase: 'growing', message, iteration: trees });
    await report(io, fraction, 'growing', message, trees);
  };
}

/** The states of a fit of forests. */
function stateFormat(
  { task, settings, io }: MemberContext<ForestSettings>,
  steps: readonly (readonly ManifestStep[])[],
): StateFormat<ForestState> {
  const treesMax = forestSize(settings, task).trees;
  const groupsMax = Math.ceil(treesMax / GROUP_TREES);
  // What trees read of texts is fitted, and a deadline may have ended that fit elsewhere.
  const texts = steps.flat().filter(({ kind }) => kind === 'text-scores');
  const decisive = canonicalJson({ task, groupTrees: GROUP_TREES, ...(texts.length === 0 ? {} : { texts }) });
  const taskSha256 = io.sha256(new TextEncoder().encode(decisive));
  return {
    empty: EMPTY_STATE,
    decode: (bytes) =>
      decodeForestState(bytes, { taskSha256, columnCounts: steps.map(columnCountOf), treesMax }, io.sha256),
    encode: (state) => encodeForestState(state, taskSha256, io.sha256),
    positionOf: ({ finished, running }) => finished.length * (groupsMax + 1) + (running?.treeCount ?? 0) / GROUP_TREES,
    bytesOf: forestStateBytes,
    placeOf: ({ finished, running }) =>
      `after ${finished.length} finished members and ${running?.treeCount ?? 0} trees`,
  };
}
