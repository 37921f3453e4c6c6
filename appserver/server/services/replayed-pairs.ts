import { AppError, parse, Type, type TargetSpec } from '#contracts';
import type { ObjectStore } from '#object-store';
import { cellText } from '#scoring';
import type { Pair } from '#statistics';
import { PAIRS_MAX, type BatchPredictionRecord } from '#store';
import { RESULT_FILES } from './scoring-follow-ups.ts';

const ResultRow = Type.Record(Type.String(), Type.Unknown());
const NDJSON = RESULT_FILES['application/x-ndjson'];

/** Two batch predictions of the same dataset. */
export interface Replay {
  readonly champion: BatchPredictionRecord;
  readonly challenger: BatchPredictionRecord;
  readonly target: TargetSpec;
  /** The deployment's, of two classes; undefined: labels are as they were predicted. */
  readonly threshold: number | undefined;
}

/**
 * What two batch predictions of a dataset say of its rows, with the target where both pass it through: of more than {@link PAIRS_MAX}
 * rows each k-th. Reads both files once, line by line.
 *
 * @throws STORE_OBJECT_MISSING; INTERNAL where they are not of the same rows
 */
export async function replayedPairs(
  store: Pick<ObjectStore, 'read'>,
  { champion, challenger, target, threshold }: Replay,
  signal: AbortSignal,
): Promise<Pair[]> {
  const rowCount = champion.rowCount ?? 0;
  const step = Math.max(1, Math.ceil(rowCount / PAIRS_MAX));
  const read = rowReader(target, threshold);
  const ours = linesOf(store, `${champion.resultPath ?? ''}/${NDJSON}`, signal);
  const theirs = linesOf(store, `${challenger.resultPath ?? ''}/${NDJSON}`, signal);
  const pairs: Pair[] = [];
  try {
    for (let row = 0; ; row += 1) {
      const [own, other] = [await ours.next(), await theirs.next()];
      if (own.done === true && other.done === true) return pairs;
      if (own.done === true || other.done === true)
        throw new AppError('INTERNAL', `batch predictions ${champion.id} and ${challenger.id} are of other rows`);
      if (row % step !== 0) continue;
      const first = read(own.value);
      pairs.push({ champion: first.outcome, challenger: read(other.value).outcome, actual: first.actual });
    }
  } finally {
    await Promise.all([ours.return(undefined), theirs.return(undefined)]);
  }
}

/** Reads a line of a result. */
function rowReader({ name, classes, positiveClass }: TargetSpec, threshold: number | undefined) {
  const labels = classes.map(({ label }) => label);
  const classOf = new Map(classes.flatMap(({ label, texts }, index) => [label, ...texts].map((text) => [text, index])));
  const positive = positiveClass ?? 1;
  const isThreshold = threshold !== undefined && labels.length === 2;
  return (line: string): { readonly outcome: Pair['champion']; readonly actual: number | null } => {
    const row = parse(ResultRow, JSON.parse(line), 'predicted row');
    const text = cellText(row[name]) ?? '';
    if (labels.length === 0) {
      const value = text === '' ? NaN : Number(text);
      return { outcome: Number(row['prediction']), actual: Number.isFinite(value) ? value : null };
    }
    const probabilities = labels.map((label) => Number(row[`probability_${label}`]));
    const told = classOf.get(cellText(row['prediction']) ?? '') ?? 0;
    const classIndex = !isThreshold ? told : (probabilities[positive] ?? NaN) >= threshold ? positive : 1 - positive;
    return { outcome: { classIndex, probabilities }, actual: classOf.get(text) ?? null };
  };
}

async function* linesOf(
  store: Pick<ObjectStore, 'read'>,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of store.read(path, { signal })) {
    rest += decoder.decode(chunk, { stream: true });
    let from = 0;
    for (let end = rest.indexOf('\n'); end >= 0; end = rest.indexOf('\n', from)) {
      yield rest.slice(from, end);
      from = end + 1;
    }
    rest = rest.slice(from);
  }
  if (rest !== '') yield rest;
  return undefined;
}
