import { AppError } from '#contracts';
import type { AppServer } from './app-server.ts';
import type { History } from './history.ts';
import type { Passage } from './network.ts';
import { currentProcess, never, type SimulatedProcess } from './process.ts';
import type { Random } from './random.ts';
import { isInTransaction, type DatabaseFaults } from './shared-database.ts';
import type { VirtualTime } from './virtual-time.ts';
import type { WorkerHost } from './worker-host.ts';

/** The 14 steps of a worker, as its failpoints name them. */
export const WORKER_STEPS = [
  'worker.register',
  'worker.claim.sent',
  'worker.claim.answered',
  'worker.start',
  'worker.read',
  'worker.bin',
  'worker.iterate',
  'worker.write',
  'worker.close',
  'worker.manifest',
  'worker.reread',
  'worker.seal',
  'worker.commit.sent',
  'worker.commit.answered',
] as const;

/** What happens at a step: the worker dies, stops beyond its lease, its next answer is lost, its next message comes twice. */
export const STEP_FAULTS = ['crash', 'pause', 'lost', 'doubled'] as const;
export type StepFault = (typeof STEP_FAULTS)[number];

/** The steps that the task child takes: a crash may be the child's alone. */
const CHILD_STEPS: readonly string[] = WORKER_STEPS.slice(4, 11);

export interface NemesisOptions {
  readonly time: VirtualTime;
  readonly random: Random;
  readonly history: History;
  readonly hosts: readonly WorkerHost[];
  readonly servers: () => readonly AppServer[];
  readonly restartServer: (server: AppServer) => void;
  readonly leaseMs: number;
  /** Picks the step and the fault that this run tries most. */
  readonly focus: number;
  /** Where it is given, all faults of all steps are tried in turn instead of that: passes of each step so far. */
  readonly rotation: Map<string, number> | null;
  /** What users and operators do; called now and then. */
  readonly meddle: (random: Random) => string;
}

/** In a rotation the first passes of a step meet all its faults, so often each; later ones those by chance. */
const ROTATION_ROUNDS = 2;
/** How likely the focus and each other fault is when a step is passed; iterations are passed often. */
const FOCUS_CHANCE = 0.25;
const FOCUS_ITERATION_CHANCE = 0.06;
const STEP_CHANCE = 0.006;
const SERVER_CRASH_CHANCE = 0.002;
const SERVER_ERROR_CHANCE = 0.002;
const SERVER_PAUSE_CHANCE = 0.002;
/** A worker that has decided to send stops for a time before it does; what it knew is old then. */
const SEND_PAUSE_CHANCE = 0.004;
const END_SEND_PAUSE_CHANCE = 0.03;
const MESSAGE_LOST_CHANCE = 0.01;
const MESSAGE_DOUBLED_CHANCE = 0.01;
/** No network keeps a message longer; the workers' leaving waits for as much and for one long poll. */
const MESSAGE_LIFE_MS_MAX = 60_000;
const COMMIT_ANSWER_LOST_CHANCE = 0.003;
/** Mean time between two faults of the surroundings. */
const SURROUNDINGS_MS_MEAN = 25_000;
const MEDDLE_MS_MEAN = 15_000;

/** Makes everything go wrong that may, from one seed, and counts it. */
export class Nemesis {
  readonly counts = new Map<string, number>();
  readonly database: DatabaseFaults;
  readonly #options: NemesisOptions;
  readonly #random: Random;
  readonly #focusStep: string;
  readonly #focusFault: StepFault;
  readonly #rotation: Map<string, number> | null;
  /** Pairs of processes that do not hear each other, until when. */
  readonly #cuts = new Map<string, number>();
  /** What happens to the next message of a worker. */
  readonly #nextMessage = new Map<SimulatedProcess, StepFault>();
  #databaseAwayUntilMs = 0;
  #lastServerFaultMs = -Infinity;
  #isActive = true;

