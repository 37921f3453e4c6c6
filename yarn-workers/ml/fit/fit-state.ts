import { BlobSection, ManifestModel, parse, Sha256, strict, Type, type Static } from '#contracts';
import {
  checkSections,
  checkTrees,
  readTrees,
  sectionsByName,
  treesModel,
  writeSections,
  type Sha256Function,
  type TreeArrays,
} from '#scoring';
import { modelBytes } from './model-bytes.ts';
import { invalidState, readStateFile, writeStateFile } from './state-file.ts';
import { concatTrees, iterationsOf, sliceTrees } from './trees.ts';

/** A member that needs no more boosting. */
export interface FinishedMember {
  /** The iterations that are kept. */
  readonly trees: TreeArrays;
  readonly iterations: number;
  readonly stoppedByDeadline: boolean;
  /** Time spent scoring validation rows, for the estimate of what predicting will take. */
  readonly validateMs: number;
}

/**
 * How far a fit is. Scores and early stopping are not in it: they follow from the trees, which are scored again in the
 * same parts and the same order.
 */
export interface FitState {
  /** Members in order. */
  readonly finished: readonly FinishedMember[];
  /** Full segments of the member after them. */
  readonly running: readonly TreeArrays[];
}

export const EMPTY_STATE: FitState = { finished: [], running: [] };

/** What a state must agree with before a fit goes on from it. */
export interface StateRules {
  /** Hash of all that decides the trees: of a state of something else no byte is used. */
  readonly taskSha256: string;
  /** Matrix columns of each member. */
  readonly columnCounts: readonly number[];
  readonly outputCount: number;
  /** True for a forest. */
  readonly averageOutput: boolean;
  readonly maxIterations: number;
  /** Of the segments that trees were boosted in. */
  readonly segmentIterations: number;
}

const TREES = Type.Union([ManifestModel.anyOf[1], ManifestModel.anyOf[4]]);

const Head = strict({
  taskSha256: Sha256,
  finished: Type.Array(
    strict({
      model: TREES,
      iterations: Type.Integer({ minimum: 0 }),
      stoppedByDeadline: Type.Boolean(),
      validateMs: Type.Number({ minimum: 0 }),
    }),
  ),
  running: Type.Array(TREES, { maxItems: 1 }),
  sections: Type.Array(BlobSection),
});
type Head = Static<typeof Head>;

/** First bytes: format and version. A change of how trees come about needs a new version too. */
const MAGIC = 'TYFIT002';

/** Bytes of a state's arrays, which are nearly all of it. */
export const stateBytes = ({ finished, running }: FitState): number =>
  modelBytes([...finished.map(({ trees }) => trees), ...running]);

/** A state as bytes; see `writeStateFile`. */
export function encodeState({ finished, running }: FitState, taskSha256: string, sha256: Sha256Function): Uint8Array {
  const models = new Map(finished.map(({ trees }, index): [string, TreeArrays] => [`member${index}`, trees]));
  if (running.length > 0) models.set('running', concatTrees(running));
  const { sections, blob } = writeSections(models);
  const modelOf = (prefix: string): Static<typeof TREES>[] => {
    const trees = models.get(prefix);
    if (trees === undefined) return [];
    return [treesModel(prefix, trees)];
  };
  const head: Head = {
    taskSha256,
    finished: finished.flatMap(({ iterations, stoppedByDeadline, validateMs }, index) =>
      modelOf(`member${index}`).map((model) => ({ model, iterations, stoppedByDeadline, validateMs })),
    ),
    running: modelOf('running'),
    sections,
  };
  return writeStateFile(MAGIC, head, blob, sha256);
}

/** @throws ARTIFACT_INVALID naming what is wrong: another format, damage, another task's, or trees that cannot be */
export function decodeState(bytes: Uint8Array, rules: StateRules, sha256: Sha256Function): FitState {
  const { head: found, blob } = readStateFile(MAGIC, bytes, sha256);
  const head = parse(Head, found, 'head of a fit state', 'ARTIFACT_INVALID');
  if (head.taskSha256 !== rules.taskSha256) return invalidState('it belongs to another task');
  return statesOf(head, blob, rules);
}

function statesOf(head: Head, blob: Uint8Array, rules: StateRules): FitState {
  checkSections(head.sections, blob.length);
  const sections = sectionsByName(head.sections);
  const read = (model: Static<typeof TREES>, member: number): TreeArrays => {
    const columnCount = rules.columnCounts[member];
    if (columnCount === undefined) return invalidState(`it has member ${member} of ${rules.columnCounts.length}`);
    const trees = readTrees(model, sections, blob);
    checkTrees(trees, columnCount);
    if (trees.outputCount !== rules.outputCount || trees.averageOutput !== rules.averageOutput)
      return invalidState(`trees of member ${member} are of another kind`);
    return trees;
  };
  const finished = head.finished.map(({ model, ...rest }, member) => ({ ...rest, trees: read(model, member) }));
  for (const { trees, iterations } of finished)
    if (iterationsOf(trees) !== iterations) invalidState(`${iterationsOf(trees)} iterations, expected ${iterations}`);
  return { finished, running: head.running.flatMap((model) => segmentsOf(read(model, finished.length), rules)) };
}

/** Cuts trees into the segments that they were boosted in. */
function segmentsOf(trees: TreeArrays, { maxIterations, segmentIterations }: StateRules): TreeArrays[] {
  const iterations = iterationsOf(trees);
  if (iterations % segmentIterations !== 0 || iterations >= maxIterations)
    return invalidState(`${iterations} iterations of at most ${maxIterations} are no whole segments`);
  return Array.from({ length: iterations / segmentIterations }, (_, index) =>
    concatTrees([sliceTrees(trees, index * segmentIterations, segmentIterations)]),
  );
}
