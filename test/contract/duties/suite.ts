import { once, EventEmitter } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { AppError } from '#contracts';
import { newId, systemClock, type Clock } from '#runtime';
import { appendAuditEvent, lead, listAudit, now, setWakeUp, stillLeads, type Database } from '#store';
import {
  createDuty,
  reaperDuty,
  schedulerDuty,
  startDuties,
  sweeperDuty,
  type Duty,
  type DutyRunner,
} from '../../../appserver/server/duties/index.ts';
import { LEASE_MS, QUEUE_CONFIG, SILENT_LOGGER, World, type TestStore } from '../queue/world.ts';

/** Two replicas' connections to one database. */
export interface TwoReplicas {
  readonly first: TestStore;
  readonly second: TestStore;
}

const LEADER_MS = 1_000;
const RETENTION = { jobsDays: 90, logDays: 30, uploadDays: 7 };

export function dutiesSuite(name: string, open: (clock: 'system' | 'simulated') => Promise<TwoReplicas>): void {
  describe(`duties: ${name}`, function () {
    this.timeout(30_000);
    let replicas: TwoReplicas;
    let world: World;
    const runners: DutyRunner[] = [];

    async function arrange(clock: 'system' | 'simulated'): Promise<void> {
      replicas = await open(clock);
      world = await World.open(replicas.first);
    }
    afterEach(async () => {
      for (const runner of runners.splice(0)) await runner.close();
      await world.close();
      await replicas.first.close();
      await replicas.second.close();
    });
    function start(database: Database, duties: Duty[], holder = newId('server')): DutyRunner {
      const runner = startDuties(duties, { database, logger: SILENT_LOGGER, holder, leaseMs: LEADER_MS });
      runners.push(runner);
      return runner;
    }

    it('are run by one replica at a time, and by the other when it leaves', async () => {
      await arrange('system');
      const ran = new EventEmitter();
      let running = 0;
      let most = 0;
      const duty = (who: string) =>
        createDuty({
          name: 'test',
          intervalMs: 1,
          async run() {
            running += 1;
            most = Math.max(most, running);
            await delay(2);
            running -= 1;
            ran.emit(who);
            ran.emit('any');
          },
        });
      const first = start(replicas.first.database, [duty('first')]);
      await once(ran, 'first');
      start(replicas.second.database, [duty('second')]);
      // Longer than a leadership lasts: the first one renews it.
      const until = performance.now() + 1.5 * LEADER_MS;
      let intruded = false;
      ran.on('second', () => (intruded = true));
      while (performance.now() < until) await once(ran, 'first');
      expect(intruded).to.equal(false);
      const leftAt = performance.now();
      await first.close();
      await once(ran, 'second');
      expect(performance.now() - leftAt, 'it was given up, not waited out').to.be.below(LEADER_MS * 3);
      expect(most).to.equal(1);
    });

    it('are woken by the news that they ask for, long before their next run', async () => {
      await arrange('system');
      const ran = new EventEmitter();
      const duty = createDuty({
        name: 'test',
        intervalMs: 600_000,
        wokenBy: 'task-ready',
        run: () => Promise.resolve(void ran.emit('run')),
      });
      const first = once(ran, 'run');
      start(replicas.first.database, [duty]);
      await first;
      const second = once(ran, 'run');
      await replicas.first.database.transaction((trx) => Promise.resolve(trx.signal('task-ready', 'task_1')));
      await second; // the time limit of the test fails it otherwise
    });

    it('pass over from a leader that is dead, with a higher fence', async () => {
      await arrange('simulated');
      const dead = await lead(replicas.first.database, 'test', 'dead', 5_000);
      expect(dead).to.deep.equal({ duty: 'test', holder: 'dead', fence: 1 });
      expect(await lead(replicas.second.database, 'test', 'next', 5_000)).to.equal(null);
      expect(await lead(replicas.first.database, 'test', 'dead', 5_000)).to.deep.equal(dead);
      await world.advance(5_001);
      const next = await lead(replicas.second.database, 'test', 'next', 5_000);
      expect(next).to.deep.equal({ duty: 'test', holder: 'next', fence: 2 });
      if (dead === null || next === null) throw new Error('both led in their time');
      await world.database.transaction(async (trx) => {
        expect(await stillLeads(trx, dead)).to.equal(false);
        expect(await stillLeads(trx, next)).to.equal(true);
      });
    });

    it('tell a run that takes long that its leadership is lost', async () => {
      await arrange('system');
      const begun = new EventEmitter();
      const lost = new Promise<void>((resolve) => {
        const duty = createDuty({
          name: 'test',
          intervalMs: 1,
          async run({ signal }) {
            if (!signal.aborted) {
              begun.emit('run');
              await once(signal, 'abort');
            }
            resolve();
          },
        });
        start(replicas.first.database, [duty], 'frozen');
      });
      await once(begun, 'run');
      // What happens while a process is frozen: its lease ends, another one leads.
      await replicas.second.database.knex('leader').where({ duty: 'test' }).update({ lease_until: 0 });
      expect((await lead(replicas.second.database, 'test', 'other', 60_000))?.fence).to.equal(2);
      await lost;
    });

    it('stop a run whose leadership could not be renewed, and go on when the database is back', async () => {
      await arrange('system');
      const { database } = replicas.first;
      let silent = false;
      const away = {
        ...database,
        get knex() {
          if (silent) throw new AppError('DATABASE_UNAVAILABLE', 'away');
          return database.knex;
        },
      } as Database;
      const events = new EventEmitter();
      let runs = 0;
      const duty = createDuty({
        name: 'test',
        intervalMs: 1,
        async run({ signal }) {
          runs += 1;
          if (runs === 1) {
            silent = true;
            await once(signal, 'abort');
            silent = false;
          } else if (!signal.aborted) events.emit('back');
        },
      });
      const back = once(events, 'back');
      start(away, [duty]);
      await back;
      expect(runs).to.be.at.least(2);
    });

    it('of a replica that does not lead are asked for as often as before once an outage is over', async () => {
      await arrange('system');
      const { database } = replicas.second;
      await lead(replicas.first.database, 'test', 'leader', 60_000);
      const outage = 4;
      const pauses: number[] = [];
      let asked = 0;
      const shaky = {
        ...database,
        get knex() {
          asked += 1;
          if (asked <= outage) throw new AppError('DATABASE_UNAVAILABLE', 'away');
          return database.knex;
        },
      } as Database;
      const calm = new EventEmitter();
      const clock: Clock = {
        ...systemClock,
        async pause(ms, signal) {
          pauses.push(ms);
          if (pauses.length === outage + 3) calm.emit('calm');
          await systemClock.pause(1, signal);
        },
      };
      const ended = once(calm, 'calm');
      const duty = createDuty({ name: 'test', intervalMs: 1, run: async () => undefined });
      const options = { database: shaky, logger: SILENT_LOGGER, holder: 'standby', leaseMs: LEADER_MS, clock };
      runners.push(startDuties([duty], options));
      await ended;
      expect(pauses[outage - 1], 'while nobody answers').to.equal(LEADER_MS);
      for (const pauseMs of pauses.slice(outage)) expect(pauseMs).to.equal(LEADER_MS / 3);
    });

    it('go on after an error', async () => {
      await arrange('system');
      const ran = new EventEmitter();
      let count = 0;
      const duty = createDuty({
        name: 'test',
        intervalMs: 1,
        async run() {
          count += 1;
          if (count < 3) throw new Error('by accident');
          ran.emit('run');
        },
      });
      start(replicas.first.database, [duty]);
      await once(ran, 'run');
      expect(count).to.be.at.least(3);
    });

    it('reap expired leases', async () => {
      await arrange('simulated');
      const worker = await world.addWorker();
      const task = await world.addTask();
      await world.take(worker);
      const reaper = reaperDuty(world.queue, QUEUE_CONFIG);
      const context = await contextOf('reaper');
      await reaper.run(context);
      await world.advance(LEASE_MS + 1);
      // Another reaper had just run: this one only reaps.
      await world.database
        .knex('leader')
        .where({ duty: 'reaper' })
        .update({ ticked_at: now(world.database) });
      await reaper.run(context);
      expect(await world.task(task.id)).to.include({ state: 'READY', losses: 1 });
    });

    it('extend all leases first when no reaper ran for a lease: nobody could beat', async () => {
      await arrange('simulated');
      const worker = await world.addWorker();
      const task = await world.addTask();
      const claimed = await world.take(worker);
      await reaperDuty(world.queue, QUEUE_CONFIG).run(await contextOf('reaper'));
      // All app servers are away for ten leases. Then one starts.
      await world.advance(10 * LEASE_MS);
      const started = reaperDuty(world.queue, QUEUE_CONFIG);
      await started.run(await contextOf('reaper'));
      expect((await world.beat(claimed)).directive).to.equal('continue');
      expect(await world.task(task.id)).to.include({ state: 'LEASED', losses: 0 });
      // Now it is there, and silence counts again.
      await world.advance(LEASE_MS + 1);
      await world.database
        .knex('leader')
        .where({ duty: 'reaper' })
        .update({ ticked_at: now(world.database) });
      await started.run(await contextOf('reaper'));
      expect(await world.task(task.id)).to.include({ state: 'READY', losses: 1 });
    });

    it('wake up who asked for it, once, in one transaction, and again when the handler failed', async () => {
      await arrange('simulated');
      const { database } = world;
      const calls: string[] = [];
      let broken = false;
      const handlers = {
        test: async (_trx: unknown, key: string) => {
          calls.push(key);
          if (broken) throw new Error('not now');
        },
      };
      const duty = schedulerDuty({ queue: world.queue, handlers });
      const context = await contextOf('scheduler');
      await setWakeUp(database, { topic: 'test', key: 'soon' }, now(database, 1_000));
      await setWakeUp(database, { topic: 'test', key: 'never' }, now(database, 1_000));
      await setWakeUp(database, { topic: 'test', key: 'never' }, null);
      await setWakeUp(database, { topic: 'nobody', key: 'x' }, now(database, 1_000));
      await duty.run(context);
      expect(calls).to.deep.equal([]);
      await world.advance(1_000);
      await duty.run(context);
      await duty.run(context);
      expect(calls).to.deep.equal(['soon']);
      broken = true;
      await setWakeUp(database, { topic: 'test', key: 'later' }, now(database));
      await duty.run(context);
      await duty.run(context);
      expect(calls).to.deep.equal(['soon', 'later']);
      broken = false;
      await world.advance(5_000);
      await duty.run(context);
      await duty.run(context);
      expect(calls).to.deep.equal(['soon', 'later', 'later']);
    });

    it('give up overdue tasks', async () => {
      await arrange('simulated');
      const task = await world.addTask({ deadlineAt: 1 });
      await schedulerDuty({ queue: world.queue, handlers: {} }).run(await contextOf('scheduler'));
      expect(await world.task(task.id)).to.include({ state: 'FAILED' });
    });

    it('sweep old events, silent workers and seals that are no result', async () => {
      await arrange('simulated');
      const worker = await world.addWorker();
      const task = await world.addTask();
      const claimed = await world.take(worker);
      await world.seal(claimed, [{ name: 'missing', sizeBytes: 1, sha256: 'a'.repeat(64) }]);
      await world.commit(claimed);
      await world.cancelTask(task.id);
      const kept = await world.addTask();
      await world.seal(await world.take(worker));
      const counts = async () => ({
        events: (await world.database.knex('outbox')).length,
        workers: (await world.database.knex('worker')).length,
        seals: (await world.database.knex('task_seal')).length,
      });
      expect(await counts()).to.deep.equal({ events: 1, workers: 1, seals: 2 });
      await sweeperDuty(RETENTION).run(await contextOf('sweeper'));
      expect(await counts()).to.deep.equal({ events: 1, workers: 1, seals: 1 });
      await world.advance(8 * 24 * 3_600_000);
      await sweeperDuty(RETENTION).run(await contextOf('sweeper'));
      // The worker still holds a task: its row stays.
      expect(await counts()).to.deep.equal({ events: 0, workers: 1, seals: 1 });
      await world.queue.reap();
      await world.queue.close();
      expect((await world.task(kept.id)).state).to.equal('SUCCEEDED');
      await sweeperDuty(RETENTION).run(await contextOf('sweeper'));
      expect((await counts()).workers).to.equal(0);
    });

    it('sweep what operators changed a month ago, and keep what they changed since', async () => {
      await arrange('simulated');
      const change = (subject: string) =>
        world.database.transaction((trx) =>
          appendAuditEvent(trx, { event: 'worker.drained', subject, detail: 'by user u1' }),
        );
      await change('old');
      await world.advance(1);
      await change('young');
      await world.advance(30 * 24 * 3_600_000);
      await sweeperDuty(RETENTION).run(await contextOf('sweeper'));
      expect((await listAudit(world.database, { limit: 10 })).items.map(({ subject }) => subject)).to.deep.equal([
        'young',
      ]);
    });

    async function contextOf(duty: string): Promise<Parameters<Duty['run']>[0]> {
      const leadership = await lead(world.database, duty, 'tester', 3_600_000_000);
      if (leadership === null) throw new Error('nobody else leads');
      const signal = new AbortController().signal;
      return { database: world.database, logger: SILENT_LOGGER, leadership, signal };
    }
  });
}