  constructor(options: NemesisOptions) {
    const { focus, random } = options;
    this.#rotation = options.rotation;
    this.#options = options;
    this.#random = random;
    this.#focusStep = WORKER_STEPS[focus % WORKER_STEPS.length] ?? '';
    this.#focusFault = STEP_FAULTS[Math.floor(focus / WORKER_STEPS.length) % STEP_FAULTS.length] ?? 'crash';
    this.database = {
      delayMs: () => (this.#isActive && random.chance(0.02) ? random.exponential(400) : random.exponential(2)),
      isAvailable: () => options.time.nowMs >= this.#databaseAwayUntilMs,
      losesAnswer: () =>
        this.#isActive && random.chance(COMMIT_ANSWER_LOST_CHANCE) && this.#count('commit-answer-lost'),
    };
  }

  /** Begins the faults that come by themselves. */
  start(): void {
    const again = (mean: number, act: () => void): void => {
      this.#options.time.after(this.#random.exponential(mean), () => {
        if (!this.#isActive) return;
        act();
        again(mean, act);
      });
    };
    again(SURROUNDINGS_MS_MEAN, () => this.#harmSurroundings());
    again(MEDDLE_MS_MEAN, () => this.#count(this.#options.meddle(this.#random)));
  }

  /** No more faults; what is cut is joined. */
  stop(): void {
    this.#isActive = false;
    this.#cuts.clear();
    this.#nextMessage.clear();
    this.#databaseAwayUntilMs = 0;
  }

  /** Milliseconds since the database and all app servers were last disturbed. */
  get calmMs(): number {
    const { time, servers } = this.#options;
    if (!this.database.isAvailable() || servers().some(({ process }) => process.isFrozen || process.isDead)) return 0;
    return time.nowMs - this.#lastServerFaultMs;
  }

  isCut(a: SimulatedProcess, b: SimulatedProcess): boolean {
    const until = this.#cuts.get(`${hostOf(a)}|${hostOf(b)}`) ?? this.#cuts.get(`${hostOf(b)}|${hostOf(a)}`) ?? 0;
    return until > this.#options.time.nowMs;
  }

  /** A worker is about to send: it may stop here, between what it has decided and what it does. */
  beforeSending(process: SimulatedProcess, verb: string): void {
    const isEnd = verb === 'seal' || verb === 'commit' || verb === 'fail';
    if (!this.#isActive || !this.#random.chance(isEnd ? END_SEND_PAUSE_CHANCE : SEND_PAUSE_CHANCE)) return;
    this.#count(`${isEnd ? verb : 'statement'} sent late`);
    this.#note(process.name, 'stops before sending', verb);
    process.freeze(this.#pauseMs());
  }

  /** What becomes of a message; a fault that was set at a step comes first. */
  passage(from: SimulatedProcess): Passage {
    const random = this.#random;
    const passage = {
      requestMs: random.exponential(4),
      answerMs: random.exponential(4),
      isRequestLost: false,
      isAnswerLost: false,
      repeatedAfterMs: null as number | null,
    };
    if (!this.#isActive) return passage;
    const set = this.#nextMessage.get(from);
    this.#nextMessage.delete(from);
    if (random.chance(0.03)) passage.requestMs += random.exponential(this.#options.leaseMs / 2);
    if (set === 'lost') passage.isAnswerLost = true;
    else if (random.chance(MESSAGE_LOST_CHANCE)) {
      if (random.chance(0.5)) passage.isRequestLost = true;
      else passage.isAnswerLost = true;
      this.#count('message-lost');
    }
    const isDoubled = set === 'doubled' || (random.chance(MESSAGE_DOUBLED_CHANCE) && this.#count('message-doubled'));
    if (isDoubled)
      passage.repeatedAfterMs = random.chance(0.5)
        ? random.exponential(50)
        : Math.min(random.exponential(2 * this.#options.leaseMs), MESSAGE_LIFE_MS_MAX);
    return passage;
  }

  /** Called by every failpoint of the product. */
  async atFailpoint(name: string): Promise<void> {
    const process = currentProcess();
    if (process === null) return;
    if (name.startsWith('worker.')) await this.#atWorkerStep(process, name);
    else await this.#atServerPoint(process, name);
  }

  async #atWorkerStep(process: SimulatedProcess, name: string): Promise<void> {
    await process.pass();
    if (!this.#isActive) return;
    const fault = this.#drawStepFault(name);
    if (fault === null) return;
    this.#count(`${name} ${fault}`);
    this.#note(process.name, fault, name);
    switch (fault) {
      case 'crash': {
        const host = this.#options.hosts.find((one) => one.process === process);
        if (CHILD_STEPS.includes(name) && this.#random.chance(0.5)) host?.killChild();
        else host?.kill();
        break;
      }
      case 'pause':
        process.freeze(this.#pauseMs());
        break;
      case 'lost':
      case 'doubled':
        this.#nextMessage.set(process, fault);
        break;
    }
    await process.pass();
  }

  #drawStepFault(name: string): StepFault | null {
    const turn = this.#rotation === null ? null : this.#nextInRotation(name, this.#rotation);
    if (turn !== null) return turn;
    const focusChance = name === 'worker.iterate' ? FOCUS_ITERATION_CHANCE : FOCUS_CHANCE;
    if (this.#rotation === null && name === this.#focusStep && this.#random.chance(focusChance))
      return this.#focusFault;
    return this.#random.chance(STEP_CHANCE) ? this.#random.pick(STEP_FAULTS) : null;
  }

  #nextInRotation(name: string, passes: Map<string, number>): StepFault | null {
    const pass = passes.get(name) ?? 0;
    passes.set(name, pass + 1);
    return pass < ROTATION_ROUNDS * STEP_FAULTS.length ? (STEP_FAULTS[pass % STEP_FAULTS.length] ?? null) : null;
  }

  /** Usually beyond the lease, sometimes not. */
  #pauseMs(): number {
    const { leaseMs } = this.#options;
    return this.#random.chance(0.75) ? leaseMs * this.#random.between(1.05, 3) : this.#random.exponential(leaseMs / 4);
  }

  async #atServerPoint(process: SimulatedProcess, name: string): Promise<void> {
    // An open transaction takes no virtual time: there a process dies or goes on.
    const isOpen = isInTransaction();
    if (!isOpen) await process.pass();
    if (!this.#isActive || process.isDead) return;
    const chance = this.#random.next();
    if (chance < SERVER_CRASH_CHANCE) {
      this.#count(`${name} crash`);
      this.#crashServer(process);
      if (isOpen) throw new Error('the process died: its transaction rolls back');
      await never();
    } else if (chance < SERVER_CRASH_CHANCE + SERVER_ERROR_CHANCE) {
      this.#count(`${name} error`);
      throw new AppError('DATABASE_UNAVAILABLE', `an error was put at ${name}`);
    } else if (!isOpen && chance < SERVER_CRASH_CHANCE + SERVER_ERROR_CHANCE + SERVER_PAUSE_CHANCE) {
      this.#count(`${name} pause`);
      this.#freezeServer(process);
      await process.pass();
    }
  }

  #harmSurroundings(): void {
    const { hosts, servers, time } = this.#options;
    const random = this.#random;
    const host = random.pick(hosts);
    const server = random.pick(servers());
    switch (random.below(8)) {
      case 0:
        this.#count('worker-killed');
        this.#note(host.name, 'killed');
        host.kill();
        break;
      case 1:
        this.#count('worker-frozen');
        host.process?.freeze(this.#pauseMs());
        break;
      case 2:
        this.#count('worker-stopped');
        host.stop();
        break;
      case 3:
        this.#count('server-killed');
        this.#crashServer(server.process);
        break;
      case 4:
        this.#count('server-frozen');
        this.#freezeServer(server.process);
        break;
      case 5:
      case 6: {
        this.#count('partition');
        const whole = random.chance(0.3);
        for (const other of servers()) {
          if (whole || other === server)
            this.#cuts.set(
              `${host.name}|${hostOf(other.process)}`,
              time.nowMs + random.exponential(this.#options.leaseMs),
            );
        }
        break;
      }
      default:
        this.#count('database-away');
        this.#note('database', 'away');
        this.#databaseAwayUntilMs = time.nowMs + random.exponential(8_000);
        this.#disturbServers(this.#databaseAwayUntilMs);
    }
  }

  #crashServer(process: SimulatedProcess): void {
    const server = this.#options.servers().find((one) => one.process === process);
    if (server === undefined || process.isDead) return;
    this.#note(process.name, 'killed');
    process.kill();
    this.#disturbServers(this.#options.time.nowMs);
    this.#options.restartServer(server);
  }

  #freezeServer(process: SimulatedProcess): void {
    const ms = this.#random.exponential(12_000);
    this.#note(process.name, 'frozen', String(Math.round(ms)));
    process.freeze(ms);
    this.#disturbServers(this.#options.time.nowMs + ms);
  }

  #disturbServers(untilMs: number): void {
    this.#lastServerFaultMs = Math.max(this.#lastServerFaultMs, untilMs);
  }

  #note(who: string, what: string, detail = ''): void {
    this.#options.history.note(who, `!! ${what}`, null, detail);
  }

  #count(kind: string): true {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    return true;
  }
}

/** Processes of one host have its name before the dot. */
const hostOf = ({ name }: SimulatedProcess): string => name.slice(0, name.indexOf('.'));
