import { close, write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import koffi from 'koffi';
import { AppError } from '#contracts';
import { symbolOf } from './process.ts';

const O_CLOEXEC = 0o2000000;
const F_SETPIPE_SZ = 1031;
const FIONREAD = 0x541b;
/** More than the usual 64 KiB, so that reader and writer change places less often. */
const PIPE_BYTES = 1024 * 1024;
const POLL_MS = 1;

const closeFile = promisify(close);

interface Calls {
  readonly pipe2: (ends: Int32Array, flags: number) => number;
  readonly fcntl: (file: number, command: number, argument: number) => number;
  readonly ioctl: (file: number, request: number, out: Int32Array) => number;
}

let calls: Calls | undefined;

const callsOf = (): Calls =>
  (calls ??= {
    pipe2: symbolOf('pipe2', 'int pipe2(int *ends, int flags)'),
    fcntl: symbolOf('fcntl', 'int fcntl(int file, int command, int argument)'),
    ioctl: symbolOf('ioctl', 'int ioctl(int file, unsigned long request, void *out)'),
  });

/** A pipe that a library reads by the name of a file, opening it as often as it likes. */
export interface NamedPipe {
  /** For this process alone. */
  readonly path: string;
  /** Done when all bytes are in the pipe. Rejects with EPIPE when it was closed for reading. */
  write(bytes: Uint8Array): Promise<void>;
  /** Done when all that was written has been read. */
  drained(): Promise<void>;
  /** Nothing more will be written: who reads comes to the end. */
  endWriting(): Promise<void>;
  /** Nobody will read any more: a writer that waits is told so. */
  endReading(): Promise<void>;
}

/**
 * @throws NATIVE_LIBRARY where the kernel refuses one
 * @see man pipe, proc_pid_fd
 */
export function openNamedPipe(): NamedPipe {
  const { pipe2, fcntl, ioctl } = callsOf();
  const ends = new Int32Array(2);
  if (pipe2(ends, O_CLOEXEC) !== 0) throw new AppError('NATIVE_LIBRARY', `a pipe was refused, errno ${koffi.errno()}`);
  const [reading = -1, writing = -1] = ends;
  // Refused above a user's limit: then it stays as it is.
  fcntl(writing, F_SETPIPE_SZ, PIPE_BYTES);
  const open = new Set([reading, writing]);
  const end = async (file: number): Promise<void> => {
    if (open.delete(file)) await closeFile(file);
  };
  const waiting = new Int32Array(1);
  return {
    path: `/proc/self/fd/${reading}`,
    write: (bytes) => writeAll(writing, bytes),
    drained: async () => {
      while (open.has(reading) && ioctl(reading, FIONREAD, waiting) === 0 && (waiting[0] ?? 0) > 0)
        await sleep(POLL_MS);
    },
    endWriting: () => end(writing),
    endReading: () => end(reading),
  };
}

async function writeAll(file: number, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) {
    const from = at;
    at += await new Promise<number>((resolve, reject) => {
      write(file, bytes, from, bytes.length - from, null, (err, written) => {
        if (err === null) resolve(written);
        else reject(err);
      });
    });
  }
}
