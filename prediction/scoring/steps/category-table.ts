import type { ManifestStep } from '#contracts';
import { categoryKey, type KeyRule } from '../parse/category.ts';
import { SCORE_MAX } from '../models/tree-arrays.ts';

export type CategoryStep = Extract<ManifestStep, { kind: 'category-codes' | 'category-numbers' }>;

export const isCategoryStep = (step: ManifestStep): step is CategoryStep =>
  step.kind === 'category-codes' || step.kind === 'category-numbers';

/** What a step makes of a category: each of its keys has a place, and so have missing cells and unseen keys. */
export interface CategoryTable {
  readonly placeOf: ReadonlyMap<string, number>;
  readonly missingPlace: number;
  readonly unseenPlace: number;
  readonly columnCount: number;
  /** Places x columns. */
  readonly values: Float64Array;
}

export function categoryTable(step: CategoryStep): CategoryTable {
  const { keys } = step;
  return {
    placeOf: new Map(keys.map((key, place) => [key, place])),
    missingPlace: keys.length,
    unseenPlace: keys.length + 1,
    columnCount: step.kind === 'category-codes' ? 1 : step.outputCount,
    values:
      step.kind === 'category-codes'
        ? Float64Array.from([...keys.keys(), step.missingCode ?? NaN, NaN])
        : Float64Array.from([...step.values, ...step.missing, ...step.unseen]),
  };
}

/** A category code must fit int32. */
const CODE_MAX = 2 ** 31 - 1;

/** Proves that keys are different and keys under the rule, that codes fit int32 and numbers are finite. @throws ARTIFACT_INVALID */
export function checkCategoryStep(step: CategoryStep, keyRule: KeyRule, fail: (what: string) => never): void {
  if (new Set(step.keys).size !== step.keys.length) fail('a key appears twice');
  const wrong = step.keys.find((key) => categoryKey(key, keyRule) !== key);
  if (wrong !== undefined) fail(`a key is none under the rule ${keyRule}`);
  if (step.kind === 'category-codes') {
    if (step.missingCode !== null && step.missingCode > CODE_MAX) fail(`missingCode is ${step.missingCode}`);
    return;
  }
  const { keys, outputCount, values, missing, unseen } = step;
  if (values.length !== keys.length * outputCount)
    fail(`${values.length} values of ${keys.length} keys and ${outputCount} outputs`);
  for (const [name, numbers] of Object.entries({ missing, unseen }))
    if (numbers.length !== outputCount) fail(`${name} has ${numbers.length} values of ${outputCount} outputs`);
  const odd = [...values, ...missing, ...unseen].find((value) => !(Math.abs(value) <= SCORE_MAX));
  if (odd !== undefined) fail(`a value is ${odd}`);
}
