import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { REPOSITORY_ROOT } from '../support/repository.ts';

describe('examples/chaos', function () {
  // Two minutes on a machine that has nothing else to do.
  this.timeout(600_000);

  it('ends with the leaderboard of an undisturbed run, whatever was killed', async () => {
    const run = path.join(REPOSITORY_ROOT, 'examples/chaos/run');
    const child = spawn(run, ['7'], { stdio: ['ignore', 'pipe', 'pipe'] });
    const closed = once(child, 'close') as Promise<[code: number | null]>; // as `close` is declared
    const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), closed]);
    expect(code, `${output}\n${errors}`).to.equal(0);
    expect(output)
      .to.include('everything at once')
      .and.match(/\d+ faults, 12 models, the same leaderboard\n$/);
  });
});
