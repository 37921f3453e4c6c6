import type { Logger } from '#runtime';
import type { Sealer } from '../services/sealer.ts';

/** What messages to URLs are signed with, as it is kept. @param secrets by URL; null: none */
export function sealSecrets(sealer: Sealer, secrets: ReadonlyMap<string, string>): string | null {
  return secrets.size === 0 ? null : sealer.seal(JSON.stringify([...secrets]));
}

/** The opposite of {@link sealSecrets}. @throws Error for what was sealed with another key */
export function openSecrets(sealer: Sealer, sealed: string | null): ReadonlyMap<string, string> {
  return new Map(sealed === null ? [] : (JSON.parse(sealer.open(sealed)) as [string, string][])); // written by `sealSecrets`
}

/** The same for settings, which can be read and replaced though the keys are others: such secrets are none. */
export function readableSecrets(sealer: Sealer, sealed: string | null, logger: Logger): ReadonlyMap<string, string> {
  try {
    return openSecrets(sealer, sealed);
  } catch (err) {
    logger.warn('alert_secrets', 'secrets of alerts were sealed with another key, and are taken for none', { err });
    return new Map();
  }
}
