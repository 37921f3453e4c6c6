import { Type } from '#contracts';
import { openApiOf } from '../openapi.ts';
import { ok, route, type Route } from '../route.ts';
import { actualsRoutes } from './actuals.ts';
import { alertsRoutes } from './alerts.ts';
import { autopilotRoutes } from './autopilot.ts';
import { batchPredictionRoutes } from './batch-predictions.ts';
import { challengerRoutes } from './challengers.ts';
import { complianceReportRoutes } from './compliance-report.ts';
import { blueprintRoutes } from './blueprints.ts';
import { datasetRoutes } from './datasets.ts';
import { deploymentHealthRoutes } from './deployment-health.ts';
import { deploymentRoutes } from './deployments.ts';
import { exportRoutes } from './exports.ts';
import { featureListRoutes } from './feature-lists.ts';
import { identityRoutes } from './identity.ts';
import { jobRoutes } from './jobs.ts';
import { loginRoutes } from './login.ts';
import { modelRoutes } from './models.ts';
import { modelQuestionRoutes } from './model-questions.ts';
import { monitoringRoutes } from './monitoring.ts';
import { operationRoutes } from './operations.ts';
import { packageRoutes } from './packages.ts';
import { projectRoutes } from './projects.ts';
import { unavailableRoutes } from './unavailable.ts';
import { workerRoutes } from './workers.ts';

const openApi = route({
  method: 'GET',
  path: '/api/v1/openapi.json',
  summary: 'This document',
  tag: 'operations',
  access: 'open',
  answers: { 200: { description: 'OpenAPI 3.1', schema: Type.Object({}) } },
  handler: async () => ok(apiDocument),
});

/** All routes of the REST contract. */
export const apiRoutes: readonly Route[] = [
  ...datasetRoutes,
  ...projectRoutes,
  ...featureListRoutes,
  ...autopilotRoutes,
  ...blueprintRoutes,
  ...modelRoutes,
  ...modelQuestionRoutes,
  ...exportRoutes,
  ...complianceReportRoutes,
  ...batchPredictionRoutes,
  ...deploymentRoutes,
  ...challengerRoutes,
  ...packageRoutes,
  ...monitoringRoutes,
  ...deploymentHealthRoutes,
  ...actualsRoutes,
  ...alertsRoutes,
  ...jobRoutes,
  ...identityRoutes,
  ...loginRoutes,
  ...operationRoutes,
  ...workerRoutes,
  openApi,
  ...unavailableRoutes,
];

/** The OpenAPI document of {@link apiRoutes}. */
export const apiDocument = openApiOf(apiRoutes);
