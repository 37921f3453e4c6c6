import path from 'node:path';
import { KEY_FILES, readOrMakeSecret } from '#runtime';

/**
 * The bootstrap secret of the local pool, a file of mode 600 that is made at the first start: whoever can read it may
 * start workers of the pool.
 */
export const readPoolSecret = (keysDir: string): string => readOrMakeSecret(path.join(keysDir, KEY_FILES.poolSecret));
