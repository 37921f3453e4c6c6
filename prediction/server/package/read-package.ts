import { createHash, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import {
  AppError,
  AssignmentFeed,
  PACKAGE_FILES,
  PACKAGE_FORMAT,
  PackageContents,
  parse,
  type ArchiveFile,
} from '#contracts';
import { isSignedBy, publicKeyOf } from '../feed/signatures.ts';

/** A package all of whose files are what its app server signed. */
export interface ReadPackage {
  readonly contents: PackageContents;
  /** Of the one deployment. */
  readonly feed: AssignmentFeed;
  /** Of the app server that made it. */
  readonly key: KeyObject;
}

const CHUNK_BYTES = 256 * 1024;

const invalid = (message: string, cause?: unknown): AppError =>
  new AppError('PACKAGE_INVALID', message, cause === undefined ? {} : { cause });

/**
 * Reads an unpacked package and holds every file of it, the runtime too, against its signed list. Memory: a chunk, and the
 * small documents.
 *
 * @throws PACKAGE_INVALID naming the file that is missing, damaged or not what was signed
 */
export async function readPackage(dir: string): Promise<ReadPackage> {
  const contentsFile = path.join(dir, PACKAGE_FILES.contents);
  const feedFile = path.join(dir, PACKAGE_FILES.feed);
  const contents = parse(PackageContents, readJson(contentsFile), contentsFile, 'PACKAGE_INVALID');
  if (contents.format !== PACKAGE_FORMAT)
    throw invalid(
      `${contentsFile}: expected format ${PACKAGE_FORMAT}, found ${contents.format}; start it by its own runtime`,
    );
  const feed = parse(AssignmentFeed, readJson(feedFile), feedFile, 'PACKAGE_INVALID');
  const key = keyOf(feed, feedFile);
  const { signature, ...unsigned } = contents;
  if (!isSignedBy(key, unsigned, signature)) throw invalid(`${contentsFile}: wrong signature`);
  checkDeployment(contents, feed);
  const listed = new Set(contents.files.map((file) => file.path));
  for (const file of Object.values(PACKAGE_FILES))
    if (file !== PACKAGE_FILES.contents && !listed.has(file)) throw invalid(`${contentsFile}: does not list ${file}`);
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (const file of contents.files) await checkFile(dir, file, chunk);
  return { contents, feed, key };
}

function readJson(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (err) {
    throw invalid(`${file} cannot be read as JSON`, err);
  }
}

function keyOf({ publicKey }: AssignmentFeed, file: string): KeyObject {
  try {
    return publicKeyOf(publicKey, file);
  } catch (err) {
    throw invalid(`${file}: no public key of an app server`, err);
  }
}

function checkDeployment({ deploymentId, modelId, feedSequence }: PackageContents, feed: AssignmentFeed): void {
  const [record] = feed.deployments;
  const isIt =
    feed.deployments.length === 1 &&
    record?.deploymentId === deploymentId &&
    record.modelId === modelId &&
    feed.sequence === feedSequence;
  if (!isIt)
    throw invalid(
      `${PACKAGE_FILES.feed}: expected sequence ${feedSequence} with deployment ${deploymentId} of model ${modelId} alone`,
    );
}

async function checkFile(dir: string, { path: name, sizeBytes, sha256 }: ArchiveFile, chunk: Buffer): Promise<void> {
  const found = await hashOf(path.join(dir, name), chunk).catch((err: unknown) => {
    throw invalid(`${name} cannot be read`, err);
  });
  if (found.sizeBytes !== sizeBytes || found.sha256 !== sha256)
    throw invalid(
      `${name}: expected ${sizeBytes} bytes of SHA-256 ${sha256}, found ${found.sizeBytes} of ${found.sha256}`,
    );
}

/** @param chunk to read into: a stream would leave the 128 MB of Node behind as garbage */
async function hashOf(file: string, chunk: Buffer): Promise<Pick<ArchiveFile, 'sizeBytes' | 'sha256'>> {
  const hash = createHash('sha256');
  let sizeBytes = 0;
  const handle = await open(file);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(chunk);
      if (bytesRead === 0) return { sizeBytes, sha256: hash.digest('hex') };
      hash.update(chunk.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    await handle.close();
  }
}
