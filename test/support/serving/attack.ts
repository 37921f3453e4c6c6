/**
 * A client that nobody wishes for, as a program: `attack.ts KIND PORT KEY`. Says `attacking` when it has begun, and goes on until it is killed, or
 * its standard input ends, as it does with whoever started it.
 */
import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const ATTACKS = [
  'headers that never end',
  'bodies that never end',
  'broken JSON of 40 MB',
  'CSV of 40 MB',
  'bodies beyond the limit',
  'rows of 100,000 columns',
  'deep JSON',
] as const;
export type Attack = (typeof ATTACKS)[number];

const SLOW_CONNECTIONS = 300;
const SLOW_MS = 250;
const CONNECTIONS = 4;
const LARGE_BYTES = 40e6;
const WIDE_COLUMNS = 100_000;
const DEPTH = 100_000;

if (process.argv[1] === new URL(import.meta.url).pathname) {
  process.stdin.on('end', () => process.exit()).resume();
  const [kind = '', port = '', key = ''] = process.argv.slice(2);
  await attack(kind as Attack, Number(port), key); // a kind that is none is refused by the switch
}

async function attack(kind: Attack, port: number, key: string): Promise<void> {
  console.log('attacking');
  const post = (type: string, length: number): string =>
    `POST /predict/dep_1 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${key}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n`;
  const whole = (type: string, body: string): Buffer => Buffer.from(post(type, Buffer.byteLength(body)) + body);
  switch (kind) {
    case 'headers that never end':
      return slowly(port, 'POST /predict/dep_1 HTTP/1.1\r\nHost: a\r\nX-Slow: ');
    case 'bodies that never end':
      return slowly(port, post('application/json', 1e6));
    case 'broken JSON of 40 MB':
      return again(port, whole('application/json', `[${'{"age":30,"color":"red"},'.repeat(20_000)}${`{"x":"${'y'.repeat(500)}"},`.repeat(70_000)}{"age"}]`)); // prettier-ignore
    case 'CSV of 40 MB':
      return again(port, whole('text/csv', `age,note\n${`30,"${'y'.repeat(500)}"\n`.repeat(LARGE_BYTES / 506)}40`));
    case 'bodies beyond the limit':
      return again(port, whole('application/json', 'x'.repeat(60e6)));
    case 'rows of 100,000 columns': {
      const names = Array.from({ length: WIDE_COLUMNS }, (_, column) => `column ${column}`);
      const row = JSON.stringify(Object.fromEntries(names.map((name) => [name, 1])));
      return again(port, whole('application/json', row), whole('text/csv', `${names.join(',')}\n`));
    }
    case 'deep JSON':
      return again(port, whole('application/json', `[{"age":${'['.repeat(DEPTH)}`));
  }
}

/** Many connections that send a byte now and then, each opened anew when it is closed. */
async function slowly(port: number, beginning: string): Promise<void> {
  await Promise.all(
    Array.from({ length: SLOW_CONNECTIONS }, async () => {
      for (;;) {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.resume();
        socket.write(beginning);
        while (!socket.destroyed && !socket.readableEnded) {
          await sleep(SLOW_MS);
          socket.write('x');
        }
        socket.destroy();
      }
    }),
  );
}

/** A few connections that send these requests by turns, each when the last one is answered or refused. */
async function again(port: number, ...requests: readonly Buffer[]): Promise<void> {
  await Promise.all(
    Array.from({ length: CONNECTIONS }, async (_, start) => {
      for (let turn = start; ; turn += 1) {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('error', () => undefined);
        socket.write(requests[turn % requests.length] ?? '');
        await Promise.race([once(socket, 'data'), once(socket, 'close')]).catch(() => undefined);
        socket.destroy();
      }
    }),
  );
}
