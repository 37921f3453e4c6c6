import { createHash } from 'node:crypto';
import { globSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { cached } from '../cache.ts';
import { maven, missingForJava, ROOT } from './maven.ts';

/** Everything that has to lie beside each other where the application master runs. */
export interface ApplicationMasterFiles {
  /** Our own classes, below 100 kB. */
  readonly jar: string;
  /** Hadoop's shaded client and what that needs besides, about 50 MB. */
  readonly clientJars: readonly string[];
}

const MODULE = 'yarn-workers/application-master';
const JAR = 'application-master.jar';

/**
 * The application master's jar, built from this tree into the cache (`application-master/<hash of the sources>`), and
 * Hadoop's client jars (`hadoop-client/<hash of the poms>`). What is there already is not built again; the same sources
 * give the same bytes.
 * @throws Error with Maven's words, or naming the program that is missing
 */
export async function buildApplicationMaster(): Promise<ApplicationMasterFiles> {
  const poms = ['pom.xml', `${MODULE}/pom.xml`];
  const sources = globSync(`${MODULE}/src/main/**/*.java`, { cwd: ROOT }).sort();
  const clientFolder = await cached(`hadoop-client/${hashOf(poms)}`, (work) =>
    mustRun([
      'org.apache.maven.plugins:maven-dependency-plugin:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${work}`,
    ]),
  );
  const jarFolder = await cached(`application-master/${hashOf([...poms, ...sources])}`, async (work) => {
    await mustRun(['package', '-Dmaven.test.skip=true', `-Dtrainyard.target=${path.join(work, 'target')}`]);
    renameSync(path.join(work, 'target', JAR), path.join(work, JAR));
    rmSync(path.join(work, 'target'), { recursive: true });
  });
  const clientJars = readdirSync(clientFolder).sort();
  return { jar: path.join(jarFolder, JAR), clientJars: clientJars.map((name) => path.join(clientFolder, name)) };
}

async function mustRun(args: readonly string[]): Promise<void> {
  const missing = missingForJava();
  if (missing.length > 0) throw new Error(missing.join('; '));
  const { exitCode, words } = await maven(['--projects', MODULE, ...args]);
  if (exitCode !== 0) throw new Error(`mvn ${args.join(' ')} ended with code ${exitCode}:\n${words}`);
}

/** SHA-256 over names and bytes, the first 12 hex digits. */
function hashOf(files: readonly string[]): string {
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(readFileSync(path.join(ROOT, file)));
  return hash.digest('hex').slice(0, 12);
}
