import { writeFileSync } from 'node:fs';
import Mocha from 'mocha';
import type { Runner, Suite, Test } from 'mocha';

/** What one mocha process counted; written as JSON for `scripts/test` when the suite ended by itself. */
export interface TestCounts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** The counts with what a person must look at. */
export interface TestReport extends TestCounts {
  /** Each failure, and each test that passed at its second attempt only: its whole title, and what it said. */
  readonly troubles: readonly string[];
}

/** Names the file that receives the {@link TestReport}; unset when mocha is started by hand. */
export const COUNTS_FILE_VARIABLE = 'MOCHA_COUNTS_FILE';

const INDENT = '  ';
const TROUBLE_CHARS_MAX = 3_000;

/**
 * Spec-like reporter: one line per test, failures in full at the end, skipped tests listed once more by their titles
 * (a title carries the reason, see `skip.ts`), attempts that failed where a group may repeat them, and the counts as a file. A process that dies early leaves no file,
 * which is how the caller notices.
 */
export class TrainyardReporter extends Mocha.reporters.Base {
  private depth = 0;
  private readonly pendingTitles: string[] = [];
  private readonly troubles: string[] = [];

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
    runner.on('retry', (test: Test, err: Error) => {
      this.line(`REPEATED ${test.title}`);
      this.troubles.push(trouble('repeated', test, err));
    });
    runner.on('fail', (test: Test, err: Error) => {
      this.line(`FAILED ${this.failures.length}) ${test.title}`);
      this.troubles.push(trouble('failed', test, err));
    });
    runner.once('end', () => {
      this.finish();
    });
  }

  private line(text: string): void {
    console.log(INDENT.repeat(this.depth) + text);
  }

  private finish(): void {
    const counts: TestReport = {
      passed: this.stats.passes,
      failed: this.stats.failures,
      skipped: this.stats.pending,
      troubles: this.troubles,
    };
    for (const title of this.pendingTitles) console.log(`skipped: ${title}`);
    console.log(`mocha: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
    if (this.failures.length > 0) Mocha.reporters.Base.list(this.failures);
    const file = process.env[COUNTS_FILE_VARIABLE];
    if (file !== undefined && file !== '') writeFileSync(file, JSON.stringify(counts));
  }
}

function trouble(what: string, test: Test, err: Error): string {
  return `${what}: ${test.fullTitle()}\n${err.stack ?? err.message}`.slice(0, TROUBLE_CHARS_MAX);
}

export default TrainyardReporter;
