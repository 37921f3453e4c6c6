import koffi from 'koffi';
import { AppError } from '#contracts';

/** @see linux/prctl.h */
const PR_SET_PDEATHSIG = 1;
const SIGKILL = 9;

/**
 * Has the kernel kill this process when its parent's thread ends, however it ends: also by SIGKILL, and also while this
 * process is inside a native call that never returns to the event loop. Linux only.
 *
 * @param parentPid the parent as it was when this process was started; if it is gone already, this process ends
 * @throws NATIVE_LIBRARY when the call is not there or is refused
 * @see man prctl, PR_SET_PDEATHSIG
 */
export function dieWithParent(parentPid: number): void {
  const prctl = prctlOf();
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) !== 0)
    throw new AppError('NATIVE_LIBRARY', `prctl(PR_SET_PDEATHSIG) was refused, errno ${koffi.errno()}`);
  // The parent may have died before the call: the kernel does not tell afterwards.
  if (process.ppid !== parentPid) process.kill(process.pid, 'SIGKILL');
}

/**
 * Gives memory that the C library holds free, also in the midst of its heaps, back to the system. Some milliseconds.
 *
 * @throws NATIVE_LIBRARY when the call is not there
 * @see man malloc_trim
 */
export function trimMemory(): void {
  trim ??= symbolOf<(kept: number) => number>('malloc_trim', 'int malloc_trim(size_t)');
  trim(0);
}

let trim: ((kept: number) => number) | undefined;

/**
 * Ends this process at once with an exit code: from any thread, also while another one is deep in native code. Nothing is closed,
 * flushed or told, and no destructor of a native library runs.
 *
 * @throws NATIVE_LIBRARY when the call is not there
 * @see man _exit
 */
export function endProcess(code: number): never {
  symbolOf<(status: number) => void>('_exit', 'void _exit(int)')(code);
  throw new AppError('INTERNAL', '_exit came back');
}

type Prctl = (option: number, argument: number, unused3: number, unused4: number, unused5: number) => number;

const prctlOf = (): Prctl =>
  symbolOf<Prctl>('prctl', 'int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)');

/** A function of the C library, by its prototype. @throws NATIVE_LIBRARY when it is not there */
export function symbolOf<F>(name: string, prototype: string): F {
  try {
    // null is the running program itself, in which the C library is loaded already.
    const symbol: unknown = koffi.load(null).func(prototype);
    return symbol as F; // declared by the prototype
  } catch (err) {
    throw new AppError('NATIVE_LIBRARY', `${name} of the C library cannot be called`, { cause: err });
  }
}
