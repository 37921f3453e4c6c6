import { expect } from 'chai';
import { AppError } from '#contracts';
import { createLogger, type Clock } from '#runtime';
import {
  appendAuditEvent,
  listAudit,
  OTHER_SUBJECTS,
  REFUSAL_SUBJECTS_MAX,
  trimRefusals,
  type AuditRecord,
  type Database,
} from '#store';
import { Refusals } from '../../../appserver/server/queue/refusals.ts';
import type { Stage } from './stage.ts';
import { SILENT_LOGGER } from './world.ts';

const MINUTE_MS = 60_000;
const wrongToken = () => new AppError('LEASE_TOKEN_INVALID', 'the lease token secret-token is not the one of task t');

/** A clock that stands until it is moved; what was asked for waits. */
class StandingClock implements Clock {
  nowMs = 0;
  readonly waiting = new Set<() => void>();
  monotonicMs = () => this.nowMs;
  after = (_ms: number, act: () => void) => {
    this.waiting.add(act);
    return () => void this.waiting.delete(act);
  };
  every = () => () => undefined;
  pause = () => Promise.resolve();
  random = () => 0;
}

/** How refused statements are counted. */
export function refusalsCases(stage: Stage): void {
  describe('refused statements', () => {
    const openRefusals = (options: { clock?: Clock; log?: string[]; database?: Database } = {}) => {
      const { clock, log, database = stage.world.database } = options;
      const logger =
        log === undefined ? SILENT_LOGGER : createLogger({ program: 'test', write: (line) => log.push(line) });
      return new Refusals({ database, logger, ...(clock === undefined ? {} : { clock }) });
    };
    const audit = async (): Promise<AuditRecord[]> => (await listAudit(stage.world.database, { limit: 1_000 })).items;
    const shown = async () => (await audit()).map(({ at: _at, detail: _detail, event: _event, ...rest }) => rest);

    it('are counted by the minute of the database, by statement, code and the task or worker if there is one', async () => {
      const { world, worker } = stage;
      const task = await world.addTask();
      const refusals = openRefusals();
      for (let time = 0; time < 3; time += 1) refusals.note('beat', wrongToken(), task.id);
      await refusals.flush();
      refusals.note('beat', wrongToken(), task.id);
      refusals.note('claim', new AppError('UNAUTHENTICATED', 'x'), worker.id);
      refusals.note('register', new AppError('POOL_SECRET_INVALID', 'x'), '');
      await refusals.flush();
      const rows = [
        { statement: 'beat', code: 'LEASE_TOKEN_INVALID', subject: task.id, count: 4 },
        { statement: 'claim', code: 'UNAUTHENTICATED', subject: worker.id, count: 1 },
        { statement: 'register', code: 'POOL_SECRET_INVALID', subject: null, count: 1 },
      ];
      expect(await shown()).to.have.deep.members(rows);
      await world.advance(MINUTE_MS);
      refusals.note('beat', wrongToken(), task.id);
      await refusals.flush();
      expect((await shown())[0], 'the newest first').to.deep.equal({ ...rows[0], count: 1 });
      expect(refusals.totals()[0]).to.deep.equal({ statement: 'beat', code: 'LEASE_TOKEN_INVALID', count: 5 });
      expect(await trimRefusals(world.database, MINUTE_MS - 1, 10)).to.equal(3);
      expect(await shown()).to.have.length(1);
    });

    it('name nobody who does not exist, nor any text of the request', async () => {
      const refusals = openRefusals();
      for (const subject of ['task_unknown', 'secret-token', 'a\0b', `'; drop table task; --`, 'x'.repeat(300)]) {
        refusals.note('beat', wrongToken(), subject);
      }
      const errors = [{ path: '/secretTokenThatIsLongerThanAnyNameOfAFieldOfOurs', message: 'is not a known field' }];
      refusals.note('seal', new AppError('VALIDATION_FAILED', 'body: secret-token', { errors }), '');
      const known = [{ path: '/files/0/sha256', message: 'must match; found "secret-token"' }];
      refusals.note('commit', new AppError('VALIDATION_FAILED', 'body: secret-token', { errors: known }), '');
      await refusals.flush();
      const rows = await audit();
      expect(rows.map(({ subject }) => subject)).to.deep.equal([null, null, null]);
      expect(rows.find(({ statement }) => statement === 'beat')?.count).to.equal(5);
      expect(JSON.stringify(rows)).not.to.match(/secret-?token/i);
      expect(JSON.stringify(rows)).to.include('/files/0/sha256');
    });

    it('tell only so many subjects apart in a minute', async () => {
      const { world } = stage;
      const refusals = openRefusals();
      const extra = 5;
      const ids = [];
      for (let index = 0; index < REFUSAL_SUBJECTS_MAX + extra; index += 1) ids.push((await world.addWorker()).id);
      for (const id of ids) refusals.note('claim', new AppError('WORKER_DRAINING', 'x'), id);
      await refusals.flush();
      const rows = await shown();
      expect(rows).to.have.length(REFUSAL_SUBJECTS_MAX + 1);
      expect(rows.find(({ subject }) => subject === OTHER_SUBJECTS)?.count).to.equal(extra);
      for (const id of ids) refusals.note('claim', new AppError('WORKER_DRAINING', 'x'), id);
      await refusals.flush();
      expect((await shown()).reduce((sum, { count }) => sum + count, 0)).to.equal(2 * ids.length);
      expect(await shown()).to.have.length(REFUSAL_SUBJECTS_MAX + 1);
    });

    it('are counted out of everybody’s way: a flood is one write, and an outage loses nothing', async () => {
      const { world } = stage;
      const clock = new StandingClock();
      let isDown = true;
      let writes = 0;
      const database: Database = {
        ...world.database,
        transaction: (fn) => {
          writes += 1;
          if (isDown) return Promise.reject(new AppError('DATABASE_UNAVAILABLE', 'gone'));
          return world.database.transaction(fn);
        },
      };
      const refusals = openRefusals({ clock, database });
      for (let index = 0; index < 10_000; index += 1) refusals.note('beat', wrongToken(), `task_${index}`);
      expect(writes, 'nothing is written before its time').to.equal(0);
      expect(clock.waiting.size).to.equal(1);
      await refusals.flush();
      expect(writes).to.equal(1);
      expect(await audit()).to.deep.equal([]);
      isDown = false;
      refusals.note('beat', wrongToken(), 'one more');
      await refusals.flush();
      expect(await shown()).to.have.deep.members([
        { statement: 'beat', code: 'LEASE_TOKEN_INVALID', subject: null, count: 200 },
        { statement: 'beat', code: 'LEASE_TOKEN_INVALID', subject: OTHER_SUBJECTS, count: 9_801 },
      ]);
    });

    it('are logged once a minute per kind', async () => {
      const clock = new StandingClock();
      const log: string[] = [];
      const refusals = openRefusals({ clock, log });
      const noteAll = () => {
        for (let time = 0; time < 5; time += 1) {
          refusals.note('beat', wrongToken(), '');
          refusals.note('seal', wrongToken(), '');
        }
      };
      noteAll();
      expect(log).to.have.length(2);
      clock.nowMs = MINUTE_MS - 1;
      noteAll();
      expect(log).to.have.length(2);
      clock.nowMs = MINUTE_MS;
      noteAll();
      expect(log).to.have.length(4);
      expect(log.join('\n')).to.include('"count":11').and.not.to.include('secret-token');
      await refusals.flush();
    });

    it('are not what the server itself could not do, nor what is to come again later', async () => {
      const refusals = openRefusals();
      for (const code of [
        'DATABASE_UNAVAILABLE',
        'INTERNAL',
        'STORE_UNAVAILABLE',
        'RATE_LIMITED',
        'TIMEOUT',
      ] as const) {
        refusals.note('commit', new AppError(code, 'x'), '');
      }
      await refusals.flush();
      expect(await audit()).to.deep.equal([]);
      expect(refusals.totals()).to.deep.equal([]);
    });

    it('are results too that do not verify: refused, charged, counted, and the task goes on elsewhere', async () => {
      const { world, worker, other } = stage;
      const task = await world.addTask();
      const liar = await world.take(worker);
      await world.seal(liar, [{ name: 'manifest.json', sizeBytes: 3, sha256: 'a'.repeat(64) }]);
      expect(await world.commit(liar)).to.deep.equal({ state: 'READY' });
      await world.queue.close();
      expect(await shown()).to.deep.equal([
        { statement: 'commit', code: 'RESULT_MISMATCH', subject: task.id, count: 1 },
      ]);
      await world.advance(600_000);
      const honest = await world.take(other);
      await world.seal(honest);
      expect(await world.commit(honest)).to.deep.equal({ state: 'SUCCEEDED' });
    });

    it('are listed with what operators changed, page by page', async () => {
      const { world } = stage;
      const refusals = openRefusals();
      for (let index = 0; index < 3; index += 1) {
        await world.advance(MINUTE_MS);
        refusals.note('beat', wrongToken(), '');
        await refusals.flush();
        const event = { event: 'worker.drained', subject: `worker_${index}`, detail: 'by user u1' };
        await world.database.transaction((trx) => appendAuditEvent(trx, event));
      }
      const seen: AuditRecord[] = [];
      let cursor: string | null = null;
      do {
        const page = await listAudit(world.database, { limit: 2, cursor });
        expect(page.items.length).to.be.within(1, 2);
        seen.push(...page.items);
        cursor = page.next;
      } while (cursor !== null);
      expect(seen).to.deep.equal(await audit());
      expect(seen.map(({ event }) => event).sort()).to.deep.equal([
        ...Array<string>(3).fill('worker.drained'),
        ...Array<string>(3).fill('worker.refused'),
      ]);
      expect(seen.map(({ at }) => at)).to.deep.equal(seen.map(({ at }) => at).sort((a, b) => b - a));
    });
  });
}
