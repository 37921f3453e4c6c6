import { writeFileSync } from 'node:fs';
import { apiDocument } from '#appserver';
import { configReference } from '#runtime';
import { errorsPage } from './errors-page.ts';

/** Writes the generated pages of docs/: `scripts/docs`. Tests fail when they are stale. */
const page = (name: string) => new URL(`../../docs/${name}`, import.meta.url);
writeFileSync(page('openapi.json'), `${JSON.stringify(apiDocument, null, 2)}\n`);
writeFileSync(page('errors.md'), errorsPage());
writeFileSync(page('config.md'), configReference());
