import { expect } from 'chai';
import { describe, it } from 'mocha';
import { countReports } from '../../../scripts/lib/java/junit-report.ts';

const report = (counts: string): string =>
  `<?xml version="1.0"?>\n<testsuite name="A" ${counts}>\n<testcase/></testsuite>`;

describe('reports of JUnit', () => {
  it('adds up tests, failures, errors and skips', () => {
    expect(
      countReports([
        report('time="0.1" tests="5" errors="1" skipped="1" failures="1"'),
        report('tests="2" errors="0" skipped="0" failures="0"'),
      ]),
    ).to.deep.equal({ passed: 4, failed: 2, skipped: 1 });
  });

  it('refuses a report without counts, which must not pass for no failure', () => {
    expect(() => countReports(['<testsuite name="A" tests="1">'])).to.throw('failures');
    expect(() => countReports([''])).to.throw('tests');
  });
});
