import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { COUNTS_FILE_VARIABLE, type TestCounts } from '../../../test/support/reporter.ts';
import { countReports } from './junit-report.ts';
import { maven, missingForJava } from './maven.ts';

/** Runs the unit tests of the Java programs, prints what failed, and leaves the counts for `scripts/test`. */
async function main(): Promise<number> {
  const missing = missingForJava();
  if (missing.length > 0) {
    console.log(`- Java tests (skipped) [${missing.join('; ')}]`);
    leaveCounts({ passed: 0, failed: 0, skipped: 1 });
    return 0;
  }
  const target = mkdtempSync(path.join(os.tmpdir(), 'trainyard-java-'));
  try {
    const { exitCode, words } = await maven(['test', `-Dtrainyard.target=${target}`]);
    if (exitCode !== 0) console.log(words);
    const reports = globSync('surefire-reports/TEST-*.xml', { cwd: target });
    // Without a report nothing was counted, which `scripts/test` takes for a failure.
    if (reports.length > 0) {
      leaveCounts(countReports(reports.map((name) => readFileSync(path.join(target, name), 'utf8'))));
    }
    return exitCode;
  } finally {
    rmSync(target, { recursive: true, force: true });
  }
}

function leaveCounts(counts: TestCounts): void {
  console.log(`java: ${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  const file = process.env[COUNTS_FILE_VARIABLE];
  if (file !== undefined) writeFileSync(file, JSON.stringify(counts));
}

process.exitCode = await main();
