/** Writes the generated pages of docs/: `scripts/docs`. Tests fail when they are stale. */
import { writeFileSync } from 'node:fs';
import { configReference } from '#runtime';

writeFileSync(new URL('../docs/config.md', import.meta.url), configReference());
