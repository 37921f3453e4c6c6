import path from 'node:path';
import { mavenLibrary } from '../maven.ts';

/** Which jars: `maven/<name>.xml` lists them. */
export type LibraryName = 'plain' | 'secured';

export interface Library {
  readonly hadoopVersion: string;
  /** Absolute path of the folder with the jars. */
  readonly folder: string;
}

/**
 * Hadoop's jars from Maven, kept in the cache: see `mavenLibrary`.
 * @throws MissingPrerequisite
 */
export async function hadoopLibrary(name: LibraryName): Promise<Library> {
  const { version, folder } = await mavenLibrary('hadoop', path.join(import.meta.dirname, 'maven', `${name}.xml`));
  return { hadoopVersion: version, folder };
}
