import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { REPOSITORY_ROOT, repositoryFiles } from '../../support/repository.ts';

const MAX_FILE_BYTES = 1_000_000;
const CODE = /\.(?:ts|mjs|cjs|js|java|sh|html|css)$|^scripts\/[^.]+$|^\.ci\//;
const BINARY = /\.(?:gz|zip|parquet|png|jpg|xlsx?|orc|arrow|bin)$/;
/** A folder of somebody's machine. `/home/` needs a name behind it, so that the word alone may be written. */
const PRIVATE_PATH = /(?<![\w.~}-])\/(?:(?:work|root)\/|home\/\w+\/|Users\/\w+\/)/;
/** A note about unfinished work names its issue: TODO(#12). */
const OPEN_NOTE = /\b(?:TODO|FIXME|XXX)\b(?!\(#\d+\))/;

function linesThatMatch(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) => {
    const lines = readFileSync(path.join(REPOSITORY_ROOT, file), 'utf8').split('\n');
    return lines.flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}: ${line.trim()}`] : []));
  });
}

describe('repository text', () => {
  const files = repositoryFiles();
  const others = files.filter((file) => file !== 'test/unit/repository/text.test.ts');

  it('is found', () => {
    const known = ['package.json', 'scripts/test', '.ci/run', 'LICENSE'];
    expect(files.filter((file) => known.includes(file))).to.have.members(known);
    expect(files.filter((file) => file.startsWith('node_modules/'))).to.deep.equal([]);
  });

  it(`has no file over ${MAX_FILE_BYTES} bytes`, () => {
    const large = files.filter((file) => statSync(path.join(REPOSITORY_ROOT, file)).size > MAX_FILE_BYTES);
    expect(large).to.deep.equal([]);
  });

  it('names no folder of a single machine', () => {
    const text = others.filter((file) => !BINARY.test(file));
    expect(linesThatMatch(text, PRIVATE_PATH)).to.deep.equal([]);
  });

  it('has no open note without its issue', () => {
    const code = others.filter((file) => CODE.test(file));
    expect(code.length, 'code files').to.be.greaterThan(10);
    expect(linesThatMatch(code, OPEN_NOTE)).to.deep.equal([]);
  });

  it('would find what it looks for', () => {
    expect('see /root/x').to.match(PRIVATE_PATH);
    expect('"/home/ann/data"').to.match(PRIVATE_PATH);
    expect('https://example.org/work/x ${data}/root/ ./work/ a/root/b').not.to.match(PRIVATE_PATH);
    expect('// TODO later').to.match(OPEN_NOTE);
    expect('// TODO(#12) later').not.to.match(OPEN_NOTE);
  });

  it('keeps a changelog with a section for what is not released', () => {
    const text = readFileSync(path.join(REPOSITORY_ROOT, 'CHANGELOG.md'), 'utf8');
    const unreleased = /^## \[Unreleased\]\n(?<body>[\s\S]*?)(?=^## \[|$(?![\s\S]))/m.exec(text);
    expect(unreleased?.groups?.['body'], 'Unreleased section').to.match(/^### (?:Added|Changed|Fixed|Removed)\n\n- /m);
  });
});
