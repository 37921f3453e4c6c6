import {
  AppError,
  canonicalJson,
  Manifest,
  parse,
  type EnsembleTask,
  type ModelScores,
  type SealedFile,
  type TrainOutcome,
  type TrainTask,
} from '#contracts';
import {
  ENSEMBLE_BLUEPRINT_ID,
  offsetColumns,
  openOutOfFold,
  OutOfFoldCheck,
  refittedRowCount,
  scoreCollector,
  scoresOfAllRows,
  wasWhole,
  type OutOfFoldSource,
  type TrainedRowCount,
} from '#ml';
import { checkArtifact, compileOffsets } from '#scoring';
import { parseJsonText } from '../http/json.ts';
import type { SealedAttempt } from '../queue/index.ts';
import { sha256Of } from '../services/hashes.ts';
import type { ReadableStore } from './check.ts';
import { provenFile } from './proven-file.ts';

/** Largest files of an artefact that are read to verify it. */
export const MANIFEST_BYTES_MAX = 256 * 1024 * 1024;
export const BLOB_BYTES_MAX = 2 * 1024 * 1024 * 1024;

/**
 * Proves that what a worker sealed is a model: the artefact opens, is the one that was asked for, and its scores are
 * exactly those of its stored out-of-fold predictions, which are of the rows that the task holds back.
 *
 * @returns SHA-256 of `manifest.json`
 * @throws ARTIFACT_INVALID, RESULT_MISMATCH
 */
export async function verifyModel(
  spec: TrainTask,
  { attemptPath, files, outcome }: SealedAttempt<'train'>,
  store: ReadableStore,
): Promise<string> {
  const read = sealedReader({ attemptPath, files }, store);
  const manifestBytes = await read('manifest.json', MANIFEST_BYTES_MAX);
  const blob = await read('blob', BLOB_BYTES_MAX);
  const manifest = manifestOf(manifestBytes);
  checkArtifact(manifest, blob, sha256Of);
  checkManifest(spec, manifest);
  checkSteps(spec, manifest);
  if (manifest.contentHash !== outcome.contentHash)
    throw mismatch(`content hash: the manifest says ${manifest.contentHash}; the outcome says ${outcome.contentHash}`);
  if (spec.refit === null) {
    const source = await sealedPredictions({ attemptPath, files }, store);
    checkFitted(spec, manifest, outcome, await checkPredictions(spec, outcome, source), source.facts.foldCount);
  } else if (outcome.scores !== null) throw mismatch('scores: a refit has none of its own');
  else checkFitted(spec, manifest, outcome, refittedRowCount(spec), null);
  return sha256Of(manifestBytes);
}

/**
 * Block by block: the predictions are of the rows that the task holds back, and the scores are theirs.
 *
 * @returns rows fitted on
 * @throws RESULT_MISMATCH
 */
export async function checkPredictions(
  spec: TrainTask,
  { scores }: Pick<TrainOutcome, 'scores'>,
  source: OutOfFoldSource,
): Promise<TrainedRowCount> {
  const check = new OutOfFoldCheck(spec, source.facts);
  const collector = scoreCollector(source.facts, spec.target);
  for await (const block of source.blocks()) {
    check.add(block);
    collector.add(block);
  }
  const trained = check.end();
  const found = collector.scores();
  // A worker of the program before computed them from all rows at once, whatever their number.
  const isOlder = wasWhole(source.facts) && !areSameScores(found, scores);
  checkScores(isOlder ? scoresOfAllRows(await source.whole(), spec.target) : found, scores);
  return trained;
}

export const OUT_OF_FOLD_FILE = 'out-of-fold.bin';

/** The predictions that were sealed, read in blocks. @throws RESULT_MISMATCH where they were not, or the file is another one */
async function sealedPredictions(
  sealed: Pick<SealedAttempt, 'attemptPath' | 'files'>,
  store: ReadableStore,
): Promise<OutOfFoldSource> {
  const file = sealedFile(sealed, OUT_OF_FOLD_FILE);
  const read = await provenFile(store, file.path, file, () => mismatch(`${OUT_OF_FOLD_FILE} is not what was sealed`));
  return openOutOfFold(read, file.sizeBytes);
}

/** Reads a file that was sealed. */
export type ReadSealed = (name: string, maxBytes: number) => Promise<Uint8Array>;

