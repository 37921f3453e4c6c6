import { findActuals, readAssociations, type Database, type KeyedPrediction } from '#store';
import type { Span } from '../monitoring/time-range.ts';

/** Predictions that are read at a time. */
const PAGE = 2_000;

/** A prediction with an association id, and what came true where it is known. */
export interface JoinedPrediction extends Omit<KeyedPrediction, 'key'> {
  /** Text of a class label, or of a number; null: not known. */
  readonly actual: string | null;
}

/**
 * Predictions of a model that can be joined with outcomes, in the order of time, a page at a time.
 * @param store the monitoring store
 */
export async function* joinedPredictions(
  { database, store }: { readonly database: Database; readonly store: Database },
  asked: { readonly deploymentId: string; readonly modelId: string },
  span: Span,
): AsyncGenerator<JoinedPrediction[]> {
  let after: KeyedPrediction | null = null;
  for (;;) {
    const page: KeyedPrediction[] = await readAssociations(store, asked, span, { after, limit: PAGE });
    const keys = page.map(({ key }) => key);
    const actuals = await findActuals(database, asked.deploymentId, keys);
    yield page.map(({ key, ...prediction }) => ({ ...prediction, actual: actuals.get(key)?.actual ?? null }));
    after = page.at(-1) ?? null;
    if (page.length < PAGE) return;
  }
}
