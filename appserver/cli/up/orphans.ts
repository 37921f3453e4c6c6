import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { AppError } from '#contracts';
import { programFile, type Logger } from '#runtime';

/** How long the programs of an `up` that was killed may take to end, and how often they are looked for, milliseconds. */
const ORPHANS_MS = 30_000;
const ORPHANS_POLL_MS = 50;

/**
 * Waits until no program of an earlier `up` runs on the data folder any more. One that was killed leaves programs that
 * end by themselves, once they notice; until then they hold the ports and write into the folder.
 *
 * @throws CONFLICT naming the processes that do not end: stopped ones, or such as were started by hand
 */
export async function waitForOrphans(dataDir: string, logger: Logger, timeoutMs = ORPHANS_MS): Promise<void> {
  const until = performance.now() + timeoutMs;
  for (let isFirst = true; ; isFirst = false) {
    const pids = programsOn(dataDir);
    if (pids.length === 0) return;
    if (isFirst) logger.warn('orphans', 'waiting for the programs of an earlier up to end', { pids, dataDir });
    if (performance.now() > until)
      throw new AppError('CONFLICT', `data folder ${dataDir} is used by processes ${pids.join(', ')}; end them first`);
    await delay(ORPHANS_POLL_MS);
  }
}

/** Programs that `up` starts; each is told the data folder by a flag. */
const FILES = (['server', 'worker', 'prediction-server', 'monitor'] as const).map((name) => programFile(name));

function programsOn(dataDir: string): number[] {
  const flag = `--dataDir=${dataDir}`;
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid))
    .filter((pid) => {
      const command = commandOf(pid);
      return command.includes(flag) && FILES.some((file) => command.includes(file));
    });
}

/** Words of a process's command line; none for one that has ended. @see proc(5), /proc/[pid]/cmdline */
function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it ended while it was read
  }
}
