import type { EnsembleTask, TrainTask } from '#contracts';
import type { ObjectStore } from '#object-store';
import type { SealedAttempt } from '../queue/index.ts';
import { verifyEnsemble } from './verify-ensemble.ts';
import { verifyModel } from './verify-model.ts';

/** What a worker sealed, to be proven the model of its task. */
export type ModelCheck =
  | { readonly kind: 'train'; readonly spec: TrainTask; readonly sealed: SealedAttempt<'train'> }
  | { readonly kind: 'ensemble'; readonly spec: EnsembleTask; readonly sealed: SealedAttempt<'ensemble'> };

/** All of a store that a check needs. */
export type ReadableStore = Pick<ObjectStore, 'readAll'>;

/**
 * Checks in the thread that calls it, and does hardly anything else meanwhile.
 *
 * @returns SHA-256 of `manifest.json`
 * @throws ARTIFACT_INVALID, RESULT_MISMATCH; what the store throws
 */
export const runCheck = (check: ModelCheck, store: ReadableStore): Promise<string> =>
  check.kind === 'train'
    ? verifyModel(check.spec, check.sealed, store)
    : verifyEnsemble(check.spec, check.sealed, store);
