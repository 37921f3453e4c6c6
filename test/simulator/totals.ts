import type { RunReport } from './run.ts';

/** What many seeds together came to. */
export interface Totals {
  seedCount: number;
  taskCount: number;
  faultCount: number;
  /** Kinds of faults that were met. */
  readonly kinds: Set<string>;
  violationCount: number;
}

export const newTotals = (): Totals => ({
  seedCount: 0,
  taskCount: 0,
  faultCount: 0,
  kinds: new Set(),
  violationCount: 0,
});

/** Adds one seed's report. */
export function addReport(
  totals: Totals,
  { taskCount, faults, violations }: Pick<RunReport, 'taskCount' | 'faults' | 'violations'>,
): void {
  totals.seedCount += 1;
  totals.taskCount += taskCount;
  totals.violationCount += violations.length;
  for (const [kind, count] of Object.entries(faults)) {
    totals.faultCount += count;
    totals.kinds.add(kind);
  }
}

/** `100 seeds, 10,000 tasks, 9,000 faults of 150 kinds, violations: 0` */
export function sentenceOf({ seedCount, taskCount, faultCount, kinds, violationCount }: Totals): string {
  const number = (count: number) => count.toLocaleString('en');
  return `${number(seedCount)} seeds, ${number(taskCount)} tasks, ${number(faultCount)} faults of ${kinds.size} kinds, violations: ${violationCount}`;
}
