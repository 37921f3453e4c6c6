import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { AppError } from '#contracts';

/** Cost of a hash: 2^15 x 8 x 128 bytes = 32 MiB. @see RFC 7914 section 2 */
const COST = { N: 32_768, r: 8, p: 1, maxmem: 64 * 1024 * 1024 };
const KEY_BYTES = 32;
const SALT_BYTES = 16;
/** Passwords that are checked at a time: each takes 32 MiB and a thread. */
const PARALLEL_MAX = 4;

let running = 0;

/** `scrypt$N$r$p$salt$hash` of a password. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const key = await derive(password, salt);
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$');
}

/**
 * Whether a password is the one that was hashed. Without a hash it takes as long and answers false, so that the time
 * does not show which users exist.
 */
export async function isPassword(password: string, hash: string | null): Promise<boolean> {
  const [, , , , salt = '', key = ''] = (hash ?? '').split('$');
  const expected = hash === null ? randomBytes(KEY_BYTES) : Buffer.from(key, 'base64url');
  const found = await derive(password, hash === null ? randomBytes(SALT_BYTES) : Buffer.from(salt, 'base64url'));
  return expected.length === found.length && timingSafeEqual(expected, found) && hash !== null;
}

async function derive(password: string, salt: Buffer): Promise<Buffer> {
  if (running >= PARALLEL_MAX) {
    throw new AppError('RATE_LIMITED', 'login: too many passwords are being checked', { retryAfterSeconds: 1 });
  }
  running += 1;
  try {
    return await new Promise<Buffer>((resolve, reject) => {
      scrypt(password.normalize('NFKC'), salt, KEY_BYTES, COST, (err, key) => {
        if (err === null) resolve(key);
        else reject(err);
      });
    });
  } finally {
    running -= 1;
  }
}
