import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { Runner, Suite, Test } from 'mocha';

/** What one mocha process counted; written as JSON for `scripts/test` when the suite ended by itself. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Names the file that receives the {@link TestCounts}; unset when mocha is started by hand. */
export const COUNTS_FILE_VARIABLE = 'MOCHA_COUNTS_FILE';

const INDENT = '  ';

/**
 * Spec-like reporter: one line per test, failures in full at the end, skipped tests listed once more by their titles
 * (a title carries the reason, see `skip.ts`), and the counts as a file. A process that dies early leaves no file,
 * which is how the caller notices.
 */
export class TrainyardReporter extends Mocha.reporters.Base {
  private depth = 0;
  private readonly pendingTitles: string[] = [];

  constructor(runner: Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.on('suite', (suite: Suite) => {
      if (suite.root) return;
      this.line(suite.title);
      this.depth += 1;
    });
    runner.on('suite end', (suite: Suite) => {
      if (!suite.root) this.depth -= 1;
    });
    runner.on('pass', (test: Test) => {
      const slow = (test.duration ?? 0) > test.slow() ? ` (${test.duration ?? 0} ms)` : '';
      this.line(`+ ${test.title}${slow}`);
    });
    runner.on('pending', (test: Test) => {
      this.pendingTitles.push(test.fullTitle());
      this.line(`- ${test.title} (skipped)`);
    });
    runner.on('fail', (test: Test) => {
      this.line(`FAILED ${this.failures.length}) ${test.title}`);
    });
    runner.once('end', () => {
      this.finish();
    });
  }

  private line(text: string): void {
    console.log(INDENT.repeat(this.depth) + text);
  }

  private finish(): void {
    const counts: TestCounts = {
      passed: this.stats.passes,
      failed: this.stats.failures,
      skipped: this.stats.pending,
    };
    for (const title of this.pendingTitles) console.log(`skipped: ${title}`);
    console.log(`mocha: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    if (this.failures.length > 0) Mocha.reporters.Base.list(this.failures);
    const file = process.env[COUNTS_FILE_VARIABLE];
    if (file !== undefined && file !== '') writeFileSync(file, JSON.stringify(counts));
  }
}

export default TrainyardReporter;
