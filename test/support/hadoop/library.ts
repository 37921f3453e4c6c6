import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { cached, shortHash } from '../../../scripts/lib/cache.ts';
import { mustRun, ownEnvironment } from './command.ts';
import { javaHome, requireProgram } from './prerequisites.ts';

/** Which jars: `maven/<name>.xml` lists them. */
export type LibraryName = 'plain' | 'secured';

export interface Library {
  readonly hadoopVersion: string;
  /** Absolute path of the folder with the jars. */
  readonly folder: string;
}

const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies';
/** The first time brings about 100 MB. */
const RESOLVE_LIMIT_MS = 15 * 60_000;

/**
 * Hadoop's jars from Maven, resolved once into the cache (`hadoop/<version>-<hash of the pom>`); afterwards neither
 * Maven nor a network is needed.
 * @throws MissingPrerequisite
 */
export async function hadoopLibrary(name: LibraryName): Promise<Library> {
  const pom = path.join(import.meta.dirname, 'maven', `${name}.xml`);
  const text = await readFile(pom, 'utf8');
  const hadoopVersion = /<hadoop\.version>([\d.]+)</.exec(text)?.[1];
  if (hadoopVersion === undefined) throw new Error(`${pom}: no property hadoop.version`);
  const folder = await cached(`hadoop/${hadoopVersion}-${shortHash(text)}`, (work) => resolve(pom, work));
  return { hadoopVersion, folder: path.join(folder, 'lib') };
}

async function resolve(pom: string, work: string): Promise<void> {
  console.error(`fetching Hadoop's jars (about 100 MB) by ${path.basename(pom)}`);
  const args = ['--batch-mode', '--quiet', '--strict-checksums', '--file', pom, COPY_GOAL];
  await mustRun(
    requireProgram('mvn'),
    [...args, `-DoutputDirectory=${path.join(work, 'lib')}`, '-DincludeScope=runtime'],
    { cwd: work, env: { ...ownEnvironment(), JAVA_HOME: javaHome() }, timeoutMs: RESOLVE_LIMIT_MS },
  );
}
