import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { COUNTS_FILE_VARIABLE } from '../../../test/support/reporter.ts';
import type { TestCounts, TestReport } from '../../../test/support/reporter.ts';

/** One process of `scripts/test`: a static check, which counts as one test, or a mocha or JUnit process, which counts its own. */
export interface Job {
  readonly name: string;
  readonly kind: 'check' | 'mocha' | 'junit';
  /** Arguments of the Node that runs this program. */
  readonly args: readonly string[];
  readonly timeLimitMs: number;
}

export interface JobResult {
  readonly name: string;
  readonly counts: TestCounts;
  readonly elapsedMs: number;
  /** What the process printed, empty when it wrote to the terminal itself; the end of it past the limit. */
  readonly output: string;
  /** Why the job counts a failure that none of its tests reported. */
  readonly complaint: string | undefined;
  /** What its tests say that failed, or passed at their second attempt only. */
  readonly troubles: readonly string[];
}

export interface JobSettings {
  /** Working folder of the process. */
  readonly root: string;
  /** Folder for the counts and the recorded output. */
  readonly workFolder: string;
  /** Show the output while it appears, or record it and show it at the end, so that parallel jobs stay readable. */
  readonly live: boolean;
  readonly environment: NodeJS.ProcessEnv;
}

const OUTPUT_LIMIT_BYTES = 1_000_000;
const LINGER_CHECK_MS = 500;
/** How long a process that has counted its tests may take to end. */
const LINGER_MS = 90_000;
/** Something that its tests started was not closed. */
export const LINGERED = `did not end within ${LINGER_MS / 1000} s of its last test`;

const runningGroups = new Set<number>();

/** Kills every process group that a running job leads. */
export function killRunningJobs(): void {
  for (const pid of runningGroups) killGroup(pid);
}

/**
 * Runs a job to its end or its time limit, whichever comes first. Never rejects for a failing job: a process that
 * cannot start, is killed or ends without its counts is a result with a failure and a complaint.
 */
export async function runJob(job: Job, settings: JobSettings): Promise<JobResult> {
  const countsFile = path.join(settings.workFolder, `${job.name}.counts.json`);
  const outputFile = path.join(settings.workFolder, `${job.name}.log`);
  rmSync(countsFile, { force: true });
  const startedAt = performance.now();
  const ending = await runProcess(job, settings, outputFile, countsFile);
  const elapsedMs = performance.now() - startedAt;
  const output = settings.live ? '' : tail(outputFile);
  const verdict = job.kind === 'check' ? judgeCheck(ending) : judgeMocha(ending, readIfThere(countsFile), job.kind);
  return { name: job.name, elapsedMs, output, ...verdict };
}

/** How a process ended: its exit code, or the text of what stopped it. */
export type Ending = number | string;

export interface Verdict {
  readonly counts: TestCounts;
  readonly complaint: string | undefined;
  readonly troubles: readonly string[];
}

/** A static check is one test: exit code 0 or failed. */
export function judgeCheck(ending: Ending): Verdict {
  if (ending === 0) return { counts: { passed: 1, failed: 0, skipped: 0 }, complaint: undefined, troubles: [] };
  const complaint = typeof ending === 'string' ? ending : undefined;
  return { counts: { passed: 0, failed: 1, skipped: 0 }, complaint, troubles: [] };
}

/**
 * Takes mocha's or JUnit's own counts and adds one failure when they cannot be the whole truth: no counts (the process died or
 * called exit), no test at all, or an exit code that contradicts them.
 */
