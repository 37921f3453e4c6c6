import type { ColumnWarning, DatasetProfile, FeatureWarning } from '#contracts';
import type { TaskRun } from '../child/task-run.ts';

/** Findings about columns that a task's log repeats; all of them are in the profile. */
const WARNINGS_LOGGED_MAX = 50;

/** Tells the first of them. */
export function logWarnings({ reporter }: Pick<TaskRun, 'reporter'>, warnings: readonly ColumnWarning[]): void {
  for (const { warning, name } of warnings.slice(0, WARNINGS_LOGGED_MAX))
    reporter.log(`column ${JSON.stringify(name)}: ${warning.message} ${warning.handling}`);
}

/** Adds what reading found about single columns to what profiling found. */
export function withWarnings(profile: DatasetProfile, found: readonly ColumnWarning[]): DatasetProfile {
  const byPosition = new Map<number, FeatureWarning[]>();
  for (const { position, warning } of found) {
    const list = byPosition.get(position);
    if (list === undefined) byPosition.set(position, [warning]);
    else list.push(warning);
  }
  return {
    ...profile,
    features: profile.features.map((feature) => {
      const more = byPosition.get(feature.position) ?? [];
      const known = new Set(feature.warnings.map(({ code }) => code));
      return { ...feature, warnings: [...more.filter(({ code }) => !known.has(code)), ...feature.warnings] };
    }),
  };
}

/** One sentence about the table for each kind of finding about its columns. */
export function tableWarnings(found: readonly ColumnWarning[]): FeatureWarning[] {
  const byCode = new Map<string, ColumnWarning[]>();
  for (const one of found) byCode.set(one.warning.code, [...(byCode.get(one.warning.code) ?? []), one]);
  return [...byCode.values()].flatMap((list) => {
    const first = list[0];
    if (first === undefined) return [];
    if (list.length === 1) return [first.warning];
    const { code, handling } = first.warning;
    return [
      {
        code,
        message: `${list.length} columns, the first is ${JSON.stringify(first.name)}: ${first.warning.message}`,
        handling,
      },
    ];
  });
}
