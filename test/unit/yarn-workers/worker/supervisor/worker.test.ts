import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { isAppError } from '#contracts';
import { armFailpoints } from '#runtime';
import { Harness, MIB, scriptedTask } from '../support/harness.ts';
import { CERTIFICATE, type Verb } from '../support/fake-app-server.ts';

describe('worker: supervisor against a fake app server', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = new Harness();
    await harness.open();
  });
  afterEach(async () => {
    armFailpoints('');
    await harness.close();
    expect(harness.server.violations).to.deep.equal([]);
  });
  const verbs = (...wanted: Verb[]) =>
    harness.server.statements.filter(({ verb }) => wanted.includes(verb)).map(({ verb }) => verb);
  const detailOf = (index = 0) =>
    harness.server.of('fail')[index]?.body as { blame: string; problem: { code: string; detail: string } };

  it('registers, claims, starts, seals, commits, each with the right token and fence', async () => {
    const { server } = harness;
    harness.worker();
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('commit') === 1);
    expect(verbs('register', 'claim', 'start', 'seal', 'commit').slice(0, 5)).to.deep.equal([
      'register',
      'claim',
      'start',
      'seal',
      'commit',
    ]);
    expect(server.of('register')[0]?.token).to.equal('pool-secret');
    expect(server.of('claim')[0]?.token).to.equal('worker-token');
    for (const verb of ['start', 'seal', 'commit'] as const) {
      expect(server.of(verb)[0]?.token).to.equal('lease-token');
      expect(server.of(verb)[0]?.body['fence']).to.equal(3);
    }
    await server.until(() => server.count('claim') === 2);
    expect(server.of('claim')[1]?.body['cachedDatasets']).to.deep.equal(['d1']);
  });

  it('repeats a claim whose answer was lost with the same request id and gets the same task', async () => {
    const { server } = harness;
    server.rule = (verb, count) => (verb === 'claim' && count < 2 ? 'lose' : 'accept');
    server.offer(scriptedTask('done'));
    harness.worker();
    await server.until(() => server.count('commit') === 1);
    const ids = server
      .of('claim')
      .slice(0, 3)
      .map(({ body }) => body['requestId']);
    expect(new Set(ids).size).to.equal(1);
    await server.until(() => server.count('claim') === 4);
    expect(server.of('claim')[3]?.body['requestId']).to.not.equal(ids[0]);
  });

  for (const verb of ['start', 'seal', 'commit', 'fail'] as const) {
    for (const effect of ['break', 'lose', 'DATABASE_UNAVAILABLE', 'INTERNAL'] as const) {
      it(`repeats ${verb} after ${effect}`, async () => {
        const { server } = harness;
        server.rule = (which, count) => (which === verb && count === 0 ? effect : 'accept');
        server.offer(scriptedTask(verb === 'fail' ? 'fail DATASET_EMPTY user' : 'done'));
        harness.worker();
        const last = verb === 'fail' ? 'fail' : 'commit';
        await server.until(() => server.count(last) === (verb === last ? 2 : 1));
        expect(server.count(verb)).to.equal(2);
        expect(server.of(verb)[1]?.body['fence']).to.equal(3);
      });
    }
  }

  for (const code of [
    'TASK_FENCED',
    'TASK_CANCELLED',
    'LEASE_TOKEN_INVALID',
    'UNAUTHENTICATED',
    'NOT_FOUND',
  ] as const) {
    it(`kills the child at once when a beat is refused with ${code}, and says nothing more about the task`, async () => {
      const { server } = harness;
      const { child } = harness.worker();
      server.offer(scriptedTask('hang'));
      await server.until(() => server.count('beat') >= 1);
      expect(child.kills).to.equal(0);
      server.rule = (verb) => (verb === 'beat' ? code : 'accept');
      await server.until(() => server.count('claim') === 2);
      expect(child.kills).to.equal(1);
      expect(server.count('fail') + server.count('seal') + server.count('commit')).to.equal(0);
      expect(child.starts).to.equal(2);
    });
  }

  it('a refused seal or commit ends the attempt without a further statement', async () => {
    const { server } = harness;
    harness.worker();
    server.rule = (verb) => (verb === 'seal' ? 'TASK_FENCED' : 'accept');
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('claim') === 2);
    server.rule = (verb) => (verb === 'commit' ? 'TASK_FENCED' : 'accept');
    server.offer(scriptedTask('done', { taskId: 't2' }));
    await server.until(() => server.count('claim') === 3);
    expect(verbs('seal', 'commit', 'fail')).to.deep.equal(['seal', 'seal', 'commit']);
  });

  it('says start and beats without progress and log when the app server rejects those', async () => {
    const { server } = harness;
    harness.worker();
    server.rule = (verb, count) => (verb === 'start' && count === 0 ? 'VALIDATION_FAILED' : 'accept');
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('commit') === 1);
    const bare = { fence: 3, progress: null, memoryBytes: 0, log: [] };
    expect(server.of('start').map(({ body }) => body)[1]).to.deep.equal(bare);
    expect(server.count('fail')).to.equal(0);
  });

  it('a result that the app server rejects is reported as failed', async () => {
    const { server } = harness;
    harness.worker();
    server.rule = (verb) => (verb === 'seal' ? 'VALIDATION_FAILED' : 'accept');
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('fail') === 1);
    expect(detailOf().problem.code).to.equal('VALIDATION_FAILED');
    expect(server.count('commit')).to.equal(0);
  });

  it('goes on computing while the app server is away, and resumes before it seals', async () => {
    const { server } = harness;
    Object.assign(server.timing, { leaseMs: 300, beatMs: 50 });
    const { child } = harness.worker();
    server.offer(scriptedTask('gate', { leaseMs: 300 }));
    await server.until(() => server.count('beat') >= 2);
    await server.stop();
    const stoppedAt = performance.now();
    // The lease has run out and the task ends meanwhile: nothing may be sealed on the strength of the old lease.
    await waitUntil(() => performance.now() - stoppedAt > 600);
    expect(child.kills).to.equal(0);
    child.open();
    await server.start();
    await server.until(() => server.count('commit') === 1);
    const after = verbs('resume', 'seal', 'commit');
    expect(after).to.deep.equal(['resume', 'seal', 'commit']);
    expect(child.kills).to.equal(0);
  });

  it('stops when resume is refused after the app server was away', async () => {
    const { server } = harness;
    Object.assign(server.timing, { leaseMs: 300, beatMs: 50 });
    const { child } = harness.worker();
    server.offer(scriptedTask('hang', { leaseMs: 300 }));
    await server.until(() => server.count('beat') >= 2);
    await server.stop();
    const stoppedAt = performance.now();
    await waitUntil(() => performance.now() - stoppedAt > 400);
    server.rule = (verb) => (verb === 'resume' ? 'TASK_FENCED' : 'accept');
    await server.start();
    await server.until(() => server.count('claim') >= 2);
    expect(child.kills).to.equal(1);
    expect(server.count('seal') + server.count('fail')).to.equal(0);
  });

  it('never commits on a lease that has run out since the seal', async () => {
    const { server } = harness;
    Object.assign(server.timing, { leaseMs: 600, beatMs: 50 });
    // After the seal nobody answers, longer than the lease lasts.
    let sealedAtMs = Infinity;
    server.rule = (verb) => {
      if (verb === 'seal') sealedAtMs = performance.now();
      const silent = performance.now() - sealedAtMs < 1_400;
      return silent && (verb === 'commit' || verb === 'beat' || verb === 'resume') ? 'break' : 'accept';
    };
    harness.worker();
    server.offer(scriptedTask('done', { leaseMs: 600 }));
    await server.until(() => server.of('commit').some(({ effect }) => effect === 'accept'));
    const renewals = server.statements.filter(
      ({ verb, effect }) => effect === 'accept' && (verb === 'start' || verb === 'beat' || verb === 'resume'),
    );
    for (const { atMs } of server.of('commit'))
      expect(renewals.some((renewal) => renewal.atMs < atMs && atMs - renewal.atMs < 600)).to.be.true;
    expect(verbs('resume').length).to.be.greaterThan(1);
  });

  it('a beat that our own commit overtook does not end the attempt', async () => {
    const { server } = harness;
    let committed = false;
    const { child } = harness.worker();
    server.offer(scriptedTask('done'));
    server.rule = (verb) => {
      if (verb === 'commit') {
        committed = true;
        const until = performance.now() + 100;
        while (performance.now() < until); // the beat's timer runs in the worker, on the same loop: it fires after this
      }
      return committed && verb === 'beat' ? 'TASK_FENCED' : 'accept';
    };
    await server.until(() => server.count('claim') === 2);
    expect(harness.events.filter(({ event }) => event === 'task_committed')).to.have.length(1);
    expect(child.kills).to.equal(0);
  });

  it('kills the child on the cancel directive', async () => {
    const { server } = harness;
    const { child } = harness.worker();
    server.offer(scriptedTask('hang'));
    await server.until(() => server.count('beat') >= 1);
    server.directive = 'cancel';
    await server.until(() => server.count('claim') === 2);
    expect(child.kills).to.equal(1);
    expect(server.count('fail')).to.equal(0);
  });

  it('on the drain directive finishes its task and ends', async () => {
    const { server } = harness;
    const { worker, child } = harness.worker();
    server.offer(scriptedTask('gate'));
    server.directive = 'drain';
    await server.until(() => server.count('beat') >= 2);
    child.open();
    await worker.ended;
    expect(verbs('claim', 'seal', 'commit')).to.deep.equal(['claim', 'seal', 'commit']);
  });

  it('whose files were taken away fails its task uncharged, says that it ends, and why', async () => {
    const { server } = harness;
    const { worker } = harness.worker();
    server.offer(scriptedTask('fail WORK_FOLDER_LOST worker'));
    const err: unknown = await worker.ended.catch((reason: unknown) => reason);
    expect(isAppError(err, 'WORK_FOLDER_LOST'), String(err)).to.be.true;
    expect(verbs('claim', 'fail', 'drain')).to.deep.equal(['claim', 'fail', 'drain']);
    expect(server.of('fail')[0]?.body).to.deep.include({ blame: 'worker' });
  });

  it('closing waits for a short task', async () => {
    const { server } = harness;
    const { worker, child } = harness.worker();
    server.offer(scriptedTask('gate'));
    await server.until(() => server.count('beat') >= 1);
    const closed = worker.close();
    child.open();
    await closed;
    expect(verbs('commit', 'fail')).to.deep.equal(['commit']);
  });

  it('closing hands a long task back uncharged', async () => {
    const { server } = harness;
    const { worker, child } = harness.worker({ drainMs: 50 });
    server.offer(scriptedTask('hang'));
    await server.until(() => server.count('beat') >= 1);
    await worker.close();
    expect(child.kills).to.equal(1);
    expect(detailOf()).to.deep.include({ blame: 'worker' });
    expect(detailOf().problem.code).to.equal('SHUTTING_DOWN');
  });

  it('closing settles a held claim: a task granted in that moment goes back at once', async () => {
    const { server } = harness;
    const { worker } = harness.worker();
    await server.until(() => server.count('register') === 1);
    // The answer is lost and the worker is closed before it can ask again.
    server.rule = (verb, count) => {
      if (verb !== 'claim' || count > 0) return 'accept';
      void worker.close();
      return 'lose';
    };
    server.offer(scriptedTask('hang'));
    await worker.ended;
    expect(server.of('claim').map(({ body }) => body['waitMs'])).to.deep.equal([300, 0]);
    expect(detailOf()).to.deep.include({ blame: 'worker' });
  });

  it('lets go of a task child that has nothing to do, and starts it again for the next task', async () => {
    const { server } = harness;
    const { child } = harness.worker({ childIdleMs: 1 });
    await server.until(() => server.count('claim') >= 3);
    expect(harness.events.filter(({ event }) => event === 'child_rested')).to.have.length(1);
    expect(child).to.include({ pid: null, starts: 1 });
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('commit') === 1);
    expect(child.starts).to.equal(2);
    await server.until(() => child.pid === null);
    expect(harness.events.filter(({ event }) => event === 'child_rested')).to.have.length(2);
  });

  it('replaces a task child that holds much after a task, unless that is columns that it keeps', async () => {
    const { server } = harness;
    const { child } = harness.worker({ childBytes: 300 * MIB });
    const recycled = () => harness.events.filter(({ event }) => event === 'child_recycled').length;
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('claim') === 2);
    expect([child.starts, recycled()], 'it keeps a data set').to.deep.equal([1, 0]);
    child.cachedDatasets = [];
    server.offer(scriptedTask('fail DATASET_UNREADABLE task', { taskId: 't2' }));
    await server.until(() => server.count('claim') === 3);
    expect([child.starts, recycled()], 'it keeps nothing').to.deep.equal([2, 1]);
  });

  it('keeps its task child, and the columns that it holds, for a while', async () => {
    const { server } = harness;
    const { child } = harness.worker();
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('commit') === 1 && server.count('claim') >= 4);
    expect(child.starts).to.equal(1);
    expect(child.pid).to.not.equal(null);
    expect(server.of('claim').at(-1)?.body['cachedDatasets']).to.deep.equal(['d1']);
  });

  it('registers with the hash of its archive, null from source', async () => {
    const { server } = harness;
    harness.worker();
    harness.worker({ archiveSha256: 'ab'.repeat(32) });
    await server.until(() => server.count('register') === 2);
    const hashes = server.of('register').map(({ body }) => body['archiveSha256']);
    expect(hashes).to.have.members([null, 'ab'.repeat(32)]);
  });

  it('registers in its pool, with the secret that is kept for it', async () => {
    const { server } = harness;
    const poolSecretFile = path.join(harness.folder, 'second.secret');
    writeFileSync(poolSecretFile, 'secret-of-the-second\n', { mode: 0o600 });
    harness.worker();
    harness.worker({ pool: 'second', poolSecretFile });
    await server.until(() => server.count('register') === 2);
    expect(server.of('register').map(({ body, token }) => [body['pool'], token])).to.have.deep.members([
      ['default', 'pool-secret'],
      ['second', 'secret-of-the-second'],
    ]);
  });

  it('closing says drain before its task has ended, and leaves also when that is not heard', async () => {
    const { server } = harness;
    server.rule = (verb) => (verb === 'drain' ? 'break' : 'accept');
    const { worker, child } = harness.worker();
    server.offer(scriptedTask('gate'));
    await server.until(() => server.count('beat') >= 1);
    const closed = worker.close();
    await server.until(() => server.count('drain') === 1);
    child.open();
    await closed;
    expect(verbs('drain', 'seal', 'commit')).to.deep.equal(['drain', 'seal', 'commit']);
    expect(server.of('drain')[0]).to.deep.include({ token: 'worker-token' });
  });

  it('ends well when a claim is refused because it drains, and says no more', async () => {
    const { server } = harness;
    server.rule = (verb) => (verb === 'claim' ? 'WORKER_DRAINING' : 'accept');
    const { worker } = harness.worker();
    await worker.ended;
    expect(verbs('register', 'claim', 'drain')).to.deep.equal(['register', 'claim']);
    expect(harness.events.filter(({ event }) => event === 'worker_drained')).to.have.length(1);
  });

  it('waits for its group: says start until all are there, and only then lets the child begin', async () => {
    const { server } = harness;
    server.directive = 'wait';
    const { child } = harness.worker();
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('start') >= 3);
    expect(child.runs).to.equal(0);
    server.directive = 'continue';
    await server.until(() => server.count('commit') === 1);
    expect(child.runs).to.equal(1);
    expect(verbs('resume')).to.deep.equal([]);
  });

  for (const [what, directive, fails] of [
    ['cancelled', 'cancel', 0],
    ['asked to end', 'wait', 1],
  ] as const) {
    it(`${what} while it waits for its group it does not begin`, async () => {
      const { server } = harness;
      server.directive = 'wait';
      const { worker, child } = harness.worker({ drainMs: 20 });
      server.offer(scriptedTask('done'));
      await server.until(() => server.count('start') >= 2);
      server.directive = directive;
      if (what === 'asked to end') await worker.close();
      else await server.until(() => server.count('claim') === 2);
      expect(server.count('fail')).to.equal(fails);
      expect(server.count('seal')).to.equal(0);
      expect(child.runs).to.equal(0);
    });
  }

  it('asks again for its commit while the rest of the group has not sealed, and beats meanwhile', async () => {
    const { server } = harness;
    server.committed = 'COMMITTING';
    harness.worker();
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('commit') === 3);
    expect(server.count('beat')).to.be.greaterThan(0);
    expect(harness.events.filter(({ event }) => event === 'task_committed')).to.deep.equal([]);
    server.committed = 'SUCCEEDED';
    await server.until(() => server.count('claim') === 2);
    expect(harness.events.filter(({ event }) => event === 'task_committed')).to.have.length(1);
  });

  it('stops asking for its commit when a beat is refused meanwhile', async () => {
    const { server } = harness;
    server.committed = 'COMMITTING';
    harness.worker();
    server.offer(scriptedTask('done'));
    await server.until(() => server.count('commit') === 1);
    server.rule = (verb) => (verb === 'beat' ? 'TASK_FENCED' : 'accept');
    await server.until(() => server.count('claim') === 2);
    expect(server.count('fail')).to.equal(0);
  });

  describe('checkpoints', () => {
    const positions = () => harness.server.of('checkpoint').map(({ body }) => body['position']);

    it('names one as soon as it is there, and tells the child that it was taken', async () => {
      const { server } = harness;
      const { child } = harness.worker();
      server.offer(scriptedTask('gate'));
      await server.until(() => server.count('beat') >= 1);
      child.checkpoint(4);
      await server.until(() => child.taken.length === 1);
      expect(child.taken).to.deep.equal([4]);
      const [statement] = server.of('checkpoint');
      expect(statement).to.deep.include({ token: 'lease-token' });
      expect(statement?.body).to.deep.include({ fence: 3, position: 4 });
      child.open();
      await server.until(() => server.count('commit') === 1);
    });

    it('gives the child what an earlier attempt left', async () => {
      const { server } = harness;
      const { child } = harness.worker();
      const checkpoint = { path: 'models/t1/2-y/checkpoint-7', sizeBytes: 5, sha256: '1'.repeat(64), position: 7 };
      server.offer(scriptedTask('done', { checkpoint }));
      await server.until(() => server.count('commit') === 1);
      expect(child.given).to.deep.equal(checkpoint);
    });

    for (const effect of ['break', 'DATABASE_UNAVAILABLE'] as const) {
      it(`after ${effect} goes on, and says the newest again after a beat`, async () => {
        const { server } = harness;
        const { child } = harness.worker();
        server.rule = (verb, count) => (verb === 'checkpoint' && count === 0 ? effect : 'accept');
        server.offer(scriptedTask('gate'));
        await server.until(() => server.count('beat') >= 1);
        child.checkpoint(1);
        await server.until(() => server.count('checkpoint') === 2);
        await server.until(() => child.taken.length === 1);
        expect(positions()).to.deep.equal([1, 1]);
        expect(child.kills).to.equal(0);
        const [first, second] = server.of('checkpoint');
        const beats = server.of('beat').map(({ atMs }) => atMs);
        expect(beats.some((atMs) => atMs > (first?.atMs ?? 0) && atMs < (second?.atMs ?? 0))).to.be.true;
      });
    }

    it('says only the newest of those that came while nobody answered', async () => {
      const { server } = harness;
      const { child } = harness.worker();
      server.rule = (verb) => (verb === 'checkpoint' || verb === 'beat' ? 'break' : 'accept');
      server.offer(scriptedTask('gate'));
      await server.until(() => server.count('beat') >= 1);
      for (const position of [1, 2, 3]) child.checkpoint(position);
      await server.until(() => server.count('checkpoint') === 1);
      server.rule = () => 'accept';
      await server.until(() => child.taken.length === 1);
      expect(child.taken).to.deep.equal([3]);
      expect(positions()).to.deep.equal([1, 3]);
    });

    it('forgets one that the app server will never take, and goes on', async () => {
      const { server } = harness;
      const { child } = harness.worker();
      server.rule = (verb) => (verb === 'checkpoint' ? 'VALIDATION_FAILED' : 'accept');
      server.offer(scriptedTask('gate'));
      await server.until(() => server.count('beat') >= 1);
      child.checkpoint(1);
      await server.until(() => server.count('checkpoint') === 1);
      const beats = server.count('beat');
      await server.until(() => server.count('beat') >= beats + 3);
      expect(positions()).to.deep.equal([1]);
      child.open();
      await server.until(() => server.count('commit') === 1);
    });

    it('stops at once when one is refused', async () => {
      const { server } = harness;
      const { child } = harness.worker();
      server.rule = (verb) => (verb === 'checkpoint' ? 'TASK_FENCED' : 'accept');
      server.offer(scriptedTask('gate'));
      await server.until(() => server.count('beat') >= 1);
      child.checkpoint(1);
      await server.until(() => server.count('claim') === 2);
      expect(child.kills).to.equal(1);
      expect(server.count('seal') + server.count('fail')).to.equal(0);
    });
  });

  describe('a rank of a group', () => {
    const addresses = [
      { host: '127.0.0.1', port: 7_001 },
      { host: '10.1.2.3', port: 7_002 },
    ];

    it('learns who it is, says where it listens, and waits until all have said so', async () => {
      const { server } = harness;
      const { child } = harness.worker();
      server.offer(scriptedTask('gate'));
      await server.until(() => server.count('start') === 1);
      await waitUntil(() => child.runs === 1);
      child.meet(null);
      await server.until(() => child.heard.length === 1);
      expect(child.heard[0]).to.deep.equal({
        host: '127.0.0.1',
        answer: { epoch: 1, certificate: CERTIFICATE, addresses: null },
      });
      server.rule = (verb, count) => (verb === 'meet' && count === 2 ? 'DATABASE_UNAVAILABLE' : 'accept');
      child.meet(7_001);
      await server.until(() => server.count('meet') === 4);
      expect(child.heard).to.have.length(1);
      server.addresses = addresses;
      await waitUntil(() => child.heard.length === 2);
      expect(child.heard[1]?.answer.addresses).to.deep.equal(addresses);
      for (const { token, body } of server.of('meet').slice(1)) {
        expect(token).to.equal('lease-token');
        expect(body).to.deep.equal({ fence: 3, address: addresses[0] });
      }
      child.open();
      await server.until(() => server.count('commit') === 1);
    });

    it('stops where it is refused: the group was given back', async () => {
      const { server } = harness;
      const { child } = harness.worker();
      server.rule = (verb) => (verb === 'meet' ? 'TASK_FENCED' : 'accept');
      server.offer(scriptedTask('gate'));
      await server.until(() => server.count('start') === 1);
      await waitUntil(() => child.runs === 1);
      child.meet(null);
      await server.until(() => server.count('claim') === 2);
      expect([child.kills, child.heard.length, server.count('fail')]).to.deep.equal([1, 0, 0]);
    });

    it('lets the one that broke the group speak first', async () => {
      const { server } = harness;
      harness.worker();
      server.offer(scriptedTask('fail GROUP_BROKEN worker'));
      await server.until(() => server.count('start') === 1);
      const beats = server.count('beat');
      await server.until(() => server.count('beat') >= beats + 3);
      expect(server.count('fail')).to.equal(0);
      server.rule = (verb) => (verb === 'beat' ? 'TASK_FENCED' : 'accept');
      await server.until(() => server.count('claim') === 2);
      expect(server.count('fail'), 'the others’ word was enough').to.equal(0);
    });
  });

  it('registers anew when the app server no longer knows it', async () => {
    const { server } = harness;
    server.rule = (verb, count) => (verb === 'claim' && count === 0 ? 'UNAUTHENTICATED' : 'accept');
    harness.worker();
    await server.until(() => server.count('claim') === 2);
    expect(server.count('register')).to.equal(2);
  });

  it('ends with POOL_SECRET_INVALID, and waits for an app server that is not there yet', async () => {
    const { server } = harness;
    server.rule = (verb, count) => (verb === 'register' ? (count < 2 ? 'break' : 'POOL_SECRET_INVALID') : 'accept');
    const { worker } = harness.worker();
    const error = await worker.ended.then(
      () => null,
      (err: unknown) => err,
    );
    expect(error).to.have.property('code', 'POOL_SECRET_INVALID');
    expect(server.count('register')).to.equal(3);
  });

  it('reports what the child says about a failure', async () => {
    const { server } = harness;
    harness.worker();
    server.offer(scriptedTask('fail DATASET_EMPTY user'));
    await server.until(() => server.count('fail') === 1);
    expect(detailOf()).to.deep.include({ blame: 'user' });
    expect(detailOf().problem.code).to.equal('DATASET_EMPTY');
    expect(harness.server.of('fail')[0]?.body['log']).to.deep.equal(['running fail']);
  });
});

async function waitUntil(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
