import type { EnsembleTask, InsightTask, TrainTask } from '#contracts';
import type { ObjectStore } from '#object-store';
import type { SealedAttempt } from '../queue/index.ts';
import { verifyEnsemble } from './verify-ensemble.ts';
import { verifyInsight } from './verify-insight.ts';
import { verifyModel } from './verify-model.ts';

/** What a worker sealed, to be proven the model, or the insight, of its task. */
export type ModelCheck =
  | { readonly kind: 'train'; readonly spec: TrainTask; readonly sealed: SealedAttempt<'train'> }
  | { readonly kind: 'ensemble'; readonly spec: EnsembleTask; readonly sealed: SealedAttempt<'ensemble'> }
  | { readonly kind: 'insight'; readonly spec: InsightTask; readonly sealed: SealedAttempt<'insight'> };

/** All of a store that a check needs: small files as a whole, ranges of large ones. */
export type ReadableStore = Pick<ObjectStore, 'readAll' | 'read'>;

/**
 * Checks in the thread that calls it, and does hardly anything else meanwhile.
 *
 * @returns SHA-256 of `manifest.json`, or of `insight.json`
 * @throws ARTIFACT_INVALID, RESULT_MISMATCH; what the store throws
 */
export function runCheck(check: ModelCheck, store: ReadableStore): Promise<string> {
  switch (check.kind) {
    case 'train':
      return verifyModel(check.spec, check.sealed, store);
    case 'ensemble':
      return verifyEnsemble(check.spec, check.sealed, store);
    case 'insight':
      return verifyInsight(check.spec, check.sealed, store);
  }
}
