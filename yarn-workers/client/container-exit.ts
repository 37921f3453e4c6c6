import type { Blame } from '#contracts';
import { memoryText } from './wait-reason.ts';

/** What is known about the end of a worker's container. */
export interface ContainerEnd {
  /** YARN's `ContainerExitStatus`, or the exit code of the process. */
  readonly exitStatus: number;
  readonly diagnostics: string;
  /** We had asked for it. */
  readonly wasReleased: boolean;
  /** Memory that it was granted. */
  readonly memoryMb: number;
  /** Most memory that its worker reported; null: none was reported. */
  readonly memorySeenMb: number | null;
}

/** What is to be thought of the node on which it ran. */
export const NODE_VERDICTS = ['none', 'suspect', 'exclude'] as const;
export type NodeVerdict = (typeof NODE_VERDICTS)[number];

/** What the end of a container means for its task, its node and the person who waits. */
export interface ContainerVerdict {
  /** YARN's name of the status, or that of the signal or exit code. */
  readonly name: string;
  /** Somebody asked for it: nothing has gone wrong. */
  readonly isExpected: boolean;
  readonly blame: Blame;
  /** Counts against the attempts of the task it held. */
  readonly isCharged: boolean;
  readonly node: NodeVerdict;
  /** The scheduler is short of room: ask for less, and later. */
  readonly backsOff: boolean;
  /** For the user whose task it held. */
  readonly sentence: string;
}

/** Part of the limit from which a container killed by the kernel is taken for one that was out of memory. */
const MEMORY_SUSPICION = 0.9;
const MEMORY_FACTOR = 1.5;

type Rule = (end: ContainerEnd) => Omit<ContainerVerdict, 'isCharged'>;

const verdict = (
  name: string,
  blame: Blame,
  node: NodeVerdict,
  sentence: string,
  more: { readonly isExpected?: boolean; readonly backsOff?: boolean } = {},
) => ({ name, blame, node, sentence, isExpected: more.isExpected ?? false, backsOff: more.backsOff ?? false });

const fixed =
  (...args: Parameters<typeof verdict>): Rule =>
  () =>
    verdict(...args);

const EXPECTED = { isExpected: true };

/**
 * One row for each status that YARN or a process gives.
 * @see org.apache.hadoop.yarn.api.records.ContainerExitStatus
 */
const RULES: ReadonlyMap<number, Rule> = new Map([
  [0, fixed('SUCCESS', 'worker', 'none', 'the worker left before its task was done')],
  [-100, lostOrReleased],
  [-101, fixed('DISKS_FAILED', 'unknown', 'exclude', 'the disks of its node failed; another node takes the task')],
  [
    -102,
    fixed(
      'PREEMPTED',
      'unknown',
      'none',
      'the scheduler took its container for another queue; it waits for a new one',
      {
        backsOff: true,
      },
    ),
  ],
  [-103, beyondVirtualMemory],
  [-104, beyondMemory],
  [-105, fixed('KILLED_BY_APPMASTER', 'unknown', 'none', 'its container was stopped by the platform', EXPECTED)],
  [-106, fixed('KILLED_BY_RESOURCEMANAGER', 'unknown', 'none', 'its container was stopped by YARN', EXPECTED)],
  [
    -107,
    fixed('KILLED_AFTER_APP_COMPLETION', 'unknown', 'none', 'its container ended with its YARN application', EXPECTED),
  ],
  [
    -108,
    fixed('KILLED_BY_CONTAINER_SCHEDULER', 'unknown', 'none', 'its node took its container for a more important one', {
      backsOff: true,
    }),
  ],
  [-109, fixed('KILLED_FOR_EXCESS_LOGS', 'worker', 'none', 'its worker wrote more logs than the cluster allows')],
  [-1000, neverStarted],
  [134, fixed('SIGABRT', 'task', 'suspect', 'native code aborted its worker (SIGABRT)')],
  [137, killed],
  [139, fixed('SIGSEGV', 'task', 'suspect', 'native code crashed its worker (SIGSEGV)')],
  [143, terminated],
]);

/**
 * Who is to blame for the end of a container, and what to tell the user. Only the task's own fault is charged; a
 * container that was given back is never anybody's fault, whatever its status says: -100, -105, 137 and 143 race.
 */
export function judgeContainerEnd(end: ContainerEnd): ContainerVerdict {
  const rule = end.wasReleased ? released : (RULES.get(end.exitStatus) ?? byItself);
  const result = rule(end);
  return { ...result, isCharged: result.blame === 'task' };
}

const released = fixed('RELEASED', 'unknown', 'none', 'its container was given back by the platform', EXPECTED);

