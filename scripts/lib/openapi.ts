import { writeFileSync } from 'node:fs';
import { apiDocument } from '#appserver';
import { errorsPage } from './errors-page.ts';

/** Writes the generated pages of docs/: `scripts/openapi`. Tests fail when they are stale. */
writeFileSync(new URL('../../docs/openapi.json', import.meta.url), `${JSON.stringify(apiDocument, null, 2)}\n`);
writeFileSync(new URL('../../docs/errors.md', import.meta.url), errorsPage());
