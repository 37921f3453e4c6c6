import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { isAppError } from '#contracts';
import { armFailpoints, failpoint, interceptFailpoints } from '#runtime';

describe('failpoints', () => {
  afterEach(() => armFailpoints(''));

  it('do nothing unless armed', async () => {
    await failpoint('worker.seal.before');
  });

  it('throw at the pass they are armed for and only then', async () => {
    armFailpoints('a.b=error@2');
    await failpoint('a.b');
    const thrown = await failpoint('a.b').then(
      () => null,
      (err: unknown) => err,
    );
    expect(isAppError(thrown, 'INTERNAL')).to.equal(true);
    await failpoint('a.b');
  });

  it('kill the process by SIGKILL when armed from the environment', async () => {
    const program = `import { failpoint } from '#runtime'; await failpoint('x'); console.log('survived');`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      cwd: new URL('../../..', import.meta.url),
      env: { ...process.env, TRAINYARD_FAILPOINTS: 'x=kill' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (part: Buffer) => (output += part.toString()));
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    expect([signal, output]).to.deep.equal(['SIGKILL', '']);
  });

  it('call the interceptor instead of what is armed, until it is taken back', async () => {
    armFailpoints('a.b=error');
    const passed: string[] = [];
    const restore = interceptFailpoints(async (name) => void passed.push(name));
    await failpoint('a.b');
    restore();
    expect(passed).to.deep.equal(['a.b']);
    const thrown = await failpoint('a.b').then(
      () => null,
      (err: unknown) => err,
    );
    expect(isAppError(thrown, 'INTERNAL')).to.equal(true);
  });

  it('refuse a text they cannot read', () => {
    expect(() => armFailpoints('a=explode')).to.throw('a=explode is not name=kill|error|pause:MS[@N]');
  });
});
