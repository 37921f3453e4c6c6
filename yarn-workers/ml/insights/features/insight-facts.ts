import type { InsightTask, ManifestContent, StoredInsight } from '#contracts';
import { columnCountOf, isText, stepInputs } from '#scoring';
import type { OutOfFoldFacts } from '../../fit/out-of-fold-file.ts';
import type { OutOfFoldSource } from '../../fit/out-of-fold-source.ts';
import type { OutOfFold } from '../../fit/out-of-fold.ts';
import { rowsMax } from './limits.ts';
import { readSampleRows } from './sample-rows.ts';

/** Features that a model reads, offsets among them, in the order of the manifest. */
export function inputFeaturesOf({ features, steps, members, offsets = [] }: ManifestContent): string[] {
  const read = [...members.flatMap((member) => member.steps), ...offsets.map(({ step }) => step)];
  const used = new Set(read.flatMap((index) => steps.slice(index, index + 1).flatMap(stepInputs)));
  return features.flatMap(({ name }, index) => (used.has(index) ? [name] : []));
}

/** The rows of an insight, with their stored predictions. @throws TOO_FEW_ROWS */
export function insightSample(
  { seed }: Pick<InsightTask, 'seed'>,
  content: ManifestContent,
  source: OutOfFoldSource,
): Promise<OutOfFold> {
  const inputs = new Set(inputFeaturesOf(content));
  const textCount = content.features.filter((feature) => inputs.has(feature.name) && isText(feature)).length;
  const { outputCount } = source.facts;
  return readSampleRows(source, seed, rowsMax(inputs.size, columnCountOf(content.steps), textCount, outputCount));
}

/** What an insight says of its rows, of the predictions of these facts. */
export const factsOf = (
  { modelId }: Pick<InsightTask, 'modelId'>,
  { foldCount, isWeighted }: OutOfFoldFacts,
  rowCount: number,
): Omit<StoredInsight, 'insight'> => ({
  formatVersion: 1,
  predictedBy: modelId,
  partition: foldCount > 1 ? 'crossValidation' : 'validation',
  rowCount,
  isWeighted,
});

/** Stored predictions come from the same code; the mathematical functions of another platform may differ in a last bit. */
const TOLERANCE = 1e-9;

/** Equal but for roundings. */
export const isNear = (a: number, b: number): boolean =>
  Object.is(a, b) || a === b || Math.abs(a - b) <= TOLERANCE * Math.max(1, Math.abs(a), Math.abs(b));
