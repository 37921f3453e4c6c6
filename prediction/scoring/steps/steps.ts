import { AppError, type ManifestStep, type MatrixColumn, type ParseRule } from '#contracts';
import { categoryKey } from '../parse/category.ts';
import { datePart } from './date-parts.ts';
import { checkTextStep, compileTexts, textGroups, type PlacedTextStep } from '../text/text-scores.ts';
import { isText, type CategoryValues, type FeatureValues, type InputFeature } from './feature-values.ts';

/**
 * Writes a step's columns for rows `from` (inclusive) to `to` (exclusive) of its feature's values into a row-major buffer:
 * row r, column c of the step at `out[(r - from + outRow) * columnCount + firstColumn + c]`.
 */
export type StepApply = (
  values: FeatureValues,
  from: number,
  to: number,
  out: Float64Array,
  columnCount: number,
  firstColumn: number,
  outRow: number,
) => void;

/** The parse rules that a kind of step can read. */
const READABLE: Readonly<Record<ManifestStep['kind'], readonly ParseRule['kind'][]>> = {
  numeric: ['number', 'date'],
  'category-codes': ['category'],
  'date-parts': ['date'],
  'text-scores': ['category'],
};

/** A category code must fit int32. */
const CODE_MAX = 2 ** 31 - 1;

/**
 * Proves that a step can be applied: its feature exists and has a rule that it can read, its keys are different and are
 * keys under that rule, its codes fit int32.
 *
 * @throws ARTIFACT_INVALID
 */
export function checkStep(step: ManifestStep, index: number, features: readonly InputFeature[]): void {
  const fail = (what: string): never => {
    throw new AppError('ARTIFACT_INVALID', `step ${index} (${step.kind}): ${what}`);
  };
  const feature = features[step.feature];
  if (feature === undefined) return fail(`feature ${step.feature} of ${features.length}`);
  const { parse } = feature;
  if (!READABLE[step.kind].includes(parse.kind))
    return fail(`reads ${parse.kind}, expected ${READABLE[step.kind].join(' or ')}`);
  if (isText(feature) !== (step.kind === 'text-scores'))
    return fail(`feature ${JSON.stringify(feature.name)} is ${feature.type ?? 'no text'}`);
  if (step.kind === 'text-scores') checkTextStep(step, fail);
  if (step.kind !== 'category-codes' || parse.kind !== 'category') return;
  if (new Set(step.keys).size !== step.keys.length) fail('a key appears twice');
  const wrong = step.keys.find((key) => categoryKey(key, parse.keyRule) !== key);
  if (wrong !== undefined) fail(`a key is none under the rule ${parse.keyRule}`);
  if (step.missingCode !== null && step.missingCode > CODE_MAX) fail(`missingCode is ${step.missingCode}`);
}

/**
 * Matrix columns that a step makes, in order. A date part's column is `<feature>.<part>`, a text's `<feature>.<tokens>` or,
 * where there are several outputs, `<feature>.<tokens>.<output>`.
 */
export function stepColumns(step: ManifestStep, features: readonly { readonly name: string }[]): MatrixColumn[] {
  const name = features[step.feature]?.name ?? '';
  switch (step.kind) {
    case 'numeric':
      return [{ name, sourceFeature: name, kind: 'dense' }];
    case 'category-codes':
      return [{ name, sourceFeature: name, kind: 'category' }];
    case 'date-parts':
      return step.parts.map((part) => ({ name: `${name}.${part}`, sourceFeature: name, kind: 'dense' }));
    case 'text-scores':
      return Array.from({ length: step.outputCount }, (_, output) => ({
        name: `${name}.${step.tokens}${step.outputCount === 1 ? '' : `.${output}`}`,
        sourceFeature: name,
        kind: 'dense',
      }));
  }
}

/** How many matrix columns a step makes. */
export function stepColumnCount(step: ManifestStep): number {
  if (step.kind === 'text-scores') return step.outputCount;
  return step.kind === 'date-parts' ? step.parts.length : 1;
}

