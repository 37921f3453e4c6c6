import { expect } from 'chai';
import { spawnSync } from 'node:child_process';
import { programFile } from '#runtime';
import { programArguments } from '../../../../../appserver/cli/up/programs.ts';

describe('up: how programs are started', () => {
  it('names the program between flags of Node and its own', () => {
    const words = programArguments('server', { dataDir: '/data', 'server.port': '1' });
    const at = words.indexOf(programFile('server'));
    expect(words.slice(at + 1)).to.deep.equal(['--dataDir=/data', '--server.port=1']);
    expect(words.slice(0, at)).to.deep.equal(['--max-semi-space-size=4']);
    expect(programArguments('backup', { a: '1' }, ['restore'])).to.deep.equal([
      programFile('backup'),
      'restore',
      '--a=1',
    ]);
  });

  it('bounds the heap of a supervisor', () => {
    const [file] = programArguments('worker', {}).slice(-1);
    expect(file).to.equal(programFile('worker'));
    const flags = programArguments('worker', {}).slice(0, -1);
    const script = 'console.log(require("node:v8").getHeapStatistics().heap_size_limit)';
    const { stdout } = spawnSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' });
    expect(Number(stdout)).to.be.within(100 * 2 ** 20, 160 * 2 ** 20);
  });
});
