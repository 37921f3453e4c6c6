import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { folderTransport } from '../../../../../prediction/server/telemetry/folder-transport.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const { signal } = new AbortController();

describe('prediction server: telemetry into a folder', () => {
  let root: string;
  let dir: string;
  beforeEach(() => {
    root = mkdtempSync(path.join(os.tmpdir(), 'trainyard-folder-'));
    dir = path.join(root, 'telemetry');
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const segment = (name: string, sizeBytes: number) => ({ name, sealed: Buffer.alloc(sizeBytes, name) });

  it('has a file for each segment, whole, for its user alone', async () => {
    const transport = folderTransport(dir, 1_000);
    await transport.send(segment('b', 10), signal);
    await transport.send(segment('a', 20), signal);
    expect(readdirSync(dir).sort()).to.deep.equal(['a.seg', 'b.seg']);
    expect(readFileSync(path.join(dir, 'a.seg'))).to.deep.equal(segment('a', 20).sealed);
    expect(statSync(path.join(dir, 'a.seg')).mode & 0o777).to.equal(0o600);
    expect(statSync(dir).mode & 0o777).to.equal(0o700);
  });

  it('takes the same segment again, and the left-over of one that was being written', async () => {
    const transport = folderTransport(dir, 1_000);
    writeFileSync(path.join(dir, 'a.seg.tmp'), 'torn');
    for (let time = 0; time < 2; time += 1) await transport.send(segment('a', 20), signal);
    expect(readdirSync(dir)).to.deep.equal(['a.seg']);
    expect(statSync(path.join(dir, 'a.seg')).size).to.equal(20);
  });

  it('is full at its limit, and has room again when files were carried away', async () => {
    const transport = folderTransport(dir, 100);
    await transport.send(segment('a', 60), signal);
    const { message } = await appErrorOf('DISK_FULL', () => transport.send(segment('b', 41), signal));
    expect(message).to.include(dir).and.include('100 bytes').and.include('found 60').and.include('carry');
    expect(readdirSync(dir)).to.deep.equal(['a.seg']);
    rmSync(path.join(dir, 'a.seg'));
    await transport.send(segment('b', 41), signal);
    expect(readdirSync(dir)).to.deep.equal(['b.seg']);
  });
});
