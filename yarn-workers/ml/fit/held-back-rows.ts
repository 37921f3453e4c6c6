import { canonicalJson, type ManifestStep } from '#contracts';
import type { EncodedRows } from './encoder.ts';

/** Rows that a member did not train on, as its steps encode them. */
export interface HeldBackRows {
  /** Those of its fold, in the order of the table. */
  readonly validation: EncodedRows;
  readonly holdout: EncodedRows;
  /** Forgets them. */
  close(): Promise<void>;
}

/** Whether a matrix of these steps is that of the others, column by column. */
export const areSameSteps = (steps: readonly ManifestStep[], others: readonly ManifestStep[]): boolean =>
  canonicalJson(steps) === canonicalJson(others);
