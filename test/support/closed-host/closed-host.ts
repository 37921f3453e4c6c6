import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { until } from '../processes.ts';
import type { Asked, Command, Ended, Told } from './protocol.ts';

/** Longest start of a program, milliseconds. */
const START_MS = 30_000;

/** A network namespace with loopback and no route, and a program in it that is started with an empty environment. */
export interface ClosedHost {
  /** Starts a program and waits until it says where it listens; the address. @throws when it ends before, with its lines */
  listening(program: string, words: readonly string[]): Promise<string>;
  /** Starts a program and waits for its end. */
  run(program: string, words: readonly string[]): Promise<Ended>;
  /** One request from inside. @param ca authority in PEM by which an `https:` address is known */
  ask(url: string, call?: Asked, ca?: string): Promise<Told>;
  /** What programs have printed so far. */
  readonly lines: readonly string[];
  stop(): Promise<void>;
  close(): Promise<void>;
}

/** Loopback comes up, and what is reached by it is all that there is. */
const ENTER = 'ip link set lo up && exec "$0" "$@"';
const UNSHARE = ['unshare', '--user', '--map-root-user', '--net'] as const;

/** Why no closed host can be had here; null where it can. */
export function noClosedHost(): string | null {
  const [program, ...words] = UNSHARE;
  const tried = spawnSync(program, [...words, 'sh', '-c', ENTER, 'true'], { encoding: 'utf8' });
  if (tried.status === 0) return null;
  const why = tried.error === undefined ? tried.stderr.trim() : String(tried.error);
  return `no network namespace of one’s own: ${why}`;
}

export function openClosedHost(): ClosedHost {
  const [program, ...words] = UNSHARE;
  const inside = path.join(import.meta.dirname, 'inside.ts');
  const child = spawn(program, [...words, 'sh', '-c', ENTER, process.execPath, inside], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const waiting = new Map<number, (answer: unknown) => void>();
  const lines: string[] = [];
  let ended: Ended | null = null;
  let nextId = 0;
  createInterface({ input: child.stdout }).on('line', (text) => {
    const line = JSON.parse(text) as { id?: number; answer?: unknown; line?: string; ended?: Ended }; // of inside.ts
    if (line.line !== undefined) lines.push(line.line);
    if (line.ended !== undefined) ended = line.ended;
    if (line.id !== undefined) waiting.get(line.id)?.(line.answer);
  });
  const order = (command: Command): Promise<unknown> =>
    new Promise((resolve) => {
      const id = nextId;
      nextId += 1;
      waiting.set(id, resolve);
      child.stdin.write(`${JSON.stringify({ id, command })}\n`);
    });
  const start = (file: string, flags: readonly string[]) => {
    ended = null;
    return order({ do: 'start', program: file, words: flags });
  };
  return {
    lines,
    listening: async (file, flags) => {
      const from = lines.length;
      await start(file, flags);
      return until(
        'the program to listen',
        () => {
          if (ended !== null) throw new Error(lines.slice(from).join('\n'));
          return lines.slice(from).flatMap((line) => /predictions at (https?:\/\/[^/]+)\//.exec(line)?.[1] ?? [])[0];
        },
        START_MS,
      );
    },
    run: async (file, flags) => {
      await start(file, flags);
      return until('the program to end', () => ended, START_MS);
    },
    // Answers are of the types that inside.ts gives them.
    ask: async (url, call = {}, ca) =>
      (await order({ do: 'ask', url, call, ...(ca === undefined ? {} : { ca }) })) as Told,
    stop: async () => {
      await order({ do: 'stop' });
    },
    close: async () => {
      child.stdin.end();
      await exited;
    },
  };
}
