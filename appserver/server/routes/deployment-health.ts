import {
  DeploymentSegmentsAnswer,
  FeatureDrift,
  FeatureDriftQuery,
  PredictionsOverTime,
  RangeQuery,
  SegmentsQuery,
  ServiceHealth,
  TargetDrift,
  TargetDriftQuery,
} from '#contracts';
import { ok, route, type Route } from '../route.ts';
import { readDeployment } from '../services/deployments.ts';
import { featureDriftOf, predictionsOf, serviceHealthOf, targetDriftOf } from '../services/monitoring.ts';
import { segmentsOf } from '../services/segments.ts';
import { IdParams } from './params.ts';

const tag = 'monitoring';

const serviceHealth = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/service-health',
  summary: 'How it was served: requests, errors, latencies',
  tag,
  access: 'user',
  params: IdParams,
  query: RangeQuery,
  answers: { 200: { description: 'altogether and by bucket', schema: ServiceHealth } },
  handler: async (app, { caller, params, query }) =>
    ok(await serviceHealthOf(app, await readDeployment(app.database, caller, params.id), query)),
});

const featureDrift = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/feature-drift',
  summary: 'Its features beside those that the model was trained on',
  tag,
  access: 'user',
  params: IdParams,
  query: FeatureDriftQuery,
  answers: { 200: { description: 'features by falling impact x drift', schema: FeatureDrift } },
  handler: async (app, { caller, params, query, signal }) =>
    ok(await featureDriftOf(app, await readDeployment(app.database, caller, params.id), query, signal)),
});

const targetDrift = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/target-drift',
  summary: 'Its predictions beside those of training rows',
  tag,
  access: 'user',
  params: IdParams,
  query: TargetDriftQuery,
  answers: { 200: { description: 'predictions and probabilities', schema: TargetDrift } },
  handler: async (app, { caller, params, query }) =>
    ok(await targetDriftOf(app, await readDeployment(app.database, caller, params.id), query)),
});

const predictionsOverTime = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/predictions-over-time',
  summary: 'What it has predicted',
  tag,
  access: 'user',
  params: IdParams,
  query: RangeQuery,
  answers: { 200: { description: 'by bucket and model', schema: PredictionsOverTime } },
  handler: async (app, { caller, params, query }) =>
    ok(await predictionsOf(app, await readDeployment(app.database, caller, params.id), query)),
});

const segments = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/segments',
  summary:
    'Its predictions by the levels of a feature: how many, what, whether they have changed, and whether they came true',
  tag,
  access: 'user',
  params: IdParams,
  query: SegmentsQuery,
  answers: { 200: { description: 'levels by falling events', schema: DeploymentSegmentsAnswer } },
  handler: async (app, { caller, params, query, signal }) =>
    ok(await segmentsOf(app, await readDeployment(app.database, caller, params.id), query, signal)),
});

/** What people ask about the health of a deployment. */
export const deploymentHealthRoutes: readonly Route[] = [
  ...[serviceHealth, featureDrift, targetDrift, predictionsOverTime],
  segments,
];