function lostOrReleased({ diagnostics }: ContainerEnd): ReturnType<Rule> {
  const isLost = /lost\* ?node|lost node|expired/i.test(diagnostics);
  const sentence = isLost
    ? 'its node was lost; another node takes the task'
    : 'YARN gave its container back (node gone or master restarted); another takes the task';
  return verdict('ABORTED', 'unknown', 'suspect', sentence);
}

function beyondMemory(end: ContainerEnd): ReturnType<Rule> {
  return verdict('KILLED_EXCEEDED_PMEM', 'memory', 'none', memorySentence(end, 'physical'));
}

function beyondVirtualMemory(end: ContainerEnd): ReturnType<Rule> {
  const advice =
    'ask the administrator to set yarn.nodemanager.vmem-check-enabled to false or to raise yarn.nodemanager.vmem-pmem-ratio';
  const used = usageOf(end.diagnostics, 'virtual');
  const figure = used === null ? '' : ` at ${used.used} of ${used.limit} virtual memory`;
  return verdict(
    'KILLED_EXCEEDED_VMEM',
    'memory',
    'none',
    `killed${figure}, which counts reserved addresses: ${advice}`,
  );
}

function memorySentence(end: ContainerEnd, kind: 'physical'): string {
  const used = usageOf(end.diagnostics, kind);
  const seen = end.memorySeenMb === null ? null : memoryText(end.memorySeenMb);
  const figure = used?.used ?? seen;
  const limit = used?.limit ?? memoryText(end.memoryMb);
  const what = figure === null ? `killed beyond ${limit} of memory` : `killed at ${figure} of ${limit}`;
  return `${what}: ask for ${memoryText(end.memoryMb * MEMORY_FACTOR)} or use fewer columns`;
}

/**
 * Figures of the NodeManager's sentence, as it writes them: `Current usage: 2.1 GB of 2 GB physical memory used; 3 GB of
 * 4.2 GB virtual memory used.`
 */
function usageOf(diagnostics: string, kind: 'physical' | 'virtual'): { used: string; limit: string } | null {
  const found = new RegExp(`([\\d.]+) ?([KMGT]?B) of ([\\d.]+) ?([KMGT]?B) ${kind} memory used`).exec(diagnostics);
  if (found === null) return null;
  const [, used = '', usedUnit = '', limit = '', limitUnit = ''] = found;
  return { used: `${used} ${usedUnit}`, limit: `${limit} ${limitUnit}` };
}

function neverStarted({ diagnostics }: ContainerEnd): ReturnType<Rule> {
  const reason = lastLine(diagnostics);
  return verdict(
    'INVALID',
    'worker',
    'suspect',
    `its container never started${reason === '' ? '' : `: ${reason}`}; another node is tried`,
  );
}

function killed(end: ContainerEnd): ReturnType<Rule> {
  const { memorySeenMb, memoryMb, diagnostics } = end;
  const wasFull = memorySeenMb !== null && memorySeenMb >= memoryMb * MEMORY_SUSPICION;
  if (wasFull || /memory limit|oom/i.test(diagnostics)) {
    return verdict('SIGKILL', 'memory', 'none', memorySentence(end, 'physical'));
  }
  return verdict('SIGKILL', 'unknown', 'suspect', 'its worker was killed from outside (SIGKILL); it is tried again');
}

function terminated(end: ContainerEnd): ReturnType<Rule> {
  if (/beyond the '?(PHYSICAL|VIRTUAL)'? memory limit/i.test(end.diagnostics)) {
    return verdict('SIGTERM', 'memory', 'none', memorySentence(end, 'physical'));
  }
  return verdict('SIGTERM', 'unknown', 'none', 'its worker was told to end from outside (SIGTERM); it is tried again');
}

function byItself({ exitStatus, diagnostics }: ContainerEnd): ReturnType<Rule> {
  const reason = lastLine(diagnostics);
  const sentence = `its worker ended by itself with exit code ${exitStatus}${reason === '' ? '' : `: ${reason}`}`;
  return verdict(`EXIT_${exitStatus}`, 'worker', 'suspect', sentence);
}

const REASON_CHARS_MAX = 300;

/** The part of YARN's text that says most: its last line with words. */
function lastLine(diagnostics: string): string {
  const lines = diagnostics.split('\n').map((line) => line.trim());
  const worded = lines.filter((line) => /[a-z]{3}/i.test(line) && !/^at [\w.$]+\(/.test(line));
  return (worded.at(-1) ?? '').slice(0, REASON_CHARS_MAX);
}
