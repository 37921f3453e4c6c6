import { DeploymentTelemetry, ImportedTelemetry, TELEMETRY_MEDIA_TYPE } from '#contracts';
import { countedEvents, telemetryTotals } from '#store';
import { SEALED_BYTES_MAX } from '#telemetry';
import { isoOf } from '../auth/authenticate.ts';
import { readBytes } from '../http/body.ts';
import { ok, route, type Route } from '../route.ts';
import { readDeployment } from '../services/deployments.ts';
import { importSegment } from '../services/import-telemetry.ts';
import { noteRefusedTelemetry } from '../services/telemetry.ts';
import { IdParams } from './params.ts';

const NOTHING_COUNTED = { events: 0, lastHour: null };
const NOTHING_HEARD = { duplicates: 0, lost: {}, missing: 0, refused: {} };

const telemetry = route({
  method: 'GET',
  path: '/api/v1/deployments/{id}/telemetry',
  summary: 'What has become of the events of its predictions',
  tag: 'monitoring',
  access: 'user',
  params: IdParams,
  answers: { 200: { description: 'events counted, heard again, lost', schema: DeploymentTelemetry } },
  handler: async ({ database, monitoring, config }, { caller, params }) => {
    const { id } = await readDeployment(database, caller, params.id);
    const found = await monitoring.read(async (store) => ({
      counted: await countedEvents(store, id),
      totals: await telemetryTotals(store),
    }));
    const { events, lastHour } = found?.counted ?? NOTHING_COUNTED;
    const { duplicates, lost, missing, refused } = found?.totals ?? NOTHING_HEARD;
    const lostBy = { ...lost, ...(missing === 0 ? {} : { unheard: missing }) };
    return ok({
      deploymentId: id,
      transport: config.telemetry.transport,
      received: events,
      lastHour: lastHour === null ? null : isoOf(lastHour),
      duplicate: duplicates,
      lost: Object.values(lostBy).reduce((sum, count) => sum + count, 0),
      lostBy,
      refusedSegments: refused,
    });
  },
});

const importing = route({
  method: 'POST',
  path: '/api/v1/telemetry/import',
  summary: 'A segment of telemetry that was carried out of a closed network; the same again changes nothing',
  tag: 'monitoring',
  access: 'user',
  bytes: TELEMETRY_MEDIA_TYPE,
  takesKey: false,
  answers: { 200: { description: 'it will be counted, or was counted before', schema: ImportedTelemetry } },
  handler: async (app, { req, signal }) => {
    const carried = await readBytes(req, SEALED_BYTES_MAX, app.config.server.requestTimeoutMs);
    return ok(await importSegment(app, carried, signal));
  },
  refused: noteRefusedTelemetry,
});

export const monitoringRoutes: readonly Route[] = [telemetry, importing];
