import { ArchiveFile, ArchiveNeeds } from './runtime-archive.ts';
import { Id, strict } from './schema.ts';
import { Type, type Static } from './type.ts';

/**
 * A package of a deployment (`GET /deployments/{id}/package`): a prediction server, one deployment and its model in one
 * `.tar.gz`, for a Linux host that has nothing installed and reaches nobody.
 *
 *     package = gzip(deployment/*) gzip(everything else)     two members, RFC 1952 section 2.2; one tar archive
 *
 * All lies in the folder {@link PACKAGE_FOLDER}. The first member is made for each package, its bytes stored as they are; the
 * second one, the same in all packages of one program, was packed before (`scripts/bundle --package-runtime`).
 */
export const PACKAGE_FORMAT = 1;
export const PACKAGE_FOLDER = 'trainyard-package';

/** Files of a package that are of its deployment, below its folder, in their order in the archive. */
export const PACKAGE_FILES = {
  /** An assignment feed (`AssignmentFeed`) of this one deployment. */
  feed: 'deployment/assignments.json',
  manifest: 'deployment/model/manifest.json',
  blob: 'deployment/model/blob',
  /** `ModelSignature` */
  signature: 'deployment/model/signature.json',
  /** Key by which what the package's server tells of this deployment is known (`deploymentKey`). */
  telemetryKey: 'deployment/telemetry.key',
  /** {@link PackageContents}; the last one, so that who unpacks over an older package changes it when the rest is there. */
  contents: 'deployment/contents.json',
} as const;

/**
 * Everything that a package holds, signed by the app server: Ed25519 over the canonical JSON without `signature`. Which of two
 * packages is the newer one is said by `feedSequence`.
 */
export const PackageContents = strict({
  format: Type.Integer({ minimum: 1 }),
  deploymentId: Id,
  modelId: Id,
  feedSequence: Type.Integer({ minimum: 0, description: 'rises with every change of a deployment or key' }),
  programVersion: Type.String(),
  nodeVersion: Type.String(),
  needs: ArchiveNeeds,
  /** All files but this one, by their path below the package's folder. */
  files: Type.Array(ArchiveFile),
  signature: Type.String({ description: 'base64' }),
});
export type PackageContents = Static<typeof PackageContents>;
