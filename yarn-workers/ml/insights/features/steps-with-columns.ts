import type { ManifestContent, ManifestStep } from '#contracts';
import { firstColumnsOf } from '#scoring';

/**
 * What is made of the steps of a kind, in their order.
 *
 * @param first column from which on what they are made of stands, `width` columns a step
 * @param make of a step, the first of its columns, and the first of those with what it is made of
 */
export function stepsWithColumns<K extends ManifestStep['kind'], T>(
  steps: ManifestContent['steps'],
  kind: K,
  { first, width }: { readonly first: number; readonly width: number },
  make: (step: Extract<ManifestStep, { kind: K }>, column: number, inputs: number) => T,
): T[] {
  const firstColumns = firstColumnsOf(steps);
  const isOfKind = (step: ManifestStep): step is Extract<ManifestStep, { kind: K }> => step.kind === kind;
  return steps
    .flatMap((step, index) => (isOfKind(step) ? [{ step, column: firstColumns[index] ?? 0 }] : []))
    .map(({ step, column }, place) => make(step, column, first + width * place));
}
