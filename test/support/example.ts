import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { REPOSITORY_ROOT } from './repository.ts';

/** Runs `examples/NAME/run` as a user would, expects that it succeeds, and returns what it printed. */
export async function runExample(name: string, args: readonly string[] = []): Promise<string> {
  const run = path.join(REPOSITORY_ROOT, 'examples', name, 'run');
  const child = spawn(run, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const closed = once(child, 'close') as Promise<[code: number | null]>; // as `close` is declared
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
  expect(code, `${output}\n${errors}`).to.equal(0);
  return output;
}
