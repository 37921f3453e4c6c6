import { AppError, isAppError, type Manifest } from '#contracts';
import { checkArtifact, contentHashOf, openArtifact } from '#scoring';
import { sha256 } from '../sample-artifact.ts';
import type { RandomGenerator } from '../support.ts';

/** An artefact to be changed, and rows that it is asked for. */
export interface MutationSubject {
  readonly manifest: Manifest;
  readonly blob: Uint8Array;
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

/** A JSON copy that may be changed freely. */
// The cast holds: the copy has the shape of its original.
export const copyOf = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

/** With hashes made to fit, so that what is behind them is tested. */
export function resealed(manifest: Manifest, blob: Uint8Array): Manifest {
  const content = { ...manifest.content, blobSizeBytes: blob.length, blobSha256: sha256(blob) };
  return { ...manifest, content, contentHash: contentHashOf(content, sha256) };
}

/**
 * Changes bytes of the blob, values of the manifest or both, `count` times anew; seven of eight are sealed again, so that hashes do not
 * stand in the way of the structure. Each is opened, scored and explained, or refused by an `AppError`, and checking
 * without compiling says the same.
 *
 * @returns how many were `opened` and refused, by code
 * @throws for anything else: a crash, a raw score that is no number, two answers that differ
 */
export function tryMutations(
  random: RandomGenerator,
  { manifest, blob, rows }: MutationSubject,
  count: number,
): Map<string, number> {
  const outcomes = new Map<string, number>();
  for (let i = 0; i < count; i += 1) {
    let bytes = blob.slice();
    let mutated: unknown = copyOf(manifest);
    if (i % 3 !== 0) for (let changes = 1 + random.integer(4); changes > 0; changes -= 1) mutateBytes(random, bytes);
    if (i % 3 !== 1) mutated = mutateJson(random, mutated, 1 + random.integer(3));
    if (random.integer(10) === 0) bytes = bytes.slice(0, random.integer(bytes.length));
    if (i % 8 !== 0) mutated = tryReseal(mutated, bytes);
    const outcome = openAndScore(mutated, bytes, rows);
    const checked = outcomeOf(() => checkArtifact(mutated, bytes, sha256));
    if (checked !== outcome) throw new Error(`mutation ${i}: ${outcome}, but checked it is ${checked}`);
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  return outcomes;
}

function outcomeOf(run: () => void): string {
  try {
    run();
    return 'opened';
  } catch (err) {
    if (err instanceof AppError) return err.code;
    throw err;
  }
}

const HOSTILE_WORDS = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31), 7, 100, 0x7ff80000, 0x7ff00000];

function mutateBytes(random: RandomGenerator, bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer);
  const at = random.integer(bytes.length / 4) * 4;
  if (random.integer(2) === 0) view.setInt32(at, random.pick(HOSTILE_WORDS), true);
  else bytes[random.integer(bytes.length)] = random.integer(256);
}

const HOSTILE_JSON: readonly unknown[] = [
  null, 0, -1, 1, 2, 0.5, 1e15, -1e15, 2 ** 31, 1e308, '', 'x', '__proto__', 'm0', true, [], {}, [0], ['a', 'a'], [[]], { kind: 'trees' },
]; // prettier-ignore

/** Replaces, drops or adds values somewhere in a JSON value. */
function mutateJson(random: RandomGenerator, root: unknown, count: number): unknown {
  for (; count > 0; count -= 1) {
    let at = root;
    for (let depth = random.integer(7); typeof at === 'object' && at !== null; depth -= 1) {
      const keys = Object.keys(at);
      if (keys.length === 0) break;
      const key = random.pick(keys);
      // The cast holds: `at` is an object, and arrays are indexed by their keys too.
      const holder = at as Record<string, unknown>;
      const next = holder[key];
      if (depth > 0 && typeof next === 'object' && next !== null) {
        at = next;
        continue;
      }
      const kind = random.integer(8);
      if (kind === 0) Reflect.deleteProperty(holder, key);
      else if (kind === 1) holder['surplus'] = 1;
      else if (kind === 2) holder[key] = holder[random.pick(keys)];
      else if (kind === 3 && typeof next === 'number') holder[key] = next + random.pick([-1, 1, 8]);
      else holder[key] = random.pick(HOSTILE_JSON);
      break;
    }
  }
  return root;
}

/** Makes the hashes fit where the value still looks like a manifest. */
function tryReseal(value: unknown, bytes: Uint8Array): unknown {
  try {
    // The cast holds only for sound manifests; what it breaks on is caught.
    return resealed(value as Manifest, bytes);
  } catch {
    return value;
  }
}

function openAndScore(manifest: unknown, bytes: Uint8Array, rows: MutationSubject['rows']): string {
  return outcomeOf(() => {
    const scorer = openArtifact(manifest, bytes, sha256);
    for (const isExplained of [false, true]) {
      const out = unlessExplained(() => scorer.createPrediction(isExplained));
      if (out === null) continue;
      for (const row of rows) {
        try {
          scorer.scoreRow(row, out);
        } catch (err) {
          if (!isAppError(err, 'CELL_UNREADABLE')) throw err;
        }
        for (const raw of out.rawScores) if (!Number.isFinite(raw)) throw new Error(`raw score ${raw}`);
        for (const part of out.contributions ?? [])
          if (Number.isNaN(part)) throw new Error('a contribution is no number');
      }
    }
  });
}

/** Null where a model cannot be explained, which says nothing against it. */
function unlessExplained<T>(run: () => T): T | null {
  try {
    return run();
  } catch (err) {
    if (isAppError(err, 'NOT_AVAILABLE')) return null;
    throw err;
  }
}
