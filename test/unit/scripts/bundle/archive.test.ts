import { expect } from 'chai';
import { ArchiveManifest, parse } from '#contracts';
import { packTar, type TarEntry } from '#runtime';
import {
  archiveName,
  contentSha256,
  manifestOf,
  sha256,
  withManifest,
} from '../../../../scripts/lib/bundle/archive.ts';

const files: readonly TarEntry[] = [
  { path: 'lib/worker.mjs', mode: 0o644, content: Buffer.from('code') },
  { path: 'bin/worker', mode: 0o755, content: Buffer.from('#!/bin/sh\n') },
];

describe('bundle: manifest of an archive', () => {
  it('names every file with its hash, sorted, and fits its schema', () => {
    const manifest = manifestOf('worker', files);
    expect(parse(ArchiveManifest, structuredClone(manifest), 'manifest')).to.deep.equal(manifest);
    expect(manifest.files).to.deep.equal([
      { path: 'bin/worker', mode: 0o755, sizeBytes: 10, sha256: sha256('#!/bin/sh\n') },
      { path: 'lib/worker.mjs', mode: 0o644, sizeBytes: 4, sha256: sha256('code') },
    ]);
  });

  it('has a content hash that anybody can compute with sha256sum', () => {
    const text = `${sha256('#!/bin/sh\n')} 755 bin/worker\n${sha256('code')} 644 lib/worker.mjs\n`;
    expect(manifestOf('worker', files).contentSha256).to.equal(sha256(text));
    expect(contentSha256(manifestOf('worker', files).files)).to.equal(sha256(text));
  });

  it('has another content hash for another content, name or mode, and only then', () => {
    const [first, second] = files as readonly [TarEntry, TarEntry]; // the two above
    const hashes = [
      files,
      files.toReversed(),
      [first, { ...second, content: Buffer.from('#!/bin/bash\n') }],
      [first, { ...second, path: 'bin/run' }],
      [first, { ...second, mode: 0o700 }],
    ].map((entries) => manifestOf('worker', entries).contentSha256);
    expect(hashes[1]).to.equal(hashes[0]);
    expect(new Set(hashes).size).to.equal(4);
  });

  it('is in the archive with the hash on a line of its own, and does not count itself', () => {
    const manifest = manifestOf('worker', files);
    const all = withManifest(files, manifest);
    const textOf = (path: string) => Buffer.from(all.find((entry) => entry.path === path)?.content ?? []).toString();
    expect(JSON.parse(textOf('manifest.json'))).to.deep.equal(manifest);
    expect(textOf('content.sha256')).to.equal(`${manifest.contentSha256}\n`);
    expect(manifest.files.map(({ path }) => path)).to.not.include.members(['manifest.json', 'content.sha256']);
    expect(packTar(all).equals(packTar(withManifest(files.toReversed(), manifestOf('worker', files.toReversed()))))).to
      .be.true;
  });

  it('gives the archive its name', () => {
    const manifest = manifestOf('worker', files);
    expect(archiveName(manifest)).to.match(/^trainyard-worker-\d+\.\d+\.\d+-[0-9a-f]{12}$/);
    expect(archiveName(manifest)).to.include(manifest.contentSha256.slice(0, 12));
  });
});
