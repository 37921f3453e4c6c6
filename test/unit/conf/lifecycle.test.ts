import { expect } from 'chai';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createLifecycle, createLogger } from '#runtime';

const quiet = createLogger({ program: 'test', write: () => undefined });
const projectDir = new URL('../../..', import.meta.url);
const program = `
  import { createLogger, createProcessLifecycle } from '#runtime';
  const lifecycle = createProcessLifecycle({ logger: createLogger({ program: 'p', write: () => undefined }) });
  const timer = setInterval(() => undefined, 1000);
  lifecycle.onClose('timer', () => { clearInterval(timer); console.log('closed'); });
  console.log('ready');`;

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: projectDir,
    env: { ...process.env, ...env },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  const ready = new Promise<void>((resolve) => {
    child.stdout.on('data', (part: Buffer) => {
      output += part.toString();
      if (output.includes('ready')) resolve();
    });
  });
  return { child, ready, output: () => output };
}

describe('lifecycle', () => {
  it('closes in reverse order, once, and goes on past a step that fails', async () => {
    const closed: string[] = [];
    const lifecycle = createLifecycle({ logger: quiet, stepTimeoutMs: 20 });
    lifecycle.onClose('first', () => void closed.push('first'));
    lifecycle.onClose('failing', () => Promise.reject(new Error('no')));
    lifecycle.onClose('hanging', () => new Promise(() => undefined));
    lifecycle.onClose('last', () => void closed.push('last'));
    await Promise.all([lifecycle.close('test'), lifecycle.close('again')]);
    expect(closed).to.deep.equal(['last', 'first']);
    expect(lifecycle.signal.aborted).to.equal(true);
  });

  it('closes the program and exits 0 on SIGTERM', async () => {
    const { child, ready, output } = start({});
    await ready;
    child.kill('SIGTERM');
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, output().includes('closed')]).to.deep.equal([0, true]);
  });

  it('closes the program when the parent that watches over it is gone', async () => {
    const { child, ready, output } = start({ TRAINYARD_PARENT_WATCH: '1' });
    await ready;
    child.stdin.destroy();
    const [code] = (await once(child, 'close')) as [number | null];
    expect([code, output().includes('closed')]).to.deep.equal([0, true]);
  });
});
