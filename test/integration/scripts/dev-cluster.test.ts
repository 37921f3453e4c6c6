import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { cacheFolder } from '../../../scripts/lib/cache.ts';
import { REPOSITORY_ROOT } from '../../support/repository.ts';

interface Answer {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

describe('scripts/dev-cluster', function () {
  this.timeout(120_000);

  let cache: string;

  before(() => {
    // With the real cache's content, but not with the clusters of who runs this test.
    cache = mkdtempSync(path.join(os.tmpdir(), 'trainyard-cache-'));
    for (const name of readdirSync(cacheFolder())) {
      if (name !== 'dev-cluster') symlinkSync(path.join(cacheFolder(), name), path.join(cache, name));
    }
  });

  after(async () => {
    await run('down');
    rmSync(cache, { recursive: true });
  });

  const run = (...args: readonly string[]): Promise<Answer> =>
    answerOf(path.join(REPOSITORY_ROOT, 'scripts/dev-cluster'), args, { ...process.env, TRAINYARD_CACHE: cache });

  it('brings a cluster up that outlives the command, once, shows it, and leaves nothing', async () => {
    expect(await run('status')).to.include({ code: 1, stdout: 'the plain cluster is not up\n' });

    const up = await run('up');
    expect(up.code, up.stderr).to.equal(0);
    const confDir = /configuration +(\S+)/.exec(up.stdout)?.[1] ?? '';
    expect(readFileSync(path.join(confDir, 'core-site.xml'), 'utf8')).to.include('fs.defaultFS');
    const url = /curl '([^']+)'/.exec(up.stdout)?.[1] ?? '';
    expect(await (await fetch(url)).text()).to.include('"pathSuffix":"user"');

    const again = await run('up');
    expect(again).to.include({ code: 1, stdout: '' });
    expect(again.stderr).to.include('the plain cluster is up already');

    const status = await run('status');
    expect(status.code).to.equal(0);
    expect(status.stdout).to.include(up.stdout.trim());
    const daemons = [...status.stdout.matchAll(/^ {2}([a-z]+\d?) \d+$/gm)].map((line) => line[1]);
    expect(daemons).to.deep.equal(['datanode', 'namenode', 'nodemanager1', 'nodemanager2', 'resourcemanager']);

    expect(await run('down')).to.include({ code: 0, stderr: '' });
    expect(existsSync(path.dirname(path.dirname(confDir)))).to.equal(false);
    const down = await run('down');
    expect(down).to.include({ code: 1, stderr: 'the plain cluster is not up\n' });
  });

  it('names what the machine lacks, and what it does not understand', async () => {
    const main = path.join(REPOSITORY_ROOT, 'scripts/lib/dev-cluster/main.ts');
    const bare = { PATH: '/nonexistent', TRAINYARD_CACHE: cache };
    const lacking = await answerOf(process.execPath, [main, 'up'], bare);
    expect(lacking.code).to.equal(2);
    expect(lacking.stderr).to.match(/^missing: java \(Debian package openjdk-17-jdk-headless\)/);
    for (const args of [['sideways'], [], ['up', '--nix'], ['up', '--secure', '--ha']]) {
      const { code, stderr } = await answerOf(process.execPath, [main, ...args], bare);
      expect(code, args.join(' ')).to.equal(64);
      expect(stderr).to.include('Usage: scripts/dev-cluster');
    }
  });
});

async function answerOf(command: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Answer> {
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk: Buffer) => (output.stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output.stderr += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null]; // documented arguments of 'close'
  return { code, ...output };
}
