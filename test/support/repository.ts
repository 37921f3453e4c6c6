import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import path from 'node:path';

/** The top folder of the repository. */
export const REPOSITORY_ROOT = path.resolve(import.meta.dirname, '../..');

const NOT_OURS = ['.git', 'node_modules', 'dist', 'target', 'coverage', '.trainyard'];

/**
 * Files that belong to the repository, relative to its root with `/`, sorted: what git tracks or would track; in a
 * copy without `.git` everything but installed and generated folders.
 */
export function repositoryFiles(): readonly string[] {
  if (existsSync(path.join(REPOSITORY_ROOT, '.git'))) {
    const git = spawnSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: REPOSITORY_ROOT,
      encoding: 'utf8',
      maxBuffer: 64 * 1024 * 1024,
    });
    if (git.status === 0) {
      const names = git.stdout.split('\0').filter((name) => name !== '');
      return [...new Set(names)].filter((name) => existsSync(path.join(REPOSITORY_ROOT, name))).sort();
    }
  }
  const names = globSync(['**/*', '.*', '.*/**/*'], {
    cwd: REPOSITORY_ROOT,
    withFileTypes: true,
    exclude: (entry) => NOT_OURS.includes(entry.name),
  });
  return names
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(REPOSITORY_ROOT, path.join(entry.parentPath, entry.name)))
    .sort();
}
