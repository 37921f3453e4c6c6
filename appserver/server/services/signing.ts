import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  sign,
  verify,
} from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { AppError, canonicalJson } from '#contracts';
import { KEY_FILES, readOrMakeSecret } from '#runtime';
import { lockInstallation, recallFact, recordFact, type Database } from '#store';

/** Signs what prediction servers trust. The private key never leaves this object. @see RFC 8032 (Ed25519) */
export interface Signer {
  /** SPKI, PEM. */
  readonly publicKey: string;
  /** Base64 signature over the canonical JSON of a value. */
  sign(value: unknown): string;
  verify(value: unknown, signature: string): boolean;
  /** 32 bytes derived from the private key, another one for each purpose. @see RFC 5869 */
  deriveKey(purpose: string): Buffer;
}

/**
 * The signer of the installation that this database belongs to. The first app server makes the key and the database
 * remembers its fingerprint: a replica with another keys folder would sign what nobody believes, and could not read
 * what the others have sealed. App servers that start at once wait for each other.
 *
 * @throws CONFIG_INVALID when `keysDir` has another signing key, or none although the database was used with one
 */
export async function openInstallationSigner(database: Database, keysDir: string): Promise<Signer> {
  const file = path.join(keysDir, KEY_FILES.signingKey);
  return database.transaction(async (trx) => {
    await lockInstallation(trx);
    const known = await recallFact(trx, 'signing-key-sha256');
    if (known !== null && !existsSync(file)) throw wrongKeys(`${file} does not exist`, known);
    const signer = openSigner(keysDir);
    const own = createHash('sha256').update(signer.publicKey).digest('hex');
    if (known === null) await recordFact(trx, 'signing-key-sha256', own);
    else if (known !== own) throw wrongKeys(`the key of ${file} has fingerprint ${own.slice(0, 16)}`, known);
    return signer;
  });
}

const wrongKeys = (finding: string, known: string) =>
  new AppError(
    'CONFIG_INVALID',
    `keys.dir: expected the signing key with fingerprint ${known.slice(0, 16)}, which this database was first used with; ` +
      `${finding}. All app servers of one database share one keys folder`,
  );

/**
 * Reads the signing key of `keysDir`, or makes it with mode 600. All replicas need the same file.
 *
 * @throws CONFIG_INVALID when the file is not an Ed25519 private key
 */
export function openSigner(keysDir: string): Signer {
  const file = path.join(keysDir, KEY_FILES.signingKey);
  const pem = readOrMakeSecret(file, () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  );
  const privateKey = parseKey(pem, file);
  const publicKey = createPublicKey(privateKey);
  const secret = privateKey.export({ type: 'pkcs8', format: 'der' });
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (value) => sign(null, Buffer.from(canonicalJson(value)), privateKey).toString('base64'),
    verify: (value, signature) =>
      verify(null, Buffer.from(canonicalJson(value)), publicKey, Buffer.from(signature, 'base64')),
    deriveKey: (purpose) => Buffer.from(hkdfSync('sha256', secret, '', `trainyard ${purpose}`, 32)),
  };
}

function parseKey(pem: string, file: string) {
  try {
    const key = createPrivateKey(pem);
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `signing key ${file} cannot be read as a private key in PEM`, { cause: err });
  }
  throw new AppError('CONFIG_INVALID', `signing key ${file} is not an Ed25519 key`);
}
