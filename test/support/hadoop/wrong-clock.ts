import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { debianPackages, TRIPLET } from './debian-packages.ts';

/** The clock of one process, which can be set wrong while it runs. */
export interface WrongClock {
  /** For {@link Daemon.start}. */
  readonly env: Readonly<Record<string, string>>;
  /** Difference to the machine's clock, seen within a second. */
  set(offsetSeconds: number): Promise<void>;
}

/**
 * A clock by libfaketime (Debian package, about 40 kB, from the cache): what the process is told of the time of day is
 * shifted; what it waits by is not, or Java's timers would stand still.
 *
 * @param folder where the file with the offset lies
 * @see faketime(1)
 */
export async function wrongClock(folder: string, name: string, offsetSeconds: number): Promise<WrongClock> {
  const root = await debianPackages('libfaketime', ['libfaketime']);
  const file = path.join(folder, `${name}.clock`);
  const set = (seconds: number): Promise<void> => writeFile(file, `${seconds < 0 ? '' : '+'}${seconds}`);
  await set(offsetSeconds);
  return {
    env: {
      LD_PRELOAD: path.join(root, 'usr/lib', TRIPLET, 'faketime/libfaketimeMT.so.1'),
      FAKETIME_TIMESTAMP_FILE: file,
      // Looking at the file with each call would make a JVM ten times slower.
      FAKETIME_CACHE_DURATION: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: '1',
      NO_FAKE_STAT: '1',
    },
    set,
  };
}
