import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a program that ran to its end has said. */
export interface Answer {
  /** Exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  readonly cwd: string;
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  /** Its standard input. @default '' */
  readonly input?: string;
  /** Milliseconds until it is killed. @default 120_000 */
  readonly timeoutMs?: number;
}

/** Runs a program to its end. @throws Error when it cannot start or is not done in time */
export async function runCommand(command: string, args: readonly string[], options: CommandOptions): Promise<Answer> {
  const { cwd, env, input = '', timeoutMs = 120_000 } = options;
  const child = spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  child.stdin.on('error', () => undefined); // a program may end without reading it
  child.stdin.end(input);
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, timeoutMs);
  try {
    const [code] = (await once(child, 'close')) as [number | null]; // documented arguments of 'close'
    if (late) throw new Error(`${command} ${args.join(' ')} was not done in ${timeoutMs} ms\n${tailOf(output.stderr)}`);
    return { code, ...output };
  } finally {
    clearTimeout(timer);
  }
}

/** As {@link runCommand}, but any end other than exit code 0 is an error that carries the program's last words. */
export async function mustRun(command: string, args: readonly string[], options: CommandOptions): Promise<Answer> {
  const answer = await runCommand(command, args, options);
  if (answer.code === 0) return answer;
  const words = tailOf(`${answer.stdout}\n${answer.stderr}`.trim());
  throw new Error(`${command} ${args.join(' ')} ended with code ${answer.code ?? 'none'}\n${words}`);
}

const TAIL_CHARS = 3000;

/** The end of a long text. */
export function tailOf(text: string): string {
  return text.slice(-TAIL_CHARS);
}

/** The environment of this process. */
export function ownEnvironment(): Record<string, string> {
  const entries = Object.entries(process.env);
  return Object.fromEntries(entries.flatMap(([key, text]) => (text === undefined ? [] : [[key, text]])));
}
