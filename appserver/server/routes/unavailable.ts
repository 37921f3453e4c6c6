import { AppError } from '#contracts';
import { route, type Method, type Route } from '../route.ts';

/** Routes of the contract that are not built yet. A route moves out of here when it is. */
const UNBUILT: readonly (readonly [methods: string, path: string, what: string, tag: string])[] = [
  ['POST', '/datasets/{id}/versions', 'versions of datasets', 'datasets'],
  ['GET POST', '/projects/{id}/members', 'members of projects', 'projects'],
  ['DELETE', '/projects/{id}/members/{userId}', 'members of projects', 'projects'],
  ['GET POST', '/batch-prediction-schedules', 'schedules of batch predictions', 'batch predictions'],
  ['DELETE', '/batch-prediction-schedules/{id}', 'schedules of batch predictions', 'batch predictions'],
  ['GET POST', '/groups', 'groups', 'identity'],
  ['GET PATCH DELETE', '/groups/{id}', 'groups', 'identity'],
  ['GET PUT', '/quotas', 'quotas', 'operations'],
  ['GET POST', '/connections', 'connections', 'connections'],
  ['GET PATCH DELETE', '/connections/{id}', 'connections', 'connections'],
  ['POST', '/connections/{id}/test', 'connections', 'connections'],
  ['GET', '/connections/{id}/tables', 'connections', 'connections'],
  ['GET POST', '/drivers', 'drivers', 'connections'],
  ['DELETE', '/drivers/{id}', 'drivers', 'connections'],
];

/** One route for each of them: 501 for whoever may ask. */
export const unavailableRoutes: readonly Route[] = UNBUILT.flatMap(([methods, path, what, tag]) =>
  methods.split(' ').map((method) =>
    route({
      // The cast holds: the table above has only names of methods.
      method: method as Method,
      path: `/api/v1${path}`,
      summary: `Not built yet: ${what}`,
      tag,
      access: 'user',
      answers: { 501: { description: 'not available yet' } },
      handler: async () => {
        throw new AppError('NOT_AVAILABLE', `${method} ${path} is not built yet (${what})`);
      },
    }),
  ),
);
