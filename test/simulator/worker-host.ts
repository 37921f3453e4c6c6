import type { ObjectStore } from '#object-store';
import type { Config, Logger } from '#runtime';
import { ProtocolClient } from '../../yarn-workers/worker/supervisor/protocol-client.ts';
import { startWorker, type Worker } from '../../yarn-workers/worker/supervisor/worker.ts';
import type { Network } from './network.ts';
import { SimulatedProcess } from './process.ts';
import type { Random } from './random.ts';
import { SimulatedChild } from './sim-child.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { PlannedTask } from './workload.ts';

export const POOL_SECRET = 'pool-secret-of-the-simulator';

export interface WorkerHostOptions {
  readonly name: string;
  readonly time: VirtualTime;
  readonly random: Random;
  readonly network: Network;
  readonly config: Config;
  readonly logger: Logger;
  /** The object store as this worker's process sees it. */
  readonly storeOf: (process: SimulatedProcess) => ObjectStore;
  readonly planOf: (taskId: string) => PlannedTask;
  readonly onOwnFault: (taskId: string, fence: number) => void;
  readonly onBrokenCheckpoint: (taskId: string, fence: number, path: string) => void;
}

/** Clocks of hosts are off by up to an hour and run up to 200 millionths too fast or slow. */
const OFFSET_MS_MAX = 3_600_000;
const DRIFT_MAX = 200e-6;
/** What starts workers (a supervisor of processes, YARN) needs so long. */
const RESTART_MS_MIN = 500;
const RESTART_MS_MAX = 8_000;

/** A machine on which a worker runs: the real supervisor with a simulated child, started again whenever it has ended. */
export class WorkerHost {
  readonly name: string;
  readonly #options: WorkerHostOptions;
  readonly #offsetMs: number;
  readonly #rate: number;
  #process: SimulatedProcess | null = null;
  #worker: Worker | null = null;
  #child: SimulatedChild | null = null;
  #starts = 0;
  #isClosing = false;

  constructor(options: WorkerHostOptions) {
    this.name = options.name;
    this.#options = options;
    this.#offsetMs = OFFSET_MS_MAX * (1 + options.random.between(-1, 1));
    this.#rate = 1 + options.random.between(-DRIFT_MAX, DRIFT_MAX);
  }

  get process(): SimulatedProcess | null {
    return this.#process;
  }

  start(): void {
    const { time, random, network, config, logger, storeOf, planOf, onOwnFault, onBrokenCheckpoint } = this.#options;
    this.#starts += 1;
    const process = new SimulatedProcess({
      name: `${this.name}.${this.#starts}`,
      time,
      random: random.split(`clock ${this.#starts}`),
      offsetMs: this.#offsetMs,
      rate: this.#rate,
    });
    this.#process = process;
    const child = new SimulatedChild({
      process,
      random: random.split(`child ${this.#starts}`),
      store: storeOf(process),
      memoryBytesLimit: config.worker.memoryBytes,
      planOf,
      onOwnFault,
      onBrokenCheckpoint,
    });
    this.#child = child;
    process.run(() => {
      const { clock } = process;
      const http = network.transport(process);
      const worker = startWorker({
        config,
        logger,
        poolSecret: POOL_SECRET,
        child,
        client: new ProtocolClient({ baseUrl: config.worker.serverUrl, clock, http }),
        clock,
        memoryBytesOf: () => child.memoryBytes,
      });
      this.#worker = worker;
      worker.ended.then(
        () => this.#restart(process),
        () => this.#restart(process),
      );
    });
  }

  /** Kills the worker with its child. */
  kill(): void {
    const process = this.#process;
    if (process === null || process.isDead) return;
    process.kill();
    this.#restart(process);
  }

  /** Kills the child alone. */
  killChild(): void {
    this.#child?.kill();
  }

  /** Asks the worker to end, as by SIGTERM. */
  stop(): void {
    const worker = this.#worker;
    this.#process?.deliver(() => void worker?.close());
  }

  /** Asks it to end and does not start it again. */
  close(): void {
    this.#isClosing = true;
    this.stop();
  }

  #restart(process: SimulatedProcess): void {
    if (process !== this.#process || this.#isClosing) return;
    process.kill();
    this.#process = null;
    const { time, random } = this.#options;
    time.after(random.between(RESTART_MS_MIN, RESTART_MS_MAX), () => {
      if (this.#process === null && !this.#isClosing) this.start();
    });
  }
}
