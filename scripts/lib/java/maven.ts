import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../../..');

/** The last characters of Maven's words that an error repeats. */
const WORDS_CHARS_MAX = 4000;
const PROGRAMS = { mvn: 'maven', javac: 'openjdk-17-jdk-headless' } as const;

/** What the machine lacks for Java, as sentences with the Debian package that has it; empty when nothing is missing. */
export function missingForJava(): string[] {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter);
  const home = process.env['JAVA_HOME'];
  if (home !== undefined) folders.push(path.join(home, 'bin'));
  return Object.entries(PROGRAMS)
    .filter(([program]) => !folders.some((folder) => isExecutable(path.join(folder, program))))
    .map(([program, debianPackage]) => `missing: ${program} (Debian package ${debianPackage})`);
}

export interface MavenEnding {
  readonly exitCode: number;
  /** The end of what it wrote. */
  readonly words: string;
}

/**
 * Runs Maven on the Java programs of this tree: without the network first, with it when something has not been fetched
 * yet, so that a second call needs nothing but the local repository.
 */
export async function maven(args: readonly string[]): Promise<MavenEnding> {
  const offline = await runMaven(['--offline', ...args]);
  const lacksFiles = /offline mode|has not been downloaded|is missing, no dependency information/.test(offline.words);
  return offline.exitCode !== 0 && lacksFiles ? runMaven(args) : offline;
}

async function runMaven(args: readonly string[]): Promise<MavenEnding> {
  const child = spawn('mvn', ['--batch-mode', '--quiet', '--strict-checksums', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let words = '';
  const keep = (text: Buffer): void => {
    words = (words + text.toString()).slice(-WORDS_CHARS_MAX);
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  const [code] = (await once(child, 'close')) as [number | null]; // documented arguments of 'close'
  return { exitCode: code ?? 1, words };
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
