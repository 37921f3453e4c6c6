import { createHash } from 'node:crypto';
import {
  AppError,
  PACKAGE_FILES,
  PACKAGE_FOLDER,
  PACKAGE_FORMAT,
  type ApiKeyGrant,
  type ArchiveFile,
  type DeploymentRecord,
  type ModelSignature,
  type PackageContents,
} from '#contracts';
import type { ObjectStore } from '#object-store';
import { sha256Of } from '../services/hashes.ts';
import type { Signer } from '../services/signing.ts';
import { committedModel } from '../verification/index.ts';
import { inMemory, type ByteSource, type SourceEntry } from './byte-source.ts';
import type { PackageRuntime } from './runtime.ts';

const DATA = 0o644;
/** Hashes of keys, and the key of its telemetry, are for the user alone who runs the server. */
const PRIVATE = 0o600;

/** A deployment as it goes into a package. */
export interface PackagedDeployment {
  readonly feedSequence: number;
  readonly record: DeploymentRecord;
  readonly apiKeys: readonly ApiKeyGrant[];
  /** Object store folder of the model. */
  readonly artifactPath: string;
  /** Of the model, Ed25519 in base64. */
  readonly modelSignature: string;
  /** By which its telemetry is known. */
  readonly telemetryKey: string;
}

/**
 * The files of a package that are of its deployment, in their order. The model is held against what was signed when it was
 * committed: its signature and manifest here, its blob when it is read.
 *
 * @throws ARTIFACT_SIGNATURE, ARTIFACT_INVALID for a model that is not the one that was verified; STORE_OBJECT_MISSING
 */
export async function packageEntries(
  deployment: PackagedDeployment,
  { record: runtime }: PackageRuntime,
  { store, signer, signal }: { readonly store: ObjectStore; readonly signer: Signer; readonly signal: AbortSignal },
): Promise<readonly SourceEntry[]> {
  const { record, artifactPath, feedSequence, apiKeys } = deployment;
  const { modelId, manifestSha256 } = record;
  if (!signer.verify({ modelId, manifestSha256 }, deployment.modelSignature))
    throw new AppError(
      'ARTIFACT_SIGNATURE',
      `model ${modelId}: its signature is not that of manifest ${manifestSha256}`,
    );
  const { content } = await committedModel({ path: artifactPath, manifestSha256 }, store).manifest();
  const manifestPath = `${artifactPath}/manifest.json`;
  const manifest = {
    sizeBytes: (await statOf(store, manifestPath)).sizeBytes,
    sha256: manifestSha256,
  };
  const blob = { sizeBytes: content.blobSizeBytes, sha256: content.blobSha256 };
  const object = (name: string, expected: Expected) => proven(store, `${artifactPath}/${name}`, expected, signal);
  const feed = { sequence: feedSequence, publicKey: signer.publicKey, deployments: [record], apiKeys };
  const signature: ModelSignature = { modelId, manifestSha256, signature: deployment.modelSignature };
  const files: readonly Described[] = [
    inJson(PACKAGE_FILES.feed, PRIVATE, feed),
    { path: PACKAGE_FILES.manifest, mode: DATA, ...manifest, content: object('manifest.json', manifest) },
    { path: PACKAGE_FILES.blob, mode: DATA, ...blob, content: object('blob', blob) },
    inJson(PACKAGE_FILES.signature, DATA, signature),
    inMemoryFile(PACKAGE_FILES.telemetryKey, PRIVATE, `${deployment.telemetryKey}\n`),
  ];
  const prefix = `${PACKAGE_FOLDER}/`;
  const { version, nodeVersion, needs } = runtime.manifest;
  const unsigned: Omit<PackageContents, 'signature'> = {
    format: PACKAGE_FORMAT,
    deploymentId: record.deploymentId,
    modelId,
    feedSequence,
    programVersion: version,
    nodeVersion,
    needs,
    files: [
      ...files.map(({ content: _, ...file }) => file),
      ...runtime.manifest.files.map((file) => ({ ...file, path: file.path.slice(prefix.length) })),
    ],
  };
  const contents = inJson(PACKAGE_FILES.contents, DATA, { ...unsigned, signature: signer.sign(unsigned) });
  return [...files, contents].map(({ path, mode, content: bytes }) => ({ path: prefix + path, mode, content: bytes }));
}

type Expected = Pick<ArchiveFile, 'sizeBytes' | 'sha256'>;

/** A file that its package's contents will name. */
interface Described extends ArchiveFile {
  readonly content: ByteSource;
}

const inJson = (path: string, mode: number, value: unknown): Described =>
  inMemoryFile(path, mode, `${JSON.stringify(value, null, 2)}\n`);

function inMemoryFile(path: string, mode: number, text: string): Described {
  const bytes = Buffer.from(text);
  return { path, mode, sizeBytes: bytes.length, sha256: sha256Of(bytes), content: inMemory(bytes) };
}

async function statOf(store: ObjectStore, path: string): Promise<{ readonly sizeBytes: number }> {
  const stat = await store.stat(path);
  if (stat === null) throw new AppError('STORE_OBJECT_MISSING', `object ${path} is not in the store`);
  return stat;
}

/** An object that fails at its end where it was another one than expected. */
const proven = (store: ObjectStore, path: string, expected: Expected, signal: AbortSignal): ByteSource => ({
  sizeBytes: expected.sizeBytes,
  read: async function* () {
    const hash = createHash('sha256');
    let seen = 0;
    for await (const chunk of store.read(path, { signal })) {
      hash.update(chunk);
      seen += chunk.length;
      yield chunk;
    }
    if (seen !== expected.sizeBytes || hash.digest('hex') !== expected.sha256)
      throw new AppError('ARTIFACT_INVALID', `${path} is not what was committed`);
  },
});
