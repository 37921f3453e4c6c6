import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { apiDocument, apiRoutes } from '#appserver';

/** Every route that the REST contract promises; `docs/openapi.json` must hold at least these. */
const PROMISED = `
POST GET /datasets
GET DELETE /datasets/{id}
POST /datasets/{id}/versions
GET /datasets/{id}/features
PATCH /datasets/{id}/features/{name}
GET /datasets/{id}/rows
GET /datasets/{id}/quality
POST GET /projects
GET PATCH DELETE /projects/{id}
GET /projects/{id}/members
POST GET /projects/{id}/autopilot
POST /projects/{id}/autopilot/pause
POST /projects/{id}/autopilot/resume
POST /projects/{id}/autopilot/stop
POST /projects/{id}/autopilot/replay
GET /projects/{id}/leaderboard
GET /projects/{id}/recommended-model
POST /projects/{id}/holdout/unlock
GET /projects/{id}/blueprints
GET /blueprints/{id}
GET /blueprint-steps
POST /projects/{id}/models
GET POST /projects/{id}/feature-lists
GET PATCH /models/{id}
GET /models/{id}/parameters
GET /models/{id}/blueprint
GET /models/{id}/log
GET /models/{id}/insights
GET POST /models/{id}/insights/{kind}
GET /models/{id}/comparison
GET /models/{id}/compliance-report
POST /models/{id}/explanations
GET /models/{id}/artifact
GET /models/{id}/training-predictions
POST GET /batch-predictions
GET /batch-predictions/{id}
GET /batch-predictions/{id}/rows
GET POST /batch-prediction-schedules
DELETE /batch-prediction-schedules/{id}
POST GET /deployments
GET PATCH DELETE /deployments/{id}
PUT /deployments/{id}/model
GET /deployments/{id}/history
GET /deployments/{id}/package
POST /deployments/{id}/actuals
GET /deployments/{id}/service-health
GET /deployments/{id}/feature-drift
GET /deployments/{id}/target-drift
GET /deployments/{id}/accuracy
GET /deployments/{id}/predictions-over-time
GET PUT /deployments/{id}/alerts
GET /deployments/{id}/telemetry
GET /prediction-servers
POST /telemetry/import
POST /auth/login
POST /auth/logout
GET /me
GET POST /api-keys
DELETE /api-keys/{id}
GET POST /users
PATCH DELETE /users/{id}
GET POST /groups
PATCH DELETE /groups/{id}
GET PUT /quotas
GET /audit
GET POST /connections
PATCH DELETE /connections/{id}
POST /connections/{id}/test
GET /connections/{id}/tables
GET POST /drivers
DELETE /drivers/{id}
GET /workers
GET /queue
PATCH /queue/{taskId}
GET /pools
GET /health
GET /version
GET /metrics
GET /openapi.json
GET /tasks/{id}/log
GET /jobs
GET DELETE /jobs/{id}
`;

const promised = PROMISED.trim()
  .split('\n')
  .flatMap((line) => {
    const words = line.split(' ');
    return words.slice(0, -1).map((method) => `${method} /api/v1${words.at(-1) ?? ''}`);
  });

interface Operation {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: unknown }>>;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
}
const paths = apiDocument['paths'] as Readonly<Record<string, Readonly<Record<string, Operation>>>>; // made by openApiOf
const operations = Object.entries(paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, path, operation })),
);

describe('OpenAPI', () => {
  it('is written down in docs/openapi.json (scripts/docs)', () => {
    const file = readFileSync(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8');
    expect(
      file === `${JSON.stringify(apiDocument, null, 2)}\n`,
      'docs/openapi.json is stale: run scripts/docs',
    ).to.equal(true);
  });

  it('has every route that is promised, and every one that is declared', () => {
    const names = operations.map((entry) => entry.name);
    expect(names).to.include.members(promised);
    expect(names).to.have.members(apiRoutes.map((route) => `${route.method} ${route.path}`));
  });

  it('resolves every reference and names every operation once', () => {
    const text = JSON.stringify(apiDocument);
    const { schemas } = apiDocument['components'] as { schemas: Readonly<Record<string, unknown>> }; // made by openApiOf
    const references = new Set(
      [...text.matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)].map((match) => match[1] ?? ''),
    );
    expect([...references].filter((name) => !(name in schemas))).to.deep.equal([]);
    expect(text).to.not.include('"$id"');
    const ids = operations.map((entry) => entry.operation.operationId);
    expect(new Set(ids).size).to.equal(ids.length);
  });

  it('documents path parameters, successes and problems of every operation', () => {
    for (const { name, path, operation } of operations) {
      const inPath = operation.parameters
        .filter((parameter) => parameter.in === 'path')
        .map((parameter) => parameter.name);
      expect(inPath, name).to.deep.equal([...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]));
      expect(operation.responses, name).to.have.property('default');
      const statuses = Object.keys(operation.responses).filter((status) => status !== 'default');
      expect(statuses, name).to.not.be.empty;
      for (const status of statuses)
        if (status !== '204' && status !== '501')
          expect(operation.responses[status], `${name} ${status}`).to.have.property('content');
    }
  });
});
