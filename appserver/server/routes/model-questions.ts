import { ComparisonQuery, ExplainRequest, ModelComparison, RowExplanations } from '#contracts';
import { ok, route, type Route } from '../route.ts';
import { compareModels, explainModelRows } from '../services/model-questions.ts';
import { IdParams } from './params.ts';

const tag = 'models';

const comparison = route({
  method: 'GET',
  path: '/api/v1/models/{id}/comparison',
  summary: 'A model held against another one on the same rows, with an interval',
  tag,
  access: 'user',
  params: IdParams,
  query: ComparisonQuery,
  answers: { 200: { description: 'both scores, the gain and its interval', schema: ModelComparison } },
  handler: async ({ database, store, verifier }, { caller, params, query }) =>
    ok(await compareModels({ database, store, verifier }, caller, params.id, query.with)),
});

const explanations = route({
  method: 'POST',
  path: '/api/v1/models/{id}/explanations',
  summary: 'Predictions of some rows, each with what its features add',
  tag,
  access: 'user',
  params: IdParams,
  body: ExplainRequest,
  answers: { 200: { description: 'one entry a row', schema: RowExplanations } },
  handler: async ({ database, store, verifier }, { caller, params, body }) =>
    ok(await explainModelRows({ database, store, verifier }, caller, params.id, body)),
});

/** Questions about models that are answered at once. */
export const modelQuestionRoutes: readonly Route[] = [comparison, explanations];
