import { globSync } from 'node:fs';
import path from 'node:path';
import type { Job } from './job.ts';

/** Test groups in the order of their cost. `bench` is no test; `fault` runs only when asked for. */
export const PARALLEL_GROUPS = ['unit', 'contract', 'parity'] as const;
export const SERIAL_GROUPS = ['simulator', 'integration', 'hadoop', 'e2e'] as const;
export const FAULT_GROUP = 'fault';
/** Thousands of seeds of the simulator; runs only when asked for. */
export const NIGHTLY_GROUP = 'nightly';

export type Group =
  (typeof PARALLEL_GROUPS)[number] | (typeof SERIAL_GROUPS)[number] | typeof FAULT_GROUP | typeof NIGHTLY_GROUP;

export interface Selection {
  readonly checks: boolean;
  readonly groups: readonly Group[];
  /** Single files instead of groups; relative to the root. */
  readonly files: readonly string[];
  readonly grep: string | undefined;
  /** True in continuous integration: a test singled out with `.only` fails the job. */
  readonly forbidOnly: boolean;
}

export interface Plan {
  /** Jobs that do not disturb each other; longest first. */
  readonly parallel: readonly Job[];
  /** Jobs that start servers, measure time or use all cores: one after the other, alone. */
  readonly serial: readonly Job[];
  /** Groups in which there is no file. */
  readonly emptyGroups: readonly Group[];
}

const SECOND_MS = 1000;
const CHECK_LIMIT_MS = 600 * SECOND_MS;
const GROUP_LIMIT_MS: Readonly<Record<Group, number>> = {
  unit: 900 * SECOND_MS,
  contract: 600 * SECOND_MS,
  parity: 900 * SECOND_MS,
  integration: 2700 * SECOND_MS,
  hadoop: 1200 * SECOND_MS,
  e2e: 900 * SECOND_MS,
  simulator: 900 * SECOND_MS,
  nightly: 6 * 3600 * SECOND_MS,
  fault: 5400 * SECOND_MS,
};
/**
 * Groups whose tests start real daemons and browsers: a test of theirs that fails is repeated once, and told at the end of
 * the output even if it passes then. One that waits for a Java process on a busy machine is not made certain; one that fails
 * twice is broken. All other groups depend on nothing but the code.
 */
const REPEATED_GROUPS: readonly Group[] = ['integration', 'hadoop', 'e2e'];
const FILES_LIMIT_MS = 1800 * SECOND_MS;

const MOCHA = 'node_modules/mocha/bin/mocha.js';
const LINT: Job = check('eslint', 'node_modules/eslint/bin/eslint.js', '--max-warnings=0', '.');
const TYPES: Job = check('tsc', 'node_modules/typescript/bin/tsc', '--noEmit', '--project', '.');
/** The application master's unit tests. */
const JAVA: Job = {
  name: 'java',
  kind: 'junit',
  args: ['scripts/lib/java/test.ts'],
  timeLimitMs: 300 * SECOND_MS,
};
const FORMAT: Job = check('prettier', 'node_modules/prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.');

/** Lays out the processes of one call of `scripts/test`; reads the file names under `root`/test only. */
export function planJobs(root: string, selection: Selection): Plan {
  const emptyGroups: Group[] = [];
  const parallel: Job[] = selection.checks ? [LINT] : [];
  const serial: Job[] = [];
  for (const group of selection.groups) {
    const files = filesOf(root, group);
    if (files.length === 0) {
      emptyGroups.push(group);
      continue;
    }
    const alone = !PARALLEL_GROUPS.some((name) => name === group);
    (alone ? serial : parallel).push(mocha(group, files, GROUP_LIMIT_MS[group], selection));
  }
  if (selection.groups.includes('unit') && selection.grep === undefined) parallel.push(JAVA);
  if (selection.checks) parallel.push(TYPES, FORMAT);
  if (selection.files.length > 0) serial.push(mocha('files', selection.files, FILES_LIMIT_MS, selection));
  return { parallel, serial, emptyGroups };
}

const HADOOP_FOLDER = 'test/integration/hadoop/';

/**
 * The files of a group, sorted. Those that share a Hadoop cluster have a process of their own: its daemons are children of
 * that process, and tests that measure the memory of their own process tree must not find them there.
 */
function filesOf(root: string, group: Group): string[] {
  if (group === NIGHTLY_GROUP) return globSync('test/simulator/**/*.nightly.ts', { cwd: root }).sort();
  if (group === 'hadoop') return globSync(`${HADOOP_FOLDER}**/*.test.ts`, { cwd: root }).sort();
  const files = globSync(`test/${group}/**/*.test.ts`, { cwd: root }).sort();
  return files.filter((file) => !file.startsWith(HADOOP_FOLDER));
}

function check(name: string, program: string, ...args: readonly string[]): Job {
  return { name, kind: 'check', args: [program, ...args], timeLimitMs: CHECK_LIMIT_MS };
}

function mocha(name: string, files: readonly string[], timeLimitMs: number, selection: Selection): Job {
  const options = [
    ...(selection.forbidOnly ? ['--forbid-only'] : []),
    ...(REPEATED_GROUPS.some((group) => group === name) ? ['--retries=1'] : []),
    ...(selection.grep === undefined ? [] : ['--grep', selection.grep]),
  ];
  const paths = files.map((file) => path.normalize(file));
  return { name, kind: 'mocha', args: [MOCHA, ...options, ...paths], timeLimitMs };
}
