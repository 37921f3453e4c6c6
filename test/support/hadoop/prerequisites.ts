import { accessSync, constants, realpathSync } from 'node:fs';
import path from 'node:path';

/** Something that the machine lacks; the message names it and the Debian package that has it. */
export class MissingPrerequisite extends Error {
  override readonly name = 'MissingPrerequisite';
}

const PACKAGES = {
  java: 'openjdk-17-jdk-headless',
  keytool: 'openjdk-17-jdk-headless',
  mvn: 'maven',
  openssl: 'openssl',
  curl: 'curl',
  'apt-get': 'apt',
  dpkg: 'dpkg',
} as const;

/** The absolute path of a program. `java` and `keytool` are taken from JAVA_HOME first, then from PATH. */
export function requireProgram(name: keyof typeof PACKAGES): string {
  const home = process.env['JAVA_HOME'];
  const inHome = home === undefined || !['java', 'keytool'].includes(name) ? [] : [path.join(home, 'bin')];
  const folders = [...inHome, ...(process.env['PATH'] ?? '').split(path.delimiter)];
  const found = folders.map((folder) => path.join(folder, name)).find(isExecutable);
  if (found !== undefined) return found;
  throw new MissingPrerequisite(`missing: ${name} (Debian package ${PACKAGES[name]}), for the Hadoop test clusters`);
}

/** The folder that Hadoop calls JAVA_HOME, of the `java` that runs the clusters. */
export function javaHome(): string {
  return path.dirname(path.dirname(realpathSync(requireProgram('java'))));
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
