import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { cacheFolder } from '../../scripts/lib/cache.ts';

/**
 * Python with packages, in an environment of the cache folder that is made when it is first needed; one that was not
 * finished is made anew.
 *
 * @param name folder in the cache
 * @param packages as pip takes them
 */
export function pythonOf(name: string, packages: readonly string[]): string {
  const folder = path.join(cacheFolder(), name);
  const python = path.join(folder, 'bin', 'python');
  const mark = path.join(folder, 'installed');
  if (existsSync(mark)) return python;
  process.stderr.write(`python: installing ${packages.join(' ')}\n`);
  execFileSync('python3', ['-m', 'venv', '--clear', folder], { stdio: 'inherit' });
  execFileSync(python, ['-m', 'pip', 'install', '--quiet', ...packages], { stdio: 'inherit' });
  writeFileSync(mark, '');
  return python;
}
