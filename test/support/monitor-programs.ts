import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { programFile } from '#runtime';

/** Monitors as programs of their own, to be killed. */
export class MonitorPrograms {
  readonly #children = new Set<ChildProcess>();

  /** @param flags configuration keys with their values */
  start(flags: Readonly<Record<string, string>>, failpoints = ''): ChildProcess {
    const words = Object.entries(flags).flatMap(([key, value]) => [`--${key}`, value]);
    const child = spawn(process.execPath, [programFile('monitor'), ...words], {
      env: { PATH: process.env['PATH'], TRAINYARD_FAILPOINTS: failpoints },
      stdio: 'ignore',
    });
    this.#children.add(child);
    return child;
  }

  async end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async killAll(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.end(child, 'SIGKILL')));
    this.#children.clear();
  }
}
