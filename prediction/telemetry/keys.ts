import { createHash, createHmac } from 'node:crypto';
import { statSync } from 'node:fs';
import { AppError } from '#contracts';
import { readOrMakeSecret, readSecret, type Logger } from '#runtime';

/** A key that segments are signed with. */
export interface TelemetryKey {
  /** First 16 hexadecimal digits of the SHA-256 of the secret. */
  readonly keyId: string;
  readonly secret: Buffer;
}

/** The keys of an installation. To rotate: put the new key first, on every host; take the old one out once the spools are empty. */
export interface TelemetryKeys {
  /** The first one. */
  signing(): TelemetryKey;
  /** Null for an unknown one. */
  find(keyId: string): Buffer | null;
  /** All of them, the signing one first. */
  all(): readonly TelemetryKey[];
}

/** Fewest characters of a key: 128 bits in base64. */
const KEY_LENGTH_MIN = 22;
/** Keys that a file may have. */
const KEYS_MAX = 16;
/** How often the file is looked at, at most, milliseconds. */
const LOOK_MS = 1_000;

/**
 * Keys from a text, one a line.
 * @throws CONFIG_INVALID naming the line that is no key
 */
export function telemetryKeys(text: string, origin = 'telemetry keys'): TelemetryKeys {
  const lines = text.split('\n').map((line) => line.trim());
  const secrets = lines.filter((line) => line !== '');
  const short = lines.findIndex((line) => line !== '' && line.length < KEY_LENGTH_MIN);
  if (short >= 0) {
    throw new AppError(
      'CONFIG_INVALID',
      `${origin}, line ${short + 1}: a key has ${KEY_LENGTH_MIN} characters or more, for example of: openssl rand -base64 32`,
    );
  }
  if (secrets.length > KEYS_MAX)
    throw new AppError('CONFIG_INVALID', `${origin}: ${secrets.length} keys, expected ${KEYS_MAX} at most`);
  const keys = secrets.map(keyOf);
  const [first] = keys;
  if (first === undefined) throw new AppError('CONFIG_INVALID', `${origin}: there is no key`);
  const byId = new Map(keys.map(({ keyId, secret }) => [keyId, secret]));
  return { signing: () => first, find: (keyId) => byId.get(keyId) ?? null, all: () => keys };
}

/**
 * A key that is good for what is told of one deployment, and tells nothing of the key it is made from. It is the text of a key file.
 *
 * @see RFC 5869 section 2.3: the first block of HKDF-Expand
 */
export const deploymentKey = ({ secret }: TelemetryKey, deploymentId: string): string =>
  createHmac('sha256', secret).update(`telemetry of ${deploymentId}\u0001`).digest('base64url');

/** A key that is good for what one server tells, and tells nothing of the key it is made from. It is the text of a key file. */
export const serverKey = ({ secret }: TelemetryKey, serverId: string): string =>
  createHmac('sha256', secret).update(`telemetry by ${serverId}\u0001`).digest('base64url');

/** The secret of a key that is one of the installation's, or that one of these makes for a server; null for any other. */
export function secretOf(keys: TelemetryKeys, keyId: string, serverId: string): Buffer | null {
  const own = keys.find(keyId);
  if (own !== null) return own;
  const made = keys.all().map((root) => keyOf(serverKey(root, serverId)));
  return made.find((key) => key.keyId === keyId)?.secret ?? null;
}

/** The keys of some deployments, of every key of the installation, by key id. */
export function deploymentKeys(
  keys: TelemetryKeys,
  deploymentIds: readonly string[],
): ReadonlyMap<string, { readonly deploymentId: string; readonly keys: TelemetryKeys }> {
  return new Map(
    keys.all().flatMap((root) =>
      deploymentIds.map((deploymentId) => {
        const own = telemetryKeys(deploymentKey(root, deploymentId));
        return [own.signing().keyId, { deploymentId, keys: own }] as const;
      }),
    ),
  );
}

function keyOf(text: string): TelemetryKey {
  const secret = Buffer.from(text);
  return { keyId: createHash('sha256').update(secret).digest('hex').slice(0, 16), secret };
}

/**
 * Keys of a file, which is read again when it has changed; one that cannot be read any more leaves those from before.
 * @throws CONFIG_INVALID when it cannot be read at first
 */
export function telemetryKeyFile(file: string, onTrouble: (err: unknown) => void): TelemetryKeys {
  let keys = telemetryKeys(readSecret(file), file);
  let version = versionOf(file);
  let lookedAt = performance.now();
  const current = (): TelemetryKeys => {
    if (performance.now() - lookedAt < LOOK_MS) return keys;
    lookedAt = performance.now();
    const found = versionOf(file);
    if (found === version) return keys;
    version = found;
    try {
      keys = telemetryKeys(readSecret(file), file);
    } catch (err) {
      onTrouble(err);
    }
    return keys;
  };
  return { signing: () => current().signing(), find: (keyId) => current().find(keyId), all: () => current().all() };
}

/**
 * The keys that the programs of an installation share: the first one to start makes the file.
 * @throws CONFIG_INVALID when it cannot be read
 */
export function sharedTelemetryKeys(file: string, logger: Logger): TelemetryKeys {
  readOrMakeSecret(file);
  return telemetryKeyFile(file, (err) => {
    logger.error('telemetry_keys', 'the telemetry keys changed and cannot be read; those from before are used', {
      err,
    });
  });
}

function versionOf(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  return found === undefined ? '' : `${found.mtimeMs} ${found.size} ${found.ino}`;
}
