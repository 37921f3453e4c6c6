import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, mkdir, mkdtemp, readdir, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { FileObjectStore } from '#object-store';
import { skipBecause } from '../../support/skip.ts';
import { fails, objectStoreSuite, textOf } from './suite.ts';

let folder = '';
const makeFolder = async (): Promise<void> => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-store-'));
};
const removeFolder = (): Promise<void> => rm(folder, { recursive: true, force: true });

objectStoreSuite('file', {
  open: async () => {
    await makeFolder();
    return new FileObjectStore(path.join(folder, 'root'));
  },
  close: removeFolder,
});

describe('object store: file, beyond the contract', () => {
  beforeEach(makeFolder);
  afterEach(removeFolder);

  it('adopts a finished file without copying it', async () => {
    const store = new FileObjectStore(path.join(folder, 'root'));
    const local = path.join(folder, 'local');
    await writeFile(local, 'content');
    const { ino } = await stat(local);
    const written = await store.adopt('a/b', local);
    expect(written.sizeBytes).to.equal(7);
    expect((await stat(store.localPath('a/b'))).ino).to.equal(ino);
    expect(await textOf(store.read('a/b'))).to.equal('content');
    expect(await readdir(folder)).to.deep.equal(['root']);
  });

  it('leaves the local file when its name is taken', async () => {
    const store = new FileObjectStore(path.join(folder, 'root'));
    await store.write('taken', Buffer.from('first'));
    const local = path.join(folder, 'local');
    await writeFile(local, 'second');
    await fails('STORE_OBJECT_EXISTS', store.adopt('taken', local));
    expect((await stat(local)).size).to.equal(6);
    expect(await textOf(store.read('taken'))).to.equal('first');
  });

  it('follows no symbolic link out of the store', async () => {
    const root = path.join(folder, 'root');
    await mkdir(path.join(folder, 'outside'));
    await mkdir(root);
    await writeFile(path.join(folder, 'outside', 'secret'), 'secret');
    await symlink(path.join(folder, 'outside'), path.join(root, 'way'));
    await symlink(path.join(folder, 'outside', 'secret'), path.join(root, 'file'));
    const store = new FileObjectStore(root);
    await fails('FORBIDDEN', store.write('way/new', Buffer.from('x')));
    await fails('STORE_OBJECT_MISSING', store.readAll('way/secret', { maxBytes: 100 }));
    await fails('STORE_OBJECT_MISSING', store.readAll('file', { maxBytes: 100 }));
    await store.delete('way/secret');
    await store.deleteTree('way');
    const listed: string[] = [];
    for await (const entry of store.list('')) listed.push(entry.path);
    expect(listed).to.deep.equal([]);
    expect(await readdir(path.join(folder, 'outside'))).to.deep.equal(['secret']);
  });

  it('a killed writer leaves nothing but a temporary name, which the sweeper removes when it is old', async () => {
    const root = path.join(folder, 'root');
    const store = new FileObjectStore(root);
    const script = `
      import { FileObjectStore } from ${JSON.stringify(import.meta.resolve('#object-store'))};
      async function* body() {
        yield Buffer.alloc(100_000);
        process.stdout.write('half');
        await new Promise((resolve) => setTimeout(resolve, 60_000));
      }
      await new FileObjectStore(${JSON.stringify(root)}).write('deep/object', body());`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'exit');

    expect(await store.stat('deep/object')).to.be.null;
    const [left = ''] = await readdir(path.join(root, 'deep'));
    expect(left).to.match(/^\.tmp-/);
    // The host that keeps the files lives in another time than this one.
    const written = new Date(Date.now() - 7_200_000);
    await utimes(path.join(root, 'deep', left), written, written);
    expect(await store.sweepTemporary(3_600_000, { now: written.getTime() + 3_599_000 })).to.equal(0);
    expect(await store.sweepTemporary(3_600_000, { now: written.getTime() + 3_601_000 })).to.equal(1);
    expect(await readdir(path.join(root, 'deep'))).to.deep.equal([]);
    await store.write('deep/object', Buffer.from('again'));
  });

  it('names a full disk, and leaves nothing half-written on it', async function () {
    const mount = path.join(folder, 'small');
    await mkdir(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', mount], { stdio: 'ignore' });
    } catch {
      skipBecause(this, 'mounting a small file system is not permitted here');
    }
    try {
      const store = new FileObjectStore(mount);
      await fails('DISK_FULL', store.write('a/large', Buffer.alloc(1_000_000)));
      expect(await readdir(path.join(mount, 'a'))).to.deep.equal([]);
      await store.write('a/small', Buffer.alloc(1_000));

      const local = path.join(folder, 'other-file-system');
      await writeFile(local, 'across');
      await store.adopt('b/adopted', local);
      expect(await textOf(store.read('b/adopted'))).to.equal('across');
      expect(await readdir(folder)).to.deep.equal(['small']);
    } finally {
      execFileSync('umount', [mount]);
    }
  });

  it('reads what another name still holds', async () => {
    const store = new FileObjectStore(path.join(folder, 'root'));
    await store.write('one', Buffer.from('1'));
    await link(store.localPath('one'), path.join(folder, 'kept'));
    await store.delete('one');
    expect(await store.stat('one')).to.be.null;
    expect((await stat(path.join(folder, 'kept'))).size).to.equal(1);
  });
});
