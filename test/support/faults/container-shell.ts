import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Sites } from '../hadoop/index.ts';
import { until } from '../processes.ts';

/** A container whose shell took what was armed. */
export interface Victim {
  readonly containerId: string;
  /** Of the shell, and by `exec` of the worker that it becomes. */
  readonly pid: number;
}

/**
 * Sourced by the shells in which YARN starts a container. The last of them, which has the worker's command on its own
 * command line and is replaced by it, takes the armed commands, if there are any: the first one only, since it renames them.
 */
const script = (folder: string): string => `[ -n "$BASH_EXECUTION_STRING" ] || return 0
unset BASH_ENV
if [ -n "$TRAINYARD_WORKER_POOL" ] && mv "${folder}/armed" "${folder}/$CONTAINER_ID.sh" 2>/dev/null; then
  echo $$ >"${folder}/$CONTAINER_ID.new" && mv "${folder}/$CONTAINER_ID.new" "${folder}/$CONTAINER_ID.pid"
  . "${folder}/$CONTAINER_ID.sh"
fi
`;

/**
 * Commands for the shell of the next worker's container, brought there as an administrator brings variables to all
 * containers: by the NodeManagers' `yarn.nodemanager.admin-env`. The product knows nothing of it.
 */
export class ContainerShell {
  readonly #folder: string;

  /** @param folder of the test; made when it is not there */
  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
    writeFileSync(path.join(folder, 'container.sh'), script(folder));
  }

  /** What the cluster must be started with. */
  get properties(): Sites {
    return { 'yarn-site': { 'yarn.nodemanager.admin-env': `BASH_ENV=${this.#folder}/container.sh` } };
  }

  /** The next worker's container runs these commands before the worker. Returns what waits for it. */
  arm(commands: string): () => Promise<Victim> {
    const before = new Set(this.#taken());
    const prepared = path.join(this.#folder, 'preparing');
    writeFileSync(prepared, `${commands}\n`);
    renameSync(prepared, path.join(this.#folder, 'armed'));
    return () =>
      until(
        'a container that took what was armed',
        () => {
          const file = this.#taken().find((name) => !before.has(name));
          if (file === undefined) return null;
          const pid = Number(readFileSync(path.join(this.#folder, file), 'utf8'));
          return { containerId: file.slice(0, -'.pid'.length), pid };
        },
        60_000,
      );
  }

  /** The same with failpoints of the worker and its first task child. */
  armFailpoints(failpoints: string): () => Promise<Victim> {
    return this.arm(`export TRAINYARD_FAILPOINTS='${failpoints}'`);
  }

  /** Whether nobody has taken yet what was armed. */
  get isArmed(): boolean {
    return existsSync(path.join(this.#folder, 'armed'));
  }

  #taken(): string[] {
    return readdirSync(this.#folder).filter((name) => name.endsWith('.pid'));
  }
}
