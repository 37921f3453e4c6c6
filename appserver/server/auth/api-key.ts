import { newId } from '#runtime';
import { hashToken, newToken } from '#store';

export interface NewApiKey {
  readonly id: string;
  /** `ty_<id>_<secret>`: what the client sends; never kept. */
  readonly key: string;
  readonly keySha256: string;
}

/** A new API key with 256 random bits. */
export function makeApiKey(): NewApiKey {
  const id = newId('key');
  const key = `ty_${id.slice('key_'.length)}_${newToken()}`;
  return { id, key, keySha256: hashToken(key) };
}
