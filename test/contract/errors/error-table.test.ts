import { globSync, readFileSync } from 'node:fs';
import { expect } from 'chai';
import { AppError, ERROR_TABLE, exitCodeOf, fromProblem, toProblem, type ErrorCode } from '#contracts';
import { errorsPage } from '../../../scripts/lib/errors-page.ts';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/errors.md', root), 'utf8');
// The cast holds: the keys of the table are the codes.
const codes = Object.keys(ERROR_TABLE) as ErrorCode[];

describe('error table', () => {
  it('is written down in docs/errors.md (scripts/docs)', () => {
    expect(page === errorsPage(), 'docs/errors.md is stale: run scripts/docs').to.equal(true);
  });

  it('documents every code, and no code that is not there', () => {
    const documented = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map((match) => match[1] ?? '');
    expect(documented).to.have.members(codes);
    expect(new Set(documented).size).to.equal(documented.length);
  });

  for (const code of codes) {
    it(`${code}: status, kind, retry, exit code, and the way through a problem document`, () => {
      const row = ERROR_TABLE[code];
      expect(code).to.match(/^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$/);
      expect(row.status).to.be.within(400, 599);
      expect(row.exitCode).to.equal(exitCodeOf(row.kind));
      expect(row.exitCode).to.be.within(10, 20);
      expect(row.retryable).to.equal(['unavailable', 'timeout', 'limited'].includes(row.kind));
      expect(row.title)
        .to.match(/^[A-Z]/)
        .and.not.match(/\.$/);
      expect(row.remedy).to.match(/\.$/);
      const error = new AppError(code, 'subject: finding', { errors: [{ path: '/x', message: 'm' }] });
      expect(error).to.include({ code, status: row.status, kind: row.kind, retryable: row.retryable });
      const problem = toProblem(error, 'req');
      expect(problem).to.deep.include({ code, status: row.status, title: row.title, requestId: 'req' });
      expect(problem.detail.includes('finding')).to.equal(code !== 'INTERNAL');
      expect(fromProblem(problem)).to.deep.include({ code, errors: [{ path: '/x', message: 'm' }] });
    });
  }

  it('has no code that no program uses', () => {
    const files = globSync(
      ['appserver/**/*.ts', 'conf/**/*.ts', 'hdfs-adapter/**/*.ts', 'prediction/**/*.ts', 'yarn-workers/**/*.ts'],
      { cwd: root },
    );
    const text = files
      .filter((file) => !file.endsWith('error-table.ts'))
      .map((file) => readFileSync(new URL(file, root), 'utf8'))
      .join('\n');
    const unused = codes.filter((code) => !text.includes(`'${code}'`));
    expect(unused).to.deep.equal([]);
  });
});
