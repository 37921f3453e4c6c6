import type { ManifestStep } from '#contracts';
import { firstColumnsOf } from './steps.ts';

/** A used step, its number among all and its first column. */
export interface PlacedStep {
  readonly number: number;
  readonly step: ManifestStep;
  readonly first: number;
}

export function placedSteps(steps: readonly ManifestStep[], usedSteps: ReadonlySet<number>): PlacedStep[] {
  const firstColumns = firstColumnsOf(steps);
  return steps.flatMap((step, number) =>
    usedSteps.has(number) ? [{ number, step, first: firstColumns[number] ?? 0 }] : [],
  );
}
