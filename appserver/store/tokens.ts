import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A new secret: 32 random bytes. */
export const newToken = (): string => randomBytes(32).toString('base64url');

/** SHA-256 of a secret, all that the store keeps of it. */
export const hashToken = (token: string): string => createHash('sha256').update(token).digest('hex');

/** Whether a secret is the one behind a hash; takes the same time wherever they differ. */
export function isToken(token: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashToken(token), 'hex'), Buffer.from(hash, 'hex'));
}
