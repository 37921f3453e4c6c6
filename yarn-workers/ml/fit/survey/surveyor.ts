import type { ManifestStep, RowSpan, TrainingStatistics } from '#contracts';
import type { FeatureValues } from '#scoring';
import type { Member } from '../row-roles.ts';
import type { StateParts } from './state-parts.ts';

/** Gathers what the rows of a span tell about a feature. */
export interface Gatherer {
  /** @param chosen the rows of the batch that statistics of numbers are made from */
  add(decoded: FeatureValues, rowCount: number, firstRow: number, chosen: Uint32Array): void;
  /** Once, at the end of the span. */
  parts(): StateParts;
}

/** What spans tell about a feature, one after the other. */
export interface Surveyor {
  gather(span: RowSpan): Gatherer;
  /** Takes the state of the span that follows those before. */
  merge(state: StateParts): void;
  /** Of all that was merged; none of a text: its step is part of the fit. */
  steps(member: Member, feature: number): ManifestStep[];
  /** Of a category. */
  levels?(member: Member, rowsMin: number, most: number): LevelCounts;
  /** Once, at the end. */
  statistics(feature: number): TrainingStatistics;
}

/** Levels of a category with their training rows. */
export interface LevelCounts {
  readonly keys: readonly string[];
  readonly counts: readonly number[];
  readonly missingCount: number;
  /** Of all levels, those that are not among the keys too. */
  readonly levelCount: number;
}
