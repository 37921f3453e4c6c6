import { expect } from 'chai';
import { isAlive as isRunning, processOf, until } from '../../support/processes.ts';
import { Harness, isAlive, scriptedTask } from '../../unit/yarn-workers/worker/support/harness.ts';

describe('worker: supervisor with a real task process', () => {
  let harness: Harness;
  beforeEach(async () => {
    harness = new Harness();
    await harness.open();
  });
  afterEach(async () => {
    await harness.close();
    expect(harness.server.violations).to.deep.equal([]);
  });
  const detailOf = (index = 0) =>
    harness.server.of('fail')[index]?.body as { blame: string; problem: { code: string; detail: string } };

  it('kills a child that is in a native call when a beat is refused, and has another one ready', async () => {
    const { server } = harness;
    const worker = harness.processWorker();
    server.offer(scriptedTask('spin'));
    await server.until(() => server.count('beat') >= 1);
    const pid = worker.childPid() ?? 0;
    expect(isAlive(pid)).to.be.true;
    server.rule = (verb) => (verb === 'beat' ? 'TASK_FENCED' : 'accept');
    await server.until(() => server.count('claim') === 2);
    expect(isAlive(pid)).to.be.false;
    expect(worker.childPid()).to.not.equal(pid);
  });

  it('closing leaves no child, also when it is in a native call', async () => {
    const { server } = harness;
    const worker = harness.processWorker({ drainMs: 50 });
    server.offer(scriptedTask('spin'));
    await server.until(() => server.count('beat') >= 1);
    const pid = worker.childPid() ?? 0;
    await worker.close();
    expect(isAlive(pid)).to.be.false;
    expect(detailOf()).to.deep.include({ blame: 'worker' });
  });

  it('ends a task over the memory limit with found and limit', async () => {
    const { server } = harness;
    const MIB = 1024 ** 2;
    const worker = harness.processWorker({ memoryBytes: 700 * MIB });
    server.offer(scriptedTask('grow 900'));
    await server.until(() => server.count('fail') === 1);
    expect(detailOf()).to.deep.include({ blame: 'memory' });
    expect(detailOf().problem.code).to.equal('TASK_MEMORY');
    expect(detailOf().problem.detail).to.match(
      /uses \d+ MiB, more than 92 % of its limit of 700 MiB, reached in phase "grow" at iteration 7 .*: raise worker\.memoryBytes/,
    );
    const lines = server.of('fail')[0]?.body['log'] as string[]; // by the schema of the statement
    expect(lines.at(-1)).to.equal(`TASK_MEMORY: ${detailOf().problem.detail}`);
    await server.until(() => server.count('claim') === 2);
    expect(worker.childPid()).to.not.equal(null);
  });

  it('counts what the child has started, and ends it with the child', async () => {
    const { server } = harness;
    const MIB = 1024 ** 2;
    harness.processWorker({ memoryBytes: 700 * MIB });
    server.offer(scriptedTask('family 600'));
    await server.until(() => server.count('fail') === 1);
    expect(detailOf().problem.code).to.equal('TASK_MEMORY');
    const told = server.statements.flatMap(({ body }) => (body['log'] ?? []) as string[]); // by the schemas
    const grandchild = told.flatMap((line) => /^grandchild (\d+)$/.exec(line)?.[1] ?? [])[0];
    expect(Number(grandchild)).to.be.greaterThan(0);
    const entry = processOf(Number(grandchild));
    await until('the end of the grandchild', () => entry === null || !isRunning(entry));
  });

  for (const [script, what] of [
    ['hang', /; its process answers/],
    ['stop', /; its process has not said anything since: it is stopped/],
    ['spin', /; its process has not said anything since: it is stopped/],
  ] as const) {
    it(`ends a task that gets nowhere ("${script}"), charged, with phase, iteration and time`, async () => {
      const { server } = harness;
      harness.processWorker({ stuckMs: 900 });
      server.offer(scriptedTask(script));
      await server.until(() => server.count('fail') === 1);
      expect(detailOf().blame).to.equal('task');
      expect(detailOf().problem.code).to.equal('TIMEOUT');
      expect(detailOf().problem.detail)
        .to.match(/^the task made no progress for (0\.9|1\.\d) s, stuck in phase "\w+" at iteration 7 /)
        .and.match(what);
      server.offer(scriptedTask('done', { taskId: 't2' }));
      await server.until(() => server.count('commit') === 1);
    });
  }

  it('ends a task past its deadline and grace, also one whose time was cut meanwhile', async () => {
    const { server } = harness;
    server.remainingMs = -5_000;
    harness.processWorker();
    server.offer(scriptedTask('spin', { remainingMs: 60_000 }));
    await server.until(() => server.count('fail') === 1);
    expect(detailOf().problem.code).to.equal('TASK_DEADLINE');
    expect(detailOf().blame).to.equal('user');
  });

  for (const [script, blame] of [
    ['abort', 'task'],
    ['exit 3', 'task'],
    ['invalid', 'unknown'],
  ] as const) {
    it(`a child that ends by "${script}" is replaced; blame ${blame}`, async () => {
      const { server } = harness;
      harness.processWorker();
      server.offer(scriptedTask(script));
      await server.until(() => server.count('fail') === 1);
      expect(detailOf().blame).to.equal(blame);
      expect(detailOf().problem.code).to.equal('TASK_CHILD_DIED');
      server.offer(scriptedTask('done', { taskId: 't2' }));
      await server.until(() => server.count('commit') === 1);
    });
  }

  it('beats with progress, memory of the process tree and log lines while the child is in a native call', async () => {
    const { server } = harness;
    harness.processWorker();
    server.offer(scriptedTask('spin'));
    await server.until(() => server.count('beat') >= 5);
    const beats = server.of('beat').map(({ body }) => body);
    expect(beats.at(-1)?.['progress']).to.deep.include({ phase: 'spin', iteration: 7 });
    expect(beats.at(-1)?.['memoryBytes']).to.be.greaterThan(60 * 1024 ** 2);
    expect(beats.flatMap(({ log }) => log as string[])).to.deep.equal(['running spin']);
  });

  it('closing does not wait for an app server that is away', async () => {
    const { worker, child } = harness.worker({ drainMs: 50 });
    harness.server.offer(scriptedTask('hang'));
    await harness.server.until(() => harness.server.count('beat') >= 1);
    await harness.server.stop();
    await worker.close();
    expect(child.kills).to.equal(1);
    await harness.server.start();
    expect(harness.server.count('fail')).to.equal(0);
  });
});
