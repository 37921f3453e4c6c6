import type { InsightTask } from '#contracts';
import { outputCountOf } from '#scoring';
import { SEGMENT_ROWS_MAX } from '../insights/segments/limits.ts';
import { isSmall } from '../fit/out-of-fold-source.ts';
import { forecastOf, type MemoryForecast, type MemoryPart } from './forecast.ts';
import { forecastTraining } from './forecast-training.ts';
import * as limits from './limits.ts';
import { heldBackBytes, scoringBytes } from './predictions.ts';

/**
 * What an insight is predicted to take at most: a bounded sample of rows, or, of a learning curve, the fits that it repeats on half of the rows
 * and what it compares them with.
 *
 * @param artifactBytes of the model
 */
export function forecastInsight(task: InsightTask, artifactBytes: number): MemoryForecast {
  const { insight, table, target, train } = task;
  if (insight === 'learning-curve' && train !== undefined) {
    const { peakBytes, phase, parts } = forecastTraining({ ...train, sampleFraction: train.sampleFraction / 2 });
    const facts = { rowCount: table.rowCount, outputCount: outputCountOf(target) };
    const compared = isSmall(facts)
      ? 2 * heldBackBytes(facts.rowCount, facts.outputCount, false)
      : scoringBytes(facts, facts.rowCount);
    return { peakBytes: peakBytes + compared, phase, parts: [...parts, { what: 'comparison', bytes: compared }] };
  }
  // Values as they are read, as the model reads them and as they are permuted; predictions before and after.
  const rowBytes = 3 * 8 * table.columns.length + 4 * 8 * outputCountOf(target);
  const sample = Math.min(limits.INSIGHT_SAMPLE_BYTES, Math.min(table.rowCount, SEGMENT_ROWS_MAX) * rowBytes);
  return forecastOf([...modelParts(artifactBytes), { what: 'sample', bytes: sample }], []);
}

/** What a task has that predicts with a model. @param artifactBytes of the model */
export const modelParts = (artifactBytes: number): MemoryPart[] => [
  { what: 'program', bytes: limits.PROGRAM_BYTES },
  { what: 'freed pages', bytes: limits.RETAINED_BYTES },
  { what: 'reading', bytes: limits.READING_BYTES },
  { what: 'opened model', bytes: limits.OPENED_BYTES },
  { what: 'artefact', bytes: artifactBytes },
];
