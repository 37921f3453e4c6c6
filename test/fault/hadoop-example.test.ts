import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { REPOSITORY_ROOT } from '../support/repository.ts';

describe('examples/hadoop', function () {
  // Two to three minutes on a machine that has nothing else to do.
  this.timeout(900_000);

  it('installs, models on YARN as an end user, and leaves nothing in HDFS', async () => {
    const run = path.join(REPOSITORY_ROOT, 'examples/hadoop/run');
    const child = spawn(run, { stdio: ['ignore', 'pipe', 'pipe'] });
    const closed = once(child, 'close') as Promise<[code: number | null]>; // as `close` is declared
    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    expect(code, `${output}\n${errors}`).to.equal(0);
    expect(output)
      .to.match(/container_\d+_\d+_\d+_\d+ .*http:\/\/\S+\/node\/containerlogs\//)
      .and.match(/16281 rows/)
      .and.match(/left in HDFS that was not there before: nothing\n$/);
  });
});
