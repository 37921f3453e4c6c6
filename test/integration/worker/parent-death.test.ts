import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { isAlive, processOf, until } from '../../support/processes.ts';

const NATIVE = pathToFileURL(path.resolve(import.meta.dirname, '../../../yarn-workers/worker/native/process.ts')).href;

/** A child that binds its life to its parent's and then never returns to its event loop, as in a native call. */
const CHILD = `
  const { dieWithParent } = await import(${JSON.stringify(NATIVE)});
  dieWithParent(process.ppid);
  require('node:fs').writeSync(1, process.pid + '\\n');
  for (;;) Math.sqrt(2);
`;
const PARENT = `
  const { spawn } = require('node:child_process');
  spawn(process.execPath, ['--input-type=module', '-e', ${JSON.stringify(CHILD.replace("require('node:fs')", "(await import('node:fs'))"))}], { stdio: ['ignore', 'inherit', 'inherit'] });
  setInterval(() => undefined, 1000);
`;

describe('worker: death of the supervisor', function () {
  this.timeout(30_000);

  it('ends the task child by the kernel, even inside a native call', async () => {
    const parent = spawn(process.execPath, ['-e', PARENT], { stdio: ['ignore', 'pipe', 'inherit'] });
    let pid = 0;
    for await (const line of createInterface({ input: parent.stdout })) {
      pid = Number(line);
      break;
    }
    const child = processOf(pid);
    if (child === null) expect.fail('the child does not run');
    expect(child.parentPid).to.equal(parent.pid);
    const ended = once(parent, 'exit');
    parent.kill('SIGKILL');
    await ended;
    await until('the end of the child', () => !isAlive(child));
  });
});
