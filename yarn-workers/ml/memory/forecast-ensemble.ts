import type { EnsembleTask } from '#contracts';
import { outputCountOf } from '#scoring';
import { ENSEMBLE_MEMBERS_MAX, SELECTION_TERMS_MAX, VALIDATION_PARTS } from '../ensemble/limits.ts';
import { isSmall } from '../fit/out-of-fold-source.ts';
import { forecastOf, type MemoryForecast } from './forecast.ts';
import * as limits from './limits.ts';
import { heldBackBytes, scoringBytes } from './predictions.ts';

/**
 * What blending models is predicted to take at most. Above 4 Mi rows that are held back nothing grows with them.
 *
 * @param heldBack rows that each model holds back, which the task does not say
 * @param artifactBytes of each member that is known
 */
export function forecastEnsemble(
  task: EnsembleTask,
  heldBack: number,
  artifactBytes: readonly number[],
): MemoryForecast {
  const { members, membersMax, stepsMax, refitOf, target } = task;
  const outputCount = outputCountOf(target);
  const chosen = refitOf === null ? Math.min(membersMax, ENSEMBLE_MEMBERS_MAX) : members.length;
  const sizes = members
    .map((_, index) => artifactBytes[index] ?? limits.UNKNOWN_ARTIFACT_BYTES)
    .toSorted((a, b) => b - a);
  const blend = sizes.slice(0, chosen).reduce((sum, bytes) => sum + bytes, 0);
  const always = [
    { what: 'program', bytes: limits.PROGRAM_BYTES },
    { what: 'freed pages', bytes: limits.RETAINED_BYTES },
    { what: 'opened model', bytes: limits.OPENED_BYTES },
  ];
  // The parts of a split that is not cross-validated; folds make it fewer rows.
  const termsPerRow = outputCount * members.length * (stepsMax + 2) * (VALIDATION_PARTS + 1);
  const choosing = Math.min(heldBack, SELECTION_TERMS_MAX / termsPerRow);
  const facts = { rowCount: heldBack, outputCount };
  // The ensemble, and the best single model that it is compared with.
  const held = isSmall(facts) ? 2 * heldBackBytes(heldBack, outputCount, false) : 0;
  const scored = isSmall(facts) ? scoringBytes(facts, heldBack) : 3 * limits.SCORED_BLOCKS_BYTES;
  return forecastOf(always, [
    {
      name: 'choice',
      // Predictions as they are taken, and as raw scores of all models.
      parts: [{ what: 'rows that choose', bytes: choosing * outputCount * 8 * (members.length + 2) }],
    },
    {
      name: 'predictions',
      parts: [
        // Beside those that are blended each part may have another best model.
        { what: 'blocks', bytes: Math.min(members.length, chosen + VALIDATION_PARTS) * limits.BLENDED_BLOCK_BYTES },
        { what: 'predictions of held-back rows', bytes: refitOf === null ? held : 0 },
        { what: 'scores', bytes: refitOf === null ? scored : 0 },
      ],
    },
    {
      name: 'artefact',
      parts: [
        { what: 'predictions of held-back rows', bytes: refitOf === null ? held / 2 : 0 },
        { what: 'the blend', bytes: blend },
        { what: 'a member', bytes: sizes[0] ?? 0 },
        { what: 'reading', bytes: limits.READING_BYTES },
      ],
    },
  ]);
}
