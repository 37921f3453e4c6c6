import { randomBytes } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, unlinkSync, writeSync, fsyncSync } from 'node:fs';
import path from 'node:path';
import { AppError } from '#contracts';

/**
 * The text of a secret file, made with mode 600 when it is not there; of several programs that start at once, one
 * makes it and all read the same. `make` is called only when a new one is needed.
 */
export function readOrMakeSecret(
  file: string,
  make: () => string = () => randomBytes(32).toString('base64url'),
): string {
  const found = readSecretIfThere(file);
  if (found !== null) return found;
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = openSync(temporary, 'wx', 0o600);
  try {
    writeSync(handle, make());
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
  try {
    linkSync(temporary, file);
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'EEXIST') throw err;
  } finally {
    unlinkSync(temporary);
  }
  return readSecret(file);
}

/** The text of a secret file. @throws CONFIG_INVALID when it is missing or empty */
export function readSecret(file: string): string {
  const found = readSecretIfThere(file);
  if (found === null) throw new AppError('CONFIG_INVALID', `secret file ${file} does not exist`);
  return found;
}

function readSecretIfThere(file: string): string | null {
  let text: string;
  try {
    text = readFileSync(file, 'utf8').trim();
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw err;
  }
  if (text === '') throw new AppError('CONFIG_INVALID', `secret file ${file} is empty`);
  return text;
}

/** Names of the files under `keys.dir` that the programs of one installation share. */
export const KEY_FILES = {
  /** Bootstrap secret of the local pool: workers register with it. */
  poolSecret: 'pool.secret',
  /** Bearer of prediction servers on `/internal/v1`. */
  predictionServerToken: 'prediction-server.token',
  /** Keys that telemetry is signed with, one a line; prediction servers, app servers and monitors read them. */
  telemetryKeys: 'telemetry.keys',
  /** Ed25519 private key, PKCS#8 PEM; only the app server reads it. */
  signingKey: 'signing.key',
} as const;
