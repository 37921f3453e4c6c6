import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  PACKAGE_FILES,
  PACKAGE_FORMAT,
  type ApiKeyGrant,
  type DeploymentRecord,
  type PackageContents,
} from '#contracts';
import { TEST_KEYS_TEXT } from '../telemetry/segments.ts';
import { makeGrant, makeRecord, sha256, type TestModel, type TestSigner } from './models.ts';

export interface TestPackage {
  readonly signer: TestSigner;
  readonly model: TestModel;
  readonly record?: Partial<Omit<DeploymentRecord, 'signature'>>;
  readonly apiKeys?: readonly ApiKeyGrant[];
  readonly feedSequence?: number;
  /** What the list of files says else than is true; signed all the same. */
  readonly contents?: Partial<PackageContents>;
}

/** A file of the runtime, which stands for all of them. */
export const RUNTIME_FILE = 'runtime/lib/prediction-server.mjs';

/** Writes an unpacked package as the app server makes it, but for its runtime, which is one file; the list of files last. */
export function writePackage(dir: string, made: TestPackage): void {
  const { signer, model, feedSequence = 1 } = made;
  const record = makeRecord(signer, model, { readers: ['usr_1'], ...made.record });
  const apiKeys = made.apiKeys ?? [makeGrant(undefined, { scopes: ['predict'] })];
  const feed = { sequence: feedSequence, publicKey: signer.publicKey, deployments: [record], apiKeys };
  const files: readonly (readonly [name: string, bytes: Uint8Array])[] = [
    [PACKAGE_FILES.feed, Buffer.from(JSON.stringify(feed))],
    [PACKAGE_FILES.manifest, model.manifest],
    [PACKAGE_FILES.blob, model.blob],
    [PACKAGE_FILES.signature, Buffer.from(JSON.stringify(model.signature))],
    [PACKAGE_FILES.telemetryKey, Buffer.from(`${TEST_KEYS_TEXT}\n`)],
    [RUNTIME_FILE, Buffer.from(`// of ${model.modelId}\n`)],
  ];
  const unsigned = {
    format: PACKAGE_FORMAT,
    deploymentId: record.deploymentId,
    modelId: model.modelId,
    feedSequence,
    programVersion: '0.1.0',
    nodeVersion: '24.0.0',
    needs: { glibc: '2.28', glibcxx: null, libraries: [] },
    files: files.map(([name, bytes]) => ({ path: name, mode: 0o644, sizeBytes: bytes.length, sha256: sha256(bytes) })),
    ...made.contents,
  };
  const contents = { ...unsigned, signature: signer.sign(unsigned) };
  for (const [name, bytes] of [...files, [PACKAGE_FILES.contents, Buffer.from(JSON.stringify(contents))] as const]) {
    mkdirSync(path.join(dir, path.dirname(name)), { recursive: true });
    writeFileSync(path.join(dir, name), bytes);
  }
}
