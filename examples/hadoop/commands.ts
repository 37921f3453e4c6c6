import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const ROOT = path.resolve(import.meta.dirname, '../..');

export interface ProgramOptions {
  /** Added to the environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** @default [0] */
  readonly codes?: readonly number[];
}

/** Runs a program of the source tree; what it wrote to standard output. @throws Error with its words for other exit codes */
export async function program(
  name: string,
  words: readonly string[],
  { env = {}, codes = [0] }: ProgramOptions = {},
): Promise<string> {
  const child = spawn(path.join(ROOT, 'scripts', name), words, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  const closed = once(child, 'close') as Promise<[code: number | null]>; // as `close` is declared
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  if (code !== null && codes.includes(code)) return output;
  throw new Error(`scripts/${name} ${words.join(' ')} ended with ${String(code)}\n${output}\n${errors}`);
}

/** The command line of Trainyard as one types it, each command and its answer shown. */
export class CommandLine {
  readonly #config: string;
  readonly #env: Readonly<Record<string, string>>;

  /** `env`: address and key of whoever types. */
  constructor(config: string, env: Readonly<Record<string, string>> = {}) {
    this.#config = config;
    this.#env = env;
  }

  /** @throws Error unless it exits with 0 */
  run(...words: readonly string[]): Promise<void> {
    return this.#show(words, [0]);
  }

  /** A command about the installation itself, with the app servers' configuration. @throws Error unless it exits with 0 */
  hadoop(verb: string, ...words: readonly string[]): Promise<void> {
    return this.#show(['hadoop', verb, ...words, `--config=${this.#config}`], [0]);
  }

  /** `hadoop doctor`, which may find problems: then it exits with 1. */
  doctor(...words: readonly string[]): Promise<void> {
    return this.#show(['hadoop', 'doctor', ...words, `--config=${this.#config}`], [0, 1]);
  }

  async #show(words: readonly string[], codes: readonly number[]): Promise<void> {
    console.log(`\n$ trainyard ${words.map(shortened).join(' ')}`);
    console.log((await program('trainyard', words, { env: this.#env, codes })).trimEnd());
  }
}

/** Folders of this machine are long and differ from run to run. */
const shortened = (word: string): string =>
  word.startsWith('hdfs://')
    ? word
    : word.replaceAll(/\/[^,=]*\/([^/,]+)/g, (whole, name: string) => (whole.startsWith('/trainyard') ? whole : name));
