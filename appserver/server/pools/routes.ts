import { ApplicationIdText, strict, SyncAnswer, SyncRequest } from '#contracts';
import { bearerOf } from '../queue/tokens.ts';
import { ok, route, type Route } from '../route.ts';
import { syncApplication, type SyncContext } from './application-sync.ts';

/** Thousands of containers with their diagnostics. */
const SYNC_BYTES_MAX = 16 * 1024 * 1024;

/** The route of application masters. */
export const poolRoutes = (context: SyncContext): Route[] => [
  route({
    method: 'POST',
    path: '/internal/v1/yarn-applications/{applicationId}/sync',
    summary: 'An application master tells what it holds and hears what there is to be',
    tag: 'workers',
    access: 'internal',
    params: strict({ applicationId: ApplicationIdText }),
    query: strict({}),
    body: SyncRequest,
    bodyBytesMax: SYNC_BYTES_MAX,
    answers: { 200: { description: 'what there is to be', schema: SyncAnswer } },
    refused: ({ queue }, err, { applicationId = '' }) => queue.refusals.note('sync', err, applicationId),
    handler: async (_app, { headers, params, body }) =>
      ok(await syncApplication(context, bearerOf(headers.authorization), params.applicationId, body)),
  }),
];
