import { readFileSync } from 'node:fs';
import { mkdir, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { cached, shortHash } from '../../../scripts/lib/cache.ts';
import { mustRun, ownEnvironment } from './command.ts';
import { requireProgram } from './prerequisites.ts';

/** Where Debian keeps libraries of this processor, below `usr/lib`. */
export const TRIPLET = 'x86_64-linux-gnu';
const FETCH_LIMIT_MS = 5 * 60_000;

/**
 * Folder with Debian packages of the machine's release, unpacked and not installed, from the cache
 * (`<name>/<release>-<hash of the list>`), which apt fills the first time.
 * @throws MissingPrerequisite
 */
export function debianPackages(name: string, packages: readonly string[]): Promise<string> {
  return cached(`${name}/${releaseName()}-${shortHash(packages.join(' '))}`, (work) => fetch(work, name, packages));
}

/** Libraries fit the release they were built for. */
function releaseName(): string {
  const text = readFileSync('/etc/os-release', 'utf8');
  const field = (key: string): string => new RegExp(`^${key}="?([\\w.]+)"?$`, 'm').exec(text)?.[1] ?? 'unknown';
  return `${field('ID')}-${field('VERSION_ID')}`;
}

/** With package lists of its own: root is not needed, and those of the machine may be old or missing. */
async function fetch(work: string, name: string, packages: readonly string[]): Promise<void> {
  console.error(`fetching the Debian packages of ${name}`);
  const apt = path.join(work, 'apt');
  for (const folder of ['lists/partial', 'cache/archives/partial', 'debs']) {
    await mkdir(path.join(apt, folder), { recursive: true });
  }
  const settings = [`Dir::State::lists=${apt}/lists`, `Dir::Cache=${apt}/cache`, 'APT::Sandbox::User=root'];
  const flags = ['-q', ...settings.flatMap((text) => ['-o', text])];
  const inDebs = { cwd: path.join(apt, 'debs'), env: ownEnvironment(), timeoutMs: FETCH_LIMIT_MS };
  await mustRun(requireProgram('apt-get'), [...flags, 'update'], inDebs);
  await mustRun(requireProgram('apt-get'), [...flags, 'download', ...packages], inDebs);
  for (const file of await readdir(inDebs.cwd)) {
    await mustRun(requireProgram('dpkg'), ['-x', file, work], inDebs);
  }
  await rm(apt, { recursive: true });
}
