import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { AppError, fromProblem, type Problem } from '#contracts';
import type { ProgramName } from '#runtime';
import type { JsonObject } from './api-client.ts';
import type { CommandContext } from './command.ts';
import { programArguments } from './up/programs.ts';

/** A line of the program's standard output. */
type Message =
  | { readonly progress: { readonly fraction: number; readonly text: string } }
  | { readonly result: JsonObject }
  | { readonly problem: Problem };

/**
 * Runs a program that does one piece of work, and shows how far it is. It ends with this process.
 *
 * @param flags its own flags and configuration keys
 * @throws the program's own error; SHUTTING_DOWN when it was killed
 */
export async function runProgramToEnd(
  name: ProgramName,
  verb: string,
  flags: Readonly<Record<string, string>>,
  { output, signal }: CommandContext,
): Promise<JsonObject> {
  const child = spawn(process.execPath, programArguments(name, flags, [verb]), {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, TRAINYARD_PARENT_WATCH: '1' },
  });
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  process.once('SIGTERM', stop);
  const bar = output.progress(verb);
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const message = JSON.parse(line) as Message; // our own program's
      if ('problem' in message) throw fromProblem(message.problem);
      if ('result' in message) return message.result;
      bar.update(message.progress.fraction, message.progress.text);
    }
    throw new AppError('SHUTTING_DOWN', `the ${verb} was killed before it was finished`);
  } finally {
    signal.removeEventListener('abort', stop);
    process.off('SIGTERM', stop);
    child.stdin.end();
  }
}