/** @throws RESULT_MISMATCH for a file that was not sealed */
export function sealedReader(
  { attemptPath, files }: Pick<SealedAttempt, 'attemptPath' | 'files'>,
  store: ReadableStore,
): ReadSealed {
  return async (name, maxBytes) => store.readAll(sealedFile({ attemptPath, files }, name).path, { maxBytes });
}

/** A file that was sealed, and where it is. @throws RESULT_MISMATCH where it was not */
export function sealedFile(
  { attemptPath, files }: Pick<SealedAttempt, 'attemptPath' | 'files'>,
  name: string,
): SealedFile & { readonly path: string } {
  const file = files.find((one) => one.name === name);
  if (file === undefined) throw mismatch(`${name} was not sealed`);
  return { ...file, path: `${attemptPath}/${name}` };
}

const mismatch = (message: string) => new AppError('RESULT_MISMATCH', `model: ${message}`);

/** @throws ARTIFACT_INVALID */
export function manifestOf(bytes: Uint8Array): Manifest {
  const json = parseJsonText(Buffer.from(bytes).toString('utf8'), 'manifest.json');
  return parse(Manifest, json, 'manifest.json', 'ARTIFACT_INVALID');
}

/** It is the model of this task, not another one's. @throws RESULT_MISMATCH */
export function checkManifest(spec: TrainTask | EnsembleTask, manifest: Manifest): void {
  const { content } = manifest;
  const expected = {
    modelId: spec.modelId,
    projectId: spec.projectId,
    blueprintId: spec.kind === 'train' ? spec.blueprintId : ENSEMBLE_BLUEPRINT_ID,
    target: spec.target.name,
    targetType: spec.target.targetType,
    classes: spec.target.classes.map((entry) => entry.label),
    positiveClass: spec.target.positiveClass,
    offsets: offsetColumns(spec.target),
  };
  const found = {
    modelId: manifest.modelId,
    projectId: manifest.projectId,
    blueprintId: manifest.blueprintId,
    target: content.target,
    targetType: content.targetType,
    classes: content.classes,
    positiveClass: content.positiveClass,
    offsets: (compileOffsets(content)?.columns ?? []).map(({ kind, name }) => ({ kind, name })),
  };
  if (canonicalJson(expected) !== canonicalJson(found))
    throw mismatch('the manifest is of another model, target, classes or offsets than the task');
}

/** A blueprint of one's own has no step that was left out; offsets are read beside its steps. @throws RESULT_MISMATCH */
function checkSteps({ featureSteps }: TrainTask, { content }: Manifest): void {
  if (featureSteps === undefined) return;
  const read = new Set(content.members.flatMap(({ steps }) => steps));
  const surplus = content.steps.find(({ kind }, index) => read.has(index) && !featureSteps.includes(kind));
  if (surplus !== undefined)
    throw mismatch(`its blueprint has no ${surplus.kind} step; a member of the artefact reads one`);
}

/** Rows fitted on, and one member for each fold; of a refit the copies that there was time for. */
function checkFitted(
  spec: TrainTask,
  { rowCount, content }: Manifest,
  outcome: TrainOutcome,
  { least, most }: TrainedRowCount,
  folds: number | null,
): void {
  if (rowCount < least || rowCount > most || outcome.rowCount !== rowCount)
    throw mismatch(
      `rows fitted on: expected ${least === most ? least : `${least} to ${most}`}; the manifest has ${rowCount}, the outcome ${outcome.rowCount}`,
    );
  const calibration = spec.refit === null ? outcome.calibration : spec.refit.calibration;
  if (
    canonicalJson([content.calibration ?? null, outcome.calibration ?? null]) !==
    canonicalJson([calibration ?? null, calibration ?? null])
  )
    throw mismatch('the calibration of the manifest is not that of the outcome, or of the twin that is refitted');
  const memberCount = content.members.length;
  const copies = spec.refit?.copies ?? 1;
  const isAsAsked = folds === null ? memberCount >= 1 && memberCount <= copies : memberCount === folds;
  if (!isAsAsked)
    throw mismatch(
      `expected ${folds ?? (copies === 1 ? 1 : `1 to ${copies}`)} members; the manifest has ${memberCount}`,
    );
}

const areSameScores = (computed: ModelScores, sealed: ModelScores | null): boolean =>
  sealed !== null && canonicalJson(computed) === canonicalJson(sealed);

/** Exactly equal: both sides ran the same code over the same numbers. @throws RESULT_MISMATCH */
export function checkScores(computed: ModelScores, sealed: ModelScores | null): void {
  if (!areSameScores(computed, sealed)) throw mismatch('the scores are not those of out-of-fold.bin');
}
