import { AppError } from '#contracts';
import { parseArguments, kebab, type Arguments, type FlagSpecs } from './arguments.ts';
import type { ApiClient } from './api-client.ts';
import type { Output } from './output.ts';

/** What a command gets besides its own arguments. */
export interface CommandContext {
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  /** The client is made when first asked for, so that commands without a server need no key. */
  readonly api: () => ApiClient;
}

/** One command of the command line. Returns the exit code; 0 only for success. */
export interface Command {
  /** Its words, e.g. `datasets add`. */
  readonly path: string;
  readonly usage: string;
  readonly summary: string;
  readonly flags: FlagSpecs;
  /** A program that is configured by configuration keys, `--data-dir` among them. */
  readonly isService: boolean;
  run(argv: readonly string[], context: CommandContext): Promise<number>;
}

/** Declares a command with typed flags. */
export function command<F extends FlagSpecs>(spec: {
  path: string;
  usage?: string;
  summary: string;
  flags: F;
  wordsMax?: number;
  run: (args: Arguments<F>, context: CommandContext) => Promise<number | undefined>;
}): Command {
  return {
    path: spec.path,
    usage: spec.usage ?? '',
    summary: spec.summary,
    flags: spec.flags,
    isService: false,
    run: async (argv, context) => {
      const args = parseArguments(argv, spec.flags, spec.wordsMax ?? 0);
      return (await spec.run(args, context)) ?? 0;
    },
  };
}

/** The one word that a command needs. @throws BAD_REQUEST naming what is missing */
export function requiredWord(words: readonly string[], what: string): string {
  const word = words[0];
  if (word === undefined || word === '') throw new AppError('BAD_REQUEST', `${what} is missing`);
  return word;
}

/** A flag that a command needs. @throws BAD_REQUEST naming it */
export function requiredFlag<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new AppError('BAD_REQUEST', `--${kebab(name)} is missing`);
  return value;
}
