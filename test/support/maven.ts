import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cached, shortHash } from '../../scripts/lib/cache.ts';
import { mustRun, ownEnvironment } from './hadoop/command.ts';
import { javaHome, requireProgram } from './hadoop/prerequisites.ts';

/** Jars that a pom lists, with all that these need. */
export interface Library {
  /** Of the program that the pom is about. */
  readonly version: string;
  /** Absolute path of the folder with the jars. */
  readonly folder: string;
}

const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
/** The first time brings up to 100 MB. */
const RESOLVE_LIMIT_MS = 15 * 60_000;

/**
 * Jars from Maven, resolved once into the cache (`<name>/<version>-<hash of the pom>`); afterwards neither Maven nor a
 * network is needed.
 *
 * @param name of the program; the pom's property `<name>.version` says its version
 * @throws MissingPrerequisite
 */
export async function mavenLibrary(name: string, pom: string): Promise<Library> {
  const text = await readFile(pom, 'utf8');
  const version = new RegExp(`<${name}\\.version>([\\d.]+)<`).exec(text)?.[1];
  if (version === undefined) throw new Error(`${pom}: no property ${name}.version`);
  const folder = await cached(`${name}/${version}-${shortHash(text)}`, (work) => resolve(name, pom, work));
  return { version, folder: path.join(folder, 'lib') };
}

async function resolve(name: string, pom: string, work: string): Promise<void> {
  console.error(`fetching the jars of ${name} (up to 100 MB) by ${path.basename(pom)}`);
  const args = ['--batch-mode', '--quiet', '--strict-checksums', '--file', pom, COPY_GOAL];
  await mustRun(
    requireProgram('mvn'),
    [...args, `-DoutputDirectory=${path.join(work, 'lib')}`, '-DincludeScope=runtime'],
    { cwd: work, env: { ...ownEnvironment(), JAVA_HOME: javaHome() }, timeoutMs: RESOLVE_LIMIT_MS },
  );
}