export function judgeMocha(ending: Ending, countsText: string | undefined, program = 'mocha'): Verdict {
  const report = countsText === undefined ? undefined : parseReport(countsText);
  if (report === undefined) {
    return oneMoreFailure(
      { passed: 0, failed: 0, skipped: 0, troubles: [] },
      `${program} ended before it counted (${describe(ending)})`,
    );
  }
  const { troubles, ...counts } = report;
  if (counts.passed + counts.failed + counts.skipped === 0) return oneMoreFailure(report, 'no test ran');
  // What a first attempt that failed did not close is no failure of its own.
  if (ending === LINGERED && troubles.length > 0)
    return { counts, complaint: undefined, troubles: [...troubles, `${program} ${LINGERED}`] };
  if (counts.failed === 0 && ending !== 0)
    return oneMoreFailure(report, `no test failed, but ${program} ${describe(ending)}`);
  return { counts, complaint: undefined, troubles };
}

export function addCounts(left: TestCounts, right: TestCounts): TestCounts {
  return {
    passed: left.passed + right.passed,
    failed: left.failed + right.failed,
    skipped: left.skipped + right.skipped,
  };
}

/** The line that ends `scripts/test`. */
export function summaryLine(counts: TestCounts): string {
  const line = `${counts.passed} passed, ${counts.failed} failed`;
  return counts.skipped === 0 ? line : `${line}, ${counts.skipped} skipped`;
}

function describe(ending: Ending): string {
  return typeof ending === 'number' ? `exited with code ${ending}` : ending;
}

function oneMoreFailure({ troubles, ...counts }: TestReport, complaint: string): Verdict {
  return { counts: { ...counts, failed: counts.failed + 1 }, complaint, troubles };
}

/** JUnit's has no troubles. */
function parseReport(text: string): TestReport | undefined {
  const value: unknown = JSON.parse(text);
  if (typeof value !== 'object' || value === null) return undefined;
  const { passed, failed, skipped, troubles } = {
    passed: undefined,
    failed: undefined,
    skipped: undefined,
    troubles: [],
    ...value,
  };
  if (!isCount(passed) || !isCount(failed) || !isCount(skipped) || !isTexts(troubles)) return undefined;
  return { passed, failed, skipped, troubles };
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0;
}

async function runProcess(job: Job, settings: JobSettings, outputFile: string, countsFile: string): Promise<Ending> {
  const log = settings.live ? undefined : openSync(outputFile, 'w');
  const target = log ?? 'inherit';
  const child = spawn(process.execPath, job.args, {
    cwd: settings.root,
    stdio: ['ignore', target, target],
    env: { ...settings.environment, [COUNTS_FILE_VARIABLE]: countsFile },
    // A group of its own, so that what the job started ends with it.
    detached: true,
  });
  if (log !== undefined) closeSync(log);
  return new Promise((resolve) => {
    let stopped: string | undefined;
    const stop = (why: string): void => {
      stopped ??= why;
      if (child.pid !== undefined) killGroup(child.pid);
    };
    const timer = setTimeout(
      () => stop(`was killed at its time limit of ${job.timeLimitMs / 1000} s`),
      job.timeLimitMs,
    );
    let lingering: NodeJS.Timeout | undefined;
    const look = setInterval(() => {
      if (existsSync(countsFile)) lingering ??= setTimeout(() => stop(LINGERED), LINGER_MS);
    }, LINGER_CHECK_MS);
    const end = (ending: Ending): void => {
      clearTimeout(timer);
      clearInterval(look);
      clearTimeout(lingering);
      if (child.pid !== undefined) {
        runningGroups.delete(child.pid);
        killGroup(child.pid);
      }
      resolve(stopped ?? ending);
    };
    if (child.pid !== undefined) runningGroups.add(child.pid);
    child.once('error', (err) => end(`could not start: ${err.message}`));
    child.once('exit', (code, signal) => end(code ?? `was ended by ${signal ?? 'an unknown signal'}`));
  });
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group has ended already, which is what was wanted.
  }
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function tail(file: string): string {
  const bytes = readFileSync(file);
  if (bytes.length <= OUTPUT_LIMIT_BYTES) return bytes.toString();
  return `[${bytes.length - OUTPUT_LIMIT_BYTES} bytes left out]\n${bytes.subarray(-OUTPUT_LIMIT_BYTES).toString()}`;
}
