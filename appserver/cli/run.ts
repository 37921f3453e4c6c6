import { AppError, ERROR_TABLE, isAppError, toAppError, toProblem } from '#contracts';
import { kebab } from './arguments.ts';
import { ApiClient, connectionOf } from './api-client.ts';
import type { Command } from './command.ts';
import { COMMANDS } from './commands.ts';
import { createOutput, type Output, type OutputStreams } from './output.ts';

/** What every command understands besides its own flags. */
const GLOBAL_FLAGS = { '--url': 'url', '--api-key': 'apiKey', '--data-dir': 'dataDir', '--ca-file': 'caFile' } as const;
type GlobalFlags = { [K in (typeof GLOBAL_FLAGS)[keyof typeof GLOBAL_FLAGS]]?: string } & { json: boolean };

const CONNECTION_DEFAULTS = { url: undefined, apiKey: undefined, dataDir: undefined };

export interface RunOptions extends OutputStreams {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}

/** Runs one command line; returns the exit code: 0 only for success, else by the kind of failure (docs/errors.md). */
export async function run(argv: readonly string[], options: RunOptions): Promise<number> {
  const found = findCommand(argv);
  if (found === null) return help(argv, options);
  const { global, rest } = found.command.isService ? serviceFlags(found.rest) : takeGlobalFlags(found.rest);
  const output = createOutput(options, global.json);
  let client: ApiClient | null = null;
  try {
    if (rest.includes('--help')) {
      output.result({ usage: usageOf(found.command) }, () => usageOf(found.command));
      return 0;
    }
    const api = () =>
      (client ??= new ApiClient({
        ...connectionOf({ ...CONNECTION_DEFAULTS, ...global, env: options.env }),
        signal: options.signal,
      }));
    return await found.command.run(rest, { output, env: options.env, signal: options.signal, api });
  } catch (err) {
    return fail(err, output, options);
  } finally {
    (client as ApiClient | null)?.close(); // assigned inside a closure
  }
}

/** The command whose words the line begins with; the longest wins. */
function findCommand(argv: readonly string[]): { command: Command; rest: string[] } | null {
  const matches = COMMANDS.filter(({ path }) => path.split(' ').every((word, index) => argv[index] === word));
  const best = matches.toSorted((a, b) => b.path.length - a.path.length)[0];
  return best === undefined ? null : { command: best, rest: argv.slice(best.path.split(' ').length) };
}

/** Services keep --data-dir for themselves; only --json is taken away. */
function serviceFlags(argv: readonly string[]): { global: GlobalFlags; rest: string[] } {
  return { global: { json: argv.includes('--json') }, rest: argv.filter((word) => word !== '--json') };
}

function takeGlobalFlags(argv: readonly string[]): { global: GlobalFlags; rest: string[] } {
  const global: GlobalFlags = { json: false };
  const rest: string[] = [];
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    const [name = '', ...value] = word.split('=');
    if (word === '--json') global.json = true;
    else if (Object.hasOwn(GLOBAL_FLAGS, name)) {
      const key = GLOBAL_FLAGS[name as keyof typeof GLOBAL_FLAGS]; // hasOwn has just shown it
      const text = value.length > 0 ? value.join('=') : argv[(index += 1)];
      if (text !== undefined) global[key] = text;
    } else rest.push(word);
  }
  return { global, rest };
}

function fail(err: unknown, output: Output, { err: stderr }: OutputStreams): number {
  const error = toAppError(err);
  if (output.json) stderr.write(`${JSON.stringify(toProblem(error, null, true))}\n`);
  else {
    stderr.write(`trainyard: ${error.message} (${error.code})\n`);
    for (const { path, message } of error.errors) stderr.write(`  ${path}: ${message}\n`);
    stderr.write(`  ${ERROR_TABLE[error.code].remedy}\n`);
  }
  return ERROR_TABLE[error.code].exitCode;
}

function usageOf(command: Command): string {
  const flags = Object.entries(command.flags).map(
    ([name, spec]) => `  --${kebab(name).padEnd(18)} ${spec.description}`,
  );
  return [`trainyard ${command.path} ${command.usage}`.trimEnd(), `  ${command.summary}`, ...flags].join('\n');
}

function help(argv: readonly string[], options: RunOptions): number {
  const asked = argv.length === 0 || argv[0] === 'help' || argv[0] === '--help';
  const prefix = argv[0] ?? '';
  const near = COMMANDS.filter(({ path }) => path.startsWith(`${prefix} `));
  const shown = !asked && near.length > 0 ? near : COMMANDS;
  const width = Math.max(...shown.map(({ path }) => path.length));
  const text = [
    'trainyard COMMAND [--json] [--url URL] [--ca-file FILE] [--api-key KEY] [--data-dir DIR]',
    '',
    ...shown.map(({ path, summary }) => `  ${path.padEnd(width)}  ${summary}`),
    '',
    'trainyard COMMAND --help shows its flags.',
  ].join('\n');
  if (asked) {
    options.out.write(`${text}\n`);
    return 0;
  }
  const err = new AppError('BAD_REQUEST', `there is no command ${JSON.stringify(argv.slice(0, 2).join(' '))}`);
  options.err.write(`trainyard: ${err.message}\n${text}\n`);
  return isAppError(err) ? ERROR_TABLE[err.code].exitCode : 1;
}
