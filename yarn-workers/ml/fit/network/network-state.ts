import { BlobSection, ManifestModel, parse, Sha256, strict, Type, type Static } from '#contracts';
import {
  checkNetwork,
  checkSections,
  readNetwork,
  sectionsByName,
  writeSections,
  type NetworkArrays,
  type Sha256Function,
} from '#scoring';
import { modelBytes } from '../model-bytes.ts';
import { invalidState, readStateFile, writeStateFile } from '../state-file.ts';

/** A member whose epochs are all made. */
export interface FinishedNetwork {
  readonly network: NetworkArrays;
  /** Epochs to the parameters that are kept. */
  readonly iterations: number;
  /** All epochs that were made. */
  readonly epochs: number;
  /** Epochs of its schedule. */
  readonly planned: number;
  /** Ended before its schedule. */
  readonly stoppedByDeadline: boolean;
  /** What the artefact will take to score the validation rows, by the last look at them. */
  readonly lookMs: number;
}

/** A member after some epochs. */
export interface RunningNetwork {
  readonly epochs: number;
  /** Epochs of its schedule. */
  readonly planned: number;
  readonly bestEpochs: number;
  readonly bestLoss: number;
  readonly lookMs: number;
  /** By copy: parameters, both moments, and the parameters after the best epoch. */
  readonly numbers: Float32Array;
}

/** How far a fit of networks is. */
export interface NetworkState {
  /** Members in order. */
  readonly finished: readonly FinishedNetwork[];
  /** The member after them; null: not begun. */
  readonly running: RunningNetwork | null;
}

/** What a state must agree with before a fit goes on from it. */
export interface NetworkStateRules {
  /** Hash of all that decides the parameters. */
  readonly taskSha256: string;
  /** Matrix columns of each member. */
  readonly columnCounts: readonly number[];
  readonly epochsMax: number;
}

const NETWORK = ManifestModel.anyOf[6];

const Head = strict({
  taskSha256: Sha256,
  finished: Type.Array(
    strict({
      model: NETWORK,
      iterations: Type.Integer({ minimum: 1 }),
      epochs: Type.Integer({ minimum: 1 }),
      planned: Type.Integer({ minimum: 1 }),
      stoppedByDeadline: Type.Boolean(),
      lookMs: Type.Number({ minimum: 0 }),
    }),
  ),
  running: Type.Union([
    Type.Null(),
    strict({
      epochs: Type.Integer({ minimum: 1 }),
      planned: Type.Integer({ minimum: 1 }),
      bestEpochs: Type.Integer({ minimum: 1 }),
      bestLoss: Type.Number(),
      lookMs: Type.Number({ minimum: 0 }),
    }),
  ]),
  sections: Type.Array(BlobSection),
  /** Where the running member's numbers begin in the blob. */
  numbersAt: Type.Integer({ minimum: 0 }),
});
type Head = Static<typeof Head>;

/** Format and version. A change of how parameters come about needs a new version too. */
const MAGIC = 'TYNET002';

/** Bytes of a state's arrays, which are nearly all of it. */
export const networkStateBytes = ({ finished, running }: NetworkState): number =>
  modelBytes([...finished.map(({ network }) => network), running ?? {}]);

/** What a manifest says of a network. */
export const networkModel = (
  prefix: string,
  { outputCount, columnCount, unitCount }: NetworkArrays,
): Static<typeof NETWORK> => ({ kind: 'network', prefix, outputCount, columnCount, unitCount });

/** A state as bytes; see `writeStateFile`. */
export function encodeNetworkState(
  { finished, running }: NetworkState,
  taskSha256: string,
  sha256: Sha256Function,
): Uint8Array {
  const models = new Map(finished.map(({ network }, index): [string, NetworkArrays] => [`member${index}`, network]));
  const { sections, blob } = writeSections(models);
  const { numbers, ...told } = running ?? { numbers: new Float32Array(0) };
  const head: Head = {
    taskSha256,
    finished: finished.map(({ network, ...rest }, index) => ({
      ...rest,
      model: networkModel(`member${index}`, network),
    })),
    running: running === null ? null : (told as NonNullable<Head['running']>),
    sections,
    numbersAt: blob.length,
  };
  const whole = new Uint8Array(blob.length + numbers.byteLength);
  whole.set(blob);
  whole.set(new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength), blob.length);
  return writeStateFile(MAGIC, head, whole, sha256);
}

/** @throws ARTIFACT_INVALID naming what is wrong: another format, damage, another task's, or a network that cannot be */
export function decodeNetworkState(bytes: Uint8Array, rules: NetworkStateRules, sha256: Sha256Function): NetworkState {
  const { head: found, blob } = readStateFile(MAGIC, bytes, sha256);
  const head = parse(Head, found, 'head of a fit state', 'ARTIFACT_INVALID');
  if (head.taskSha256 !== rules.taskSha256) return invalidState('it belongs to another task');
  if (head.numbersAt > blob.length || (blob.length - head.numbersAt) % 4 !== 0)
    return invalidState('the numbers of its running member are not whole');
  const arrays = blob.subarray(0, head.numbersAt);
  checkSections(head.sections, arrays.length);
  const sections = sectionsByName(head.sections);
  const finished = head.finished.map(({ model, ...rest }, member) => {
    const columnCount = rules.columnCounts[member];
    if (columnCount === undefined) return invalidState(`it has member ${member} of ${rules.columnCounts.length}`);
    const network = readNetwork(model, sections, arrays, 'copied');
    checkNetwork(network, columnCount);
    return { ...rest, network };
  });
  const { epochs: made = 0, planned = rules.epochsMax } = head.running ?? {};
  if (made > planned || planned > rules.epochsMax)
    return invalidState(`${made} epochs, planned ${planned} of at most ${rules.epochsMax}`);
  const numbers = new Float32Array(blob.slice(head.numbersAt).buffer);
  return { finished, running: head.running === null ? null : { ...head.running, numbers } };
}
