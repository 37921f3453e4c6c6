import { BlobSection, ManifestModel, parse, Sha256, strict, Type, type Static } from '#contracts';
import {
  checkForest,
  checkSections,
  readForest,
  sectionsByName,
  writeSections,
  type ForestArrays,
  type Sha256Function,
} from '#scoring';
import { modelBytes } from '../model-bytes.ts';
import { invalidState, readStateFile, writeStateFile } from '../state-file.ts';
import { GROUP_TREES } from './limits.ts';

/** A member whose trees are all grown. */
export interface FinishedForest {
  readonly forest: ForestArrays;
  readonly stoppedByDeadline: boolean;
}

/** How far a fit of forests is. */
export interface ForestState {
  /** Members in order. */
  readonly finished: readonly FinishedForest[];
  /** Full groups of trees of the member after them; null: none yet. */
  readonly running: ForestArrays | null;
}

/** What a state must agree with before a fit goes on from it. */
export interface ForestStateRules {
  /** Hash of all that decides the trees. */
  readonly taskSha256: string;
  /** Matrix columns of each member. */
  readonly columnCounts: readonly number[];
  readonly treesMax: number;
}

const FOREST = ManifestModel.anyOf[3];

const Head = strict({
  taskSha256: Sha256,
  finished: Type.Array(strict({ model: FOREST, stoppedByDeadline: Type.Boolean() })),
  running: Type.Array(FOREST, { maxItems: 1 }),
  sections: Type.Array(BlobSection),
});
type Head = Static<typeof Head>;

/** Format and version. A change of how trees come about needs a new version too. */
const MAGIC = 'TYFOR001';

/** Bytes of a state's arrays, which are nearly all of it. */
export const forestStateBytes = ({ finished, running }: ForestState): number =>
  modelBytes([...finished.map(({ forest }) => forest), running ?? {}]);

/** What a manifest says of a forest. */
export function forestModel(prefix: string, forest: ForestArrays): Static<typeof FOREST> {
  const { outputCount, columnCount, treeCount, link, priorVotes, shift } = forest;
  const model = { kind: 'forest' as const, prefix, outputCount, columnCount, treeCount, link, priorVotes };
  return shift === undefined ? model : { ...model, shift: [...shift] };
}

/** A state as bytes; see `writeStateFile`. */
export function encodeForestState(
  { finished, running }: ForestState,
  taskSha256: string,
  sha256: Sha256Function,
): Uint8Array {
  const models = new Map(finished.map(({ forest }, index): [string, ForestArrays] => [`member${index}`, forest]));
  if (running !== null) models.set('running', running);
  const { sections, blob } = writeSections(models);
  const head: Head = {
    taskSha256,
    finished: finished.map(({ forest, stoppedByDeadline }, index) => ({
      model: forestModel(`member${index}`, forest),
      stoppedByDeadline,
    })),
    running: running === null ? [] : [forestModel('running', running)],
    sections,
  };
  return writeStateFile(MAGIC, head, blob, sha256);
}

/** @throws ARTIFACT_INVALID naming what is wrong: another format, damage, another task's, or a forest that cannot be */
export function decodeForestState(bytes: Uint8Array, rules: ForestStateRules, sha256: Sha256Function): ForestState {
  const { head: found, blob } = readStateFile(MAGIC, bytes, sha256);
  const head = parse(Head, found, 'head of a fit state', 'ARTIFACT_INVALID');
  if (head.taskSha256 !== rules.taskSha256) return invalidState('it belongs to another task');
  checkSections(head.sections, blob.length);
  const sections = sectionsByName(head.sections);
  const read = (model: Static<typeof FOREST>, member: number): ForestArrays => {
    const columnCount = rules.columnCounts[member];
    if (columnCount === undefined) return invalidState(`it has member ${member} of ${rules.columnCounts.length}`);
    const forest = readForest(model, sections, blob);
    checkForest(forest, columnCount);
    if (forest.treeCount > rules.treesMax) return invalidState(`${forest.treeCount} trees of ${rules.treesMax}`);
    return forest;
  };
  const finished = head.finished.map(({ model, stoppedByDeadline }, member) => ({
    forest: read(model, member),
    stoppedByDeadline,
  }));
  const running = head.running.map((model) => read(model, finished.length))[0] ?? null;
  if (running !== null && (running.treeCount % GROUP_TREES !== 0 || running.treeCount >= rules.treesMax))
    return invalidState(`${running.treeCount} trees of ${rules.treesMax} are no whole groups`);
  return { finished, running };
}
