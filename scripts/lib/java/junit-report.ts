import type { TestCounts } from '../../../test/support/reporter.ts';

/**
 * Adds up the reports that Maven's surefire writes, one XML text for each test class.
 * @see https://maven.apache.org/surefire/maven-surefire-plugin/xsd/surefire-test-report.xsd
 * @throws Error for a text without counts
 */
export function countReports(texts: readonly string[]): TestCounts {
  let [all, failed, skipped] = [0, 0, 0];
  for (const text of texts) {
    const suite = /<testsuite\b[^>]*>/.exec(text)?.[0] ?? '';
    all += numberOf(suite, 'tests');
    failed += numberOf(suite, 'failures') + numberOf(suite, 'errors');
    skipped += numberOf(suite, 'skipped');
  }
  return { passed: all - failed - skipped, failed, skipped };
}

function numberOf(suite: string, name: string): number {
  const digits = new RegExp(`\\s${name}="(\\d+)"`).exec(suite)?.[1];
  if (digits === undefined) throw new Error(`surefire report: the suite has no count of ${name}`);
  return Number(digits);
}
