import { AppError, canonicalJson, type EnsembleOutcome, type EnsembleTask, type Manifest } from '#contracts';
import {
  ensembleParameters,
  outOfFoldFile,
  remakeEnsemble,
  type Ensemble,
  type EnsembleReader,
  wasWhole,
  type OutOfFoldSource,
} from '#ml';
import { readBytes } from '#object-store';
import { contentHashOf } from '#scoring';
import type { SealedAttempt } from '../queue/index.ts';
import { sha256Of } from '../services/hashes.ts';
import type { ReadableStore } from './check.ts';
import { committedModel, type CommittedModel } from './committed-files.ts';
import {
  BLOB_BYTES_MAX,
  checkManifest,
  checkScores,
  MANIFEST_BYTES_MAX,
  manifestOf,
  OUT_OF_FOLD_FILE,
  sealedFile,
  sealedReader,
} from './verify-model.ts';

/**
 * Proves that what a worker sealed is the ensemble of its members with the weights that it names: made again from the members'
 * committed files, the artefact has the same content, out-of-fold predictions and scores are the same to the last bit. The choice
 * of the weights is the worker's word.
 *
 * @returns SHA-256 of `manifest.json`
 * @throws ARTIFACT_INVALID, RESULT_MISMATCH
 */
export async function verifyEnsemble(
  spec: EnsembleTask,
  { attemptPath, files, outcome }: SealedAttempt<'ensemble'>,
  store: ReadableStore,
): Promise<string> {
  const read = sealedReader({ attemptPath, files }, store);
  const manifestBytes = await read('manifest.json', MANIFEST_BYTES_MAX);
  const manifest = manifestOf(manifestBytes);
  checkManifest(spec, manifest);
  const manifestSha256 = sha256Of(manifestBytes);
  // Read before the other is made, and let go: they need not be in memory together.
  const blobSha256 = sha256Of(await read('blob', BLOB_BYTES_MAX));
  const members = memberFiles(spec, store);
  let made = await remakeEnsemble(spec, outcome, members, sha256Of);
  // A worker of the program before computed scores from all rows at once, whatever their number.
  if (made.outOfFold !== null && wasWhole(made.outOfFold.facts) && !isSaid(made, outcome))
    made = await remakeEnsemble(spec, outcome, members, sha256Of, wasWhole);
  checkBlend(spec, manifest, outcome, made);
  // It need not be opened: what was made here has been, and is the same.
  if (blobSha256 !== made.content.blobSha256) throw mismatch('blob is not that of its members’ artefacts');
  if (made.outOfFold === null) {
    if (outcome.scores !== null) throw mismatch('scores: a refit has none of its own');
    return manifestSha256;
  }
  const { path } = sealedFile({ attemptPath, files }, OUT_OF_FOLD_FILE);
  const isSame = await isFileOf(store, path, outOfFoldFile(made.outOfFold));
  if (!isSame) throw mismatch('out-of-fold.bin is not the weighted sum of its members’ predictions');
  if (made.scores !== null) checkScores(made.scores, outcome.scores);
  return manifestSha256;
}

const isSaid = ({ facts, scores }: Ensemble, { ensemble, scores: said }: EnsembleOutcome): boolean =>
  canonicalJson([facts, scores]) === canonicalJson([ensemble, said]);

const mismatch = (message: string) => new AppError('RESULT_MISMATCH', `ensemble: ${message}`);

function checkBlend(spec: EnsembleTask, manifest: Manifest, outcome: EnsembleOutcome, made: Ensemble): void {
  if (outcome.contentHash !== manifest.contentHash)
    throw mismatch(`content hash: the manifest says ${manifest.contentHash}; the outcome ${outcome.contentHash}`);
  if (manifest.contentHash !== made.contentHash || contentHashOf(manifest.content, sha256Of) !== made.contentHash)
    throw mismatch('its artefact is not the weighted sum of its members’ artefacts');
  if (canonicalJson(outcome.ensemble) !== canonicalJson(made.facts))
    throw mismatch('gain and noise are not those of its predictions');
  if (manifest.rowCount !== made.rowCount || outcome.rowCount !== made.rowCount)
    throw mismatch(`rows fitted on: expected ${made.rowCount}; the outcome has ${outcome.rowCount}`);
  if (canonicalJson(manifest.trainingStatistics) !== canonicalJson(made.trainingStatistics))
    throw mismatch('its training statistics are not those of its members');
  const parameters = ensembleParameters(spec, made);
  if (canonicalJson(manifest.parameters) !== canonicalJson(parameters))
    throw mismatch('the manifest says something else of its weights than the outcome');
}

/** Whether a file is these pieces, one after the other, and nothing else. */
async function isFileOf(store: ReadableStore, path: string, pieces: AsyncIterable<Uint8Array>): Promise<boolean> {
  let at = 0;
  for await (const piece of pieces) {
    const found = await readBytes(store, path, { start: at, end: at + piece.length });
    if (Buffer.compare(found, piece) !== 0) return false;
    at += piece.length;
  }
  return (await readBytes(store, path, { start: at - 1, end: at + 1 })).length === 1;
}

/** The members' files. */
function memberFiles({ members }: EnsembleTask, store: ReadableStore): EnsembleReader {
  const at = (index: number): CommittedModel => {
    const member = members[index];
    if (member === undefined) throw new AppError('INTERNAL', `member ${index} of ${members.length}`);
    const { modelId, artifactPath: path, manifestSha256 } = member;
    return committedModel({ path, manifestSha256 }, store, (name) =>
      mismatch(`${name} of ${modelId} is not what was committed`),
    );
  };
  const sources = new Map<number, Promise<OutOfFoldSource>>();
  // Each is proven once, however often it is looked at.
  const opened = (index: number): Promise<OutOfFoldSource> => {
    const source = sources.get(index) ?? at(index).outOfFold();
    sources.set(index, source);
    return source;
  };
  return {
    artifact: async (index) => {
      const { manifest, blob } = at(index);
      return { manifest: await manifest(), readBlob: blob };
    },
    outOfFold: (index) => opened(index),
  };
}
