import { Accuracy, ActualsRequest, ActualsTaken, ACTUALS_MAX, TargetDriftQuery } from '#contracts';
import { readBytes } from '../http/body.ts';
import { actualsOfCsv } from '../monitoring/read-actuals.ts';
import { ok, route, type Route } from '../route.ts';
import { accuracyOf, takeActuals } from '../services/actuals.ts';
import { readDeployment } from '../services/deployments.ts';
import { sha256Of } from '../services/hashes.ts';
import { IdParams } from './params.ts';

const tag = 'monitoring';
const CSV_MEDIA_TYPE = 'text/csv';
/** Some hundred bytes an outcome. */
const ACTUALS_BYTES_MAX = 32 * 1024 * 1024;

const actuals = route({
  method: 'POST',
  path: '/api/v1/deployments/{id}/actuals',
  summary: 'True outcomes of its predictions, by association id: late, repeated and corrected ones are merged',
  tag,
  access: 'user',
  params: IdParams,
  body: ActualsRequest,
  bytes: CSV_MEDIA_TYPE,
  bodyBytesMax: ACTUALS_BYTES_MAX,
  answers: { 200: { description: 'all were taken', schema: ActualsTaken } },
  handler: async (app, { caller, params, body, req, effect }) => {
    const deployment = await readDeployment(app.database, caller, params.id);
    const isJson = Array.isArray(body);
    const bytes = isJson ? null : await readBytes(req, ACTUALS_BYTES_MAX, app.config.server.requestTimeoutMs);
    const rows = bytes === null ? body : actualsOfCsv(bytes.toString('utf8'), ACTUALS_MAX);
    const bodyHash = bytes === null ? undefined : sha256Of(bytes);
    return effect(async (trx) => ok(await takeActuals(app, trx, deployment, rows)), bodyHash);
  },
});

const accuracy = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/accuracy',
  summary: 'Its predictions beside true outcomes, and what is expected without them',
  tag,
  access: 'user',
  params: IdParams,
  query: TargetDriftQuery,
  answers: { 200: { description: 'altogether and by bucket', schema: Accuracy } },
  handler: async (app, { caller, params, query }) =>
    ok(await accuracyOf(app, await readDeployment(app.database, caller, params.id), query)),
});

/** Outcomes of predictions and how right these were. */
export const actualsRoutes: readonly Route[] = [actuals, accuracy];
