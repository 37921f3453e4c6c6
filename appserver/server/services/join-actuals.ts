import { AppError } from '#contracts';
import type { Database } from '#store';
import type { AccuracyStates, Outcome } from '../monitoring/accuracy.ts';
import { isoTime, type Span } from '../monitoring/time-range.ts';
import { joinedPredictions, type JoinedPrediction } from './joined-outcomes.ts';

/** Predictions of one answer at most. */
const PREDICTIONS_MAX = 1_000_000;

/** Predictions with ids, and those of them whose outcome is known. */
export interface JoinedGroup {
  predictionCount: number;
  actualCount: number;
  readonly states: AccuracyStates;
}

/**
 * Adds the predictions of a time and their outcomes to groups.
 *
 * @param groupOf where a prediction counts; undefined: nowhere
 * @throws VALIDATION_FAILED for more predictions than one answer holds
 */
export async function joinActuals(
  source: { readonly database: Database; readonly store: Database },
  asked: { readonly deploymentId: string; readonly modelId: string },
  span: Span,
  groupOf: (prediction: JoinedPrediction) => JoinedGroup | undefined,
): Promise<void> {
  let read = 0;
  for await (const page of joinedPredictions(source, asked, span)) {
    read += page.length;
    if (read > PREDICTIONS_MAX) throw tooMany(span);
    for (const [group, predictions] of Map.groupBy(page, groupOf)) {
      if (group === undefined) continue;
      group.predictionCount += predictions.length;
      group.actualCount += group.states.add(
        predictions.flatMap(({ prediction, actual }): Outcome[] => (actual === null ? [] : [{ prediction, actual }])),
      );
    }
  }
}

function tooMany({ from, to }: Span): AppError {
  const message = `${isoTime(from)} to ${isoTime(to)} has more than ${PREDICTIONS_MAX} predictions with association ids: ask for a shorter time`;
  return new AppError('VALIDATION_FAILED', `query: /from ${message}`, { errors: [{ path: '/from', message }] });
}
