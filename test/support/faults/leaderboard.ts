import {
  METRIC_FACTS,
  Leaderboard,
  type LeaderboardEntry,
  type ModelScores,
  type EnsembleOutcome,
  type TrainOutcome,
} from '#contracts';
import { rawRows, type Database } from '#store';
import type { Api } from '../api.ts';
import type { Change } from './history.ts';

type ModelOutcome = TrainOutcome | EnsembleOutcome;

interface ModelRow {
  readonly id: string;
  readonly task_id: string;
  readonly planned: string;
}

/** The part of an entry that only results decide. */
type Computed = Pick<LeaderboardEntry, 'rank' | 'modelId' | 'scores' | 'rowCount' | 'fitSeconds' | 'sizeBytes'>;

const NO_SCORES: ModelScores = { validation: null, crossValidation: null, holdout: null };

/**
 * I6: what the API shows as a project's leaderboard is what its committed results give, byte by byte: computed here
 * anew, from the sealed outcomes of the recorded history.
 */
export async function leaderboardFollowsFromResults(
  api: Api,
  database: Database,
  history: readonly Change[],
  projectId: string,
): Promise<string[]> {
  const board = await api.get(`/projects/${projectId}/leaderboard`, Leaderboard);
  if (board.metric === null) return [];
  const { metric } = board;
  const models = await rawRows<ModelRow>(
    database,
    'select id, task_id, planned from models where project_id = ? order by created_at, position, id',
    [projectId],
  );
  const outcomes = committedOutcomes(history);
  const trained = models.flatMap((model) => {
    const outcome = outcomes.get(model.task_id);
    return outcome === undefined ? [] : [{ model, outcome }];
  });
  const scoresOf = (modelId: string): ModelScores =>
    trained.find(({ model }) => model.id === modelId)?.outcome.scores ?? NO_SCORES;
  const recommended = board.data.find((entry) => entry.recommended)?.modelId;
  const sign = METRIC_FACTS[metric].direction === 'higher' ? -1 : 1;
  const rows = trained.map(({ model, outcome }, order) => {
    const { refitOf } = JSON.parse(model.planned) as { refitOf: string | null }; // PlannedTask, written by insertModel
    const scores = outcome.scores ?? scoresOf(refitOf ?? '');
    const score = (scores.crossValidation ?? scores.validation)?.[metric] ?? null;
    return { model, outcome, scores, order, key: score === null ? Infinity : sign * score };
  });
  rows.sort(
    (a, b) =>
      (a.key === b.key ? 0 : a.key - b.key) ||
      Number(b.model.id === recommended) - Number(a.model.id === recommended) ||
      a.order - b.order,
  );
  const expected = rows.map(({ model, outcome, scores }, index): Computed => ({
    rank: index + 1,
    modelId: model.id,
    scores: { ...scores, holdout: board.holdoutLocked ? null : scores.holdout },
    rowCount: outcome.rowCount,
    fitSeconds: outcome.fitMs / 1000,
    sizeBytes: outcome.sizeBytes,
  }));
  const found = board.data.map(({ rank, modelId, scores, rowCount, fitSeconds, sizeBytes }): Computed => ({
    rank,
    modelId,
    scores,
    rowCount,
    fitSeconds,
    sizeBytes,
  }));
  return JSON.stringify(found) === JSON.stringify(expected)
    ? []
    : [`I6 project ${projectId}: the leaderboard is not what its results give`];
}

function committedOutcomes(history: readonly Change[]): Map<string, ModelOutcome> {
  const inserted = history.filter(({ operation }) => operation === 'insert');
  const results = inserted.filter(({ relation }) => relation === 'result');
  const seals = inserted.filter(({ relation }) => relation === 'task_seal');
  return new Map(
    results.flatMap(({ row }) => {
      const seal = seals.find(
        (change) => change.row['task_id'] === row['task_id'] && change.row['fence'] === row['fence'],
      );
      const text = seal?.row['outcome'];
      const outcome = (typeof text === 'string' ? JSON.parse(text) : null) as ModelOutcome | null; // or another kind's
      return outcome?.kind === 'train' || outcome?.kind === 'ensemble'
        ? [[String(row['task_id']), outcome] as const]
        : [];
    }),
  );
}
