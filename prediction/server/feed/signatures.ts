import { createPublicKey, verify, type KeyObject } from 'node:crypto';
import { AppError, canonicalJson, type DeploymentRecord, type ModelSignature } from '#contracts';

/** The app server's public key. @throws ARTIFACT_SIGNATURE naming where it came from when it is not an Ed25519 key */
export function publicKeyOf(pem: string, origin: string): KeyObject {
  // createPublicKey would also take a private key and hand out its public half; that one belongs nowhere near here.
  if (!pem.trimStart().startsWith('-----BEGIN PUBLIC KEY-----'))
    throw new AppError('ARTIFACT_SIGNATURE', `${origin}: expected a public key in SPKI PEM`);
  let key: KeyObject;
  try {
    key = createPublicKey(pem);
  } catch (err) {
    throw new AppError('ARTIFACT_SIGNATURE', `${origin}: the public key cannot be read`, { cause: err });
  }
  if (key.asymmetricKeyType !== 'ed25519') {
    const found = key.asymmetricKeyType ?? 'none';
    throw new AppError('ARTIFACT_SIGNATURE', `${origin}: the public key must be Ed25519; found ${found}`);
  }
  return key;
}

/** Whether the app server signed a document as it stands. @see RFC 8032, RFC 8785 */
export function isSignedBy(key: KeyObject, document: unknown, signature: string): boolean {
  return verify(null, Buffer.from(canonicalJson(document)), key, Buffer.from(signature, 'base64'));
}

/** @throws ARTIFACT_SIGNATURE when the record was not signed by the app server as it stands. @see RFC 8032, RFC 8785 */
export function verifyDeployment(key: KeyObject, { signature, ...record }: DeploymentRecord): void {
  if (!isSignedBy(key, record, signature)) {
    throw new AppError(
      'ARTIFACT_SIGNATURE',
      `deployment record ${record.deploymentId}, sequence ${record.sequence}: wrong signature`,
    );
  }
}

/** @throws ARTIFACT_SIGNATURE when the model was not signed by the app server */
export function verifyModel(key: KeyObject, { signature, ...model }: ModelSignature): void {
  if (!isSignedBy(key, model, signature))
    throw new AppError('ARTIFACT_SIGNATURE', `model ${model.modelId}: wrong signature`);
}
