import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { createInterface } from 'node:readline';
import type { Asked, Command, Ended, Told } from './protocol.ts';

/**
 * Runs in a network namespace of its own: starts a program with an empty environment, and speaks to it over loopback, where the
 * test cannot come. Commands on standard input; answers, and the program's lines, on standard output.
 */
const tell = (line: unknown): void => void process.stdout.write(`${JSON.stringify(line)}\n`);
let program: ChildProcess | null = null;

function start(file: string, words: readonly string[]): { pid: number | undefined } {
  // No PATH, no HOME, no standard input.
  program = spawn(file, words, { env: {}, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'] });
  for (const stream of [program.stdout, program.stderr])
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => tell({ line }));
  program.once('close', (code, signal) => tell({ ended: { code, signal } satisfies Ended }));
  return { pid: program.pid };
}

function ask(url: string, ca: string | undefined, { headers = {}, body }: Asked): Promise<Told> {
  return new Promise((resolve) => {
    const transport = url.startsWith('https:') ? https : http;
    const options = { method: body === undefined ? 'GET' : 'POST', headers, ...(ca === undefined ? {} : { ca }) };
    const request = transport.request(url, options, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() }));
    });
    request.on('error', (err) => resolve({ status: 0, text: String(err) }));
    request.end(body);
  });
}

async function stop(): Promise<null> {
  if (program !== null && program.exitCode === null && program.signalCode === null) {
    const closed = once(program, 'close');
    program.kill('SIGTERM');
    await closed;
  }
  return null;
}

async function run(command: Command): Promise<unknown> {
  switch (command.do) {
    case 'start':
      return start(command.program, command.words);
    case 'ask':
      return ask(command.url, command.ca, command.call);
    case 'stop':
      return stop();
  }
}

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, command } = JSON.parse(line) as { id: number; command: Command }; // of the test that started this
    void run(command).then((answer) => tell({ id, answer }));
  })
  .on('close', () => void stop().then(() => process.exit(0)));
