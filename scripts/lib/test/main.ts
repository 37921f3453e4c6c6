import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { addCounts, killRunningJobs, runJob, summaryLine } from './job.ts';
import type { Job, JobResult, JobSettings } from './job.ts';
import { FAULT_GROUP, NIGHTLY_GROUP, PARALLEL_GROUPS, planJobs, SERIAL_GROUPS } from './plan.ts';
import type { Group, Plan, Selection } from './plan.ts';

const USAGE = `Usage: scripts/test [options] [test files]

Without options: tsc, eslint, prettier, and all tests but those that kill and starve processes.

  --checks       tsc, eslint, prettier only
  --unit --contract --parity --simulator --integration --hadoop --e2e
                 only the named groups (may be combined, also with --checks)
  --faults       only test/fault: killed processes, full disks, lost connections
  --nightly      10,000 seeds of the simulator, on all cores; a failing seed prints how to run it again
  --all          everything, faults included, but not --nightly
  --grep TEXT    only tests whose full title matches
  --coverage     also writes coverage/ and prints its summary
  --help

The last line is "N passed, N failed" or "N passed, N failed, N skipped"; each check counts as one test.
The exit code is 0 only when nothing failed and at least one test ran.`;

const USAGE_EXIT = 64;
const INTERRUPTED_EXIT = 130;
/** Typed linting takes about 1 GB, so more cores do not mean more processes for ever. */
const MAX_PARALLEL_JOBS = 4;

const root = path.resolve(import.meta.dirname, '../../..');
const coverageFolder = path.join(root, 'coverage');

interface Options {
  readonly selection: Selection;
  readonly coverage: boolean;
}

function readOptions(): Options {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      checks: { type: 'boolean', default: false },
      unit: { type: 'boolean', default: false },
      contract: { type: 'boolean', default: false },
      parity: { type: 'boolean', default: false },
      simulator: { type: 'boolean', default: false },
      integration: { type: 'boolean', default: false },
      hadoop: { type: 'boolean', default: false },
      e2e: { type: 'boolean', default: false },
      faults: { type: 'boolean', default: false },
      nightly: { type: 'boolean', default: false },
      all: { type: 'boolean', default: false },
      coverage: { type: 'boolean', default: false },
      grep: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const usual = [...PARALLEL_GROUPS, ...SERIAL_GROUPS];
  const named = usual.filter((group) => values[group]);
  const groups: Group[] = [...named];
  if (values.faults) groups.push(FAULT_GROUP);
  if (values.nightly) groups.push(NIGHTLY_GROUP);
  const everything = !values.checks && groups.length === 0 && positionals.length === 0;
  const selection: Selection = {
    checks: values.checks || values.all || everything,
    groups: values.all ? [...usual, FAULT_GROUP] : everything ? usual : groups,
    files: positionals,
    grep: values.grep,
    forbidOnly: (process.env['CI'] ?? '') !== '',
  };
  return { selection, coverage: values.coverage };
}

async function runParallel(jobs: readonly Job[], settings: JobSettings): Promise<JobResult[]> {
  const waiting = [...jobs];
  const results: JobResult[] = [];
  const lane = async (): Promise<void> => {
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      const result = await runJob(job, settings);
      report(result);
      results.push(result);
    }
  };
  const laneCount = Math.min(os.availableParallelism(), MAX_PARALLEL_JOBS);
  await Promise.all(Array.from({ length: laneCount }, lane));
  return results;
}

async function runSerial(jobs: readonly Job[], settings: JobSettings): Promise<JobResult[]> {
  const results: JobResult[] = [];
  for (const job of jobs) {
    const result = await runJob(job, { ...settings, live: true });
    report(result);
    results.push(result);
  }
  return results;
}

const TROUBLE_CHARS_MAX = 3_000;

/** What must be looked at, told once more at the end: logs are long, and often cut in the middle. */
function troublesOf({ name, counts, output, complaint, troubles }: JobResult): string[] {
  const told = troubles.map((text) => `${name}: ${text}`);
  if (complaint !== undefined) told.push(`${name}: ${complaint}`);
  return counts.failed > 0 && told.length === 0 ? [`${name}: ${output.trim().slice(-TROUBLE_CHARS_MAX)}`] : told;
}

function report(result: JobResult): void {
  if (result.output !== '') console.log(result.output.trimEnd());
  if (result.complaint !== undefined) console.log(`${result.name}: ${result.complaint}`);
  console.log(`== ${result.name}: ${summaryLine(result.counts)} (${(result.elapsedMs / 1000).toFixed(1)} s)\n`);
}

async function runPlan(plan: Plan, environment: NodeJS.ProcessEnv): Promise<readonly JobResult[]> {
  const workFolder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-test-'));
  const stop = (): void => {
    killRunningJobs();
    rmSync(workFolder, { recursive: true, force: true });
    process.exit(INTERRUPTED_EXIT);
  };
  process.once('SIGINT', stop);
  process.once('SIGTERM', stop);
  process.once('SIGHUP', stop);
  try {
    const settings = { root, workFolder, live: false, environment };
    const parallel = await runParallel(plan.parallel, settings);
    return [...parallel, ...(await runSerial(plan.serial, settings))];
  } finally {
    rmSync(workFolder, { recursive: true, force: true });
  }
}

function reportCoverage(rawFolder: string): void {
  const c8 = path.join(root, 'node_modules/c8/bin/c8.js');
  spawnSync(process.execPath, [c8, 'report', '--temp-directory', rawFolder], { cwd: root, stdio: 'inherit' });
}

async function main(): Promise<void> {
  const { selection, coverage } = readOptions();
  const plan = planJobs(root, selection);
  for (const group of plan.emptyGroups) console.log(`== ${group}: no test files`);
  const rawFolder = path.join(coverageFolder, 'raw');
  if (coverage) rmSync(coverageFolder, { recursive: true, force: true });
  const environment = coverage ? { ...process.env, NODE_V8_COVERAGE: rawFolder } : process.env;
  const results = await runPlan(plan, environment);
  if (coverage) reportCoverage(rawFolder);
  const counts = results.map((result) => result.counts).reduce(addCounts, { passed: 0, failed: 0, skipped: 0 });
  for (const text of results.flatMap(troublesOf)) console.log(`${text}\n`);
  const nothingRan = counts.passed + counts.failed === 0;
  if (nothingRan) console.log('no test ran');
  process.exitCode = counts.failed > 0 || nothingRan ? 1 : 0;
  console.log(summaryLine(counts));
}

try {
  await main();
} catch (err) {
  if (!(err instanceof TypeError) || !('code' in err)) throw err;
  console.error(`${err.message}\n\n${USAGE}`);
  process.exitCode = USAGE_EXIT;
}