/** Compiles a step for many rows. Not re-entrant; a category step remembers the codes of the dictionary it saw last. */
export function compileStep(step: ManifestStep): StepApply {
  switch (step.kind) {
    case 'numeric':
      return (values, from, to, out, columnCount, firstColumn, outRow) => {
        const numbers = numbersOf(values);
        for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount) {
          out[at] = numbers[row] ?? NaN;
        }
      };
    case 'date-parts':
      return (values, from, to, out, columnCount, firstColumn, outRow) => {
        const seconds = numbersOf(values);
        for (const [part, name] of step.parts.entries()) {
          for (let row = from, at = outRow * columnCount + firstColumn + part; row < to; row += 1, at += columnCount) {
            out[at] = datePart(seconds[row] ?? NaN, name);
          }
        }
      };
    case 'category-codes':
      return compileCategoryStep(step);
    case 'text-scores':
      return compileTextSteps([{ step, column: 0 }]);
  }
}

function compileTextSteps(steps: readonly PlacedTextStep[]): StepApply {
  const score = compileTexts(steps);
  return (values, from, to, out, columnCount, firstColumn, outRow) => {
    if (values.kind !== 'text') throw new AppError('INTERNAL', `a text step was given values of kind ${values.kind}`);
    for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount)
      score(values.texts[row] ?? null, out, at);
  };
}

/** A compiled step, or several that read one text, with the column that their columns are counted from. */
export interface CompiledStep {
  readonly feature: number;
  readonly firstColumn: number;
  readonly apply: StepApply;
}

/**
 * Compiles steps for the matrix that has the columns of all of them in their order.
 *
 * @param isUsed false for steps whose columns are left as they are; all are used by default
 */
export function compileSteps(
  steps: readonly ManifestStep[],
  isUsed: (index: number) => boolean = () => true,
): { readonly compiled: readonly CompiledStep[]; readonly columnCount: number } {
  const compiled: CompiledStep[] = [];
  const texts: PlacedTextStep[] = [];
  let columnCount = 0;
  for (const [index, step] of steps.entries()) {
    const firstColumn = columnCount;
    columnCount += stepColumnCount(step);
    if (!isUsed(index)) continue;
    if (step.kind === 'text-scores') texts.push({ step, column: firstColumn });
    else compiled.push({ feature: step.feature, firstColumn, apply: compileStep(step) });
  }
  for (const group of textGroups(texts))
    compiled.push({ feature: group[0]?.step.feature ?? 0, firstColumn: 0, apply: compileTextSteps(group) });
  return { compiled, columnCount };
}

function compileCategoryStep(step: Extract<ManifestStep, { kind: 'category-codes' }>): StepApply {
  const codeOf = categoryCodes(step);
  const missing = step.missingCode ?? NaN;
  let known: CategoryValues['keys'] | null = null;
  let table = new Float64Array(0);
  let tableSize = 0;
  return (values, from, to, out, columnCount, firstColumn, outRow) => {
    if (values.kind !== 'category')
      throw new AppError('INTERNAL', `a category step was given values of kind ${values.kind}`);
    const { codes, keys } = values;
    if (known !== keys) [known, tableSize] = [keys, 0];
    if (table.length < keys.length) {
      const larger = new Float64Array(Math.max(keys.length, 2 * table.length));
      larger.set(table.subarray(0, tableSize));
      table = larger;
    }
    for (; tableSize < keys.length; tableSize += 1) {
      const key = keys[tableSize] ?? null;
      table[tableSize] = key === null ? missing : (codeOf.get(key) ?? NaN);
    }
    for (let row = from, at = outRow * columnCount + firstColumn; row < to; row += 1, at += columnCount) {
      const code = codes[row] ?? -1;
      out[at] = code < 0 ? missing : (table[code] ?? NaN);
    }
  };
}

/** Code of each key of a category step. */
export function categoryCodes(step: Extract<ManifestStep, { kind: 'category-codes' }>): Map<string, number> {
  return new Map(step.keys.map((key, code) => [key, code]));
}

function numbersOf(values: FeatureValues): Float64Array {
  if (values.kind !== 'number')
    throw new AppError('INTERNAL', `a numeric step was given values of kind ${values.kind}`);
  return values.values;
}
