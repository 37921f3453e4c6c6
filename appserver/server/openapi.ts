import { Problem, PROBLEM_MEDIA_TYPE, type TSchema } from '#contracts';
import { PROGRAM_VERSION } from '#runtime';
import type { AnswerSpec, Route } from './route.ts';

type Json = Readonly<Record<string, unknown>>;

const JSON_MEDIA_TYPE = 'application/json';

/** The OpenAPI 3.1 document of the routes; internal ones are left out. @see https://spec.openapis.org/oas/v3.1.1 */
export function openApiOf(routes: readonly Route[]): Json {
  const components = new Map<string, unknown>();
  const paths = new Map<string, Record<string, unknown>>();
  for (const route of routes.filter((entry) => entry.access !== 'internal')) {
    const item = paths.get(route.path) ?? {};
    item[route.method.toLowerCase()] = operationOf(route, components);
    paths.set(route.path, item);
  }
  referTo(Problem, components);
  return {
    openapi: '3.1.1',
    info: {
      title: 'Trainyard',
      version: PROGRAM_VERSION,
      description: 'Automated machine learning: datasets, projects, models, predictions, deployments.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/' }],
    security: [{ apiKey: [] }, { session: [] }],
    tags: [...new Set(routes.filter((entry) => entry.access !== 'internal').map((entry) => entry.tag))].map((name) => ({
      name,
    })),
    paths: Object.fromEntries([...paths].sort(([a], [b]) => (a < b ? -1 : 1))),
    components: {
      schemas: Object.fromEntries([...components].sort(([a], [b]) => (a < b ? -1 : 1))),
      securitySchemes: {
        apiKey: { type: 'http', scheme: 'bearer', description: 'API key' },
        session: { type: 'apiKey', in: 'cookie', name: 'trainyard_session' },
      },
    },
  };
}

function operationOf(route: Route, components: Map<string, unknown>): Json {
  const content: Record<string, unknown> = {};
  if (route.body !== undefined) content[JSON_MEDIA_TYPE] = { schema: referTo(route.body, components) };
  if (route.multipart !== undefined) content['multipart/form-data'] = { schema: referTo(route.multipart, components) };
  if (route.bytes !== undefined) content[route.bytes] = { schema: { type: 'string', format: 'binary' } };
  return {
    operationId: operationIdOf(route),
    summary: route.summary,
    tags: [route.tag],
    ...(route.access === 'open' ? { security: [] } : {}),
    'x-access': route.access,
    ...(route.access === 'open' ? {} : { 'x-scope': route.scopes.join(' or ') }),
    parameters: parametersOf(route, components),
    ...(Object.keys(content).length === 0 ? {} : { requestBody: { required: true, content } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(route.answers).map(([status, answer]) => [status, responseOf(answer, components)]),
      ),
      default: {
        description: 'Problem document; `code` is listed in docs/errors.md',
        content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
      },
    },
  };
}

/** `GET /api/v1/datasets/{id}/rows` -> `getDatasetsIdRows`. */
function operationIdOf(route: Route): string {
  const words = route.path
    .replace('/api/v1', '')
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== '');
  return route.method.toLowerCase() + words.map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join('');
}

function responseOf(answer: AnswerSpec, components: Map<string, unknown>): Json {
  const schema = answer.schema === undefined ? undefined : referTo(answer.schema, components);
  const types = answer.mediaTypes ?? (schema === undefined ? [] : [JSON_MEDIA_TYPE]);
  return {
    description: answer.description,
    ...(types.length === 0
      ? {}
      : { content: Object.fromEntries(types.map((type) => [type, schema === undefined ? {} : { schema }])) }),
  };
}

const header = (name: string, description: string): Json => ({
  name,
  in: 'header',
  required: false,
  description,
  schema: { type: 'string' },
});

function parametersOf(route: Route, components: Map<string, unknown>): Json[] {
  const named = [...route.path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name ?? '',
    in: 'path',
    required: true,
    schema: { type: 'string' },
  }));
  const query = Object.entries((route.query?.properties ?? {}) as Record<string, TSchema>).map(([name, schema]) => ({
    name,
    in: 'query',
    required: route.query?.required?.includes(name) ?? false,
    schema: referTo(schema, components),
  }));
  const statuses = Object.keys(route.answers).map(Number);
  const headers: Json[] = [header('X-Request-Id', 'echoed in the answer and in logs')];
  if (route.takesKey) headers.push(header('Idempotency-Key', 'the same request again gets the first answer'));
  if (route.method === 'GET' && statuses.includes(200))
    headers.push(header('If-None-Match', 'answers 304 if unchanged'));
  if (statuses.includes(206)) {
    headers.push(header('Range', 'bytes=N- goes on at byte N'));
    headers.push(header('If-Range', 'the ETag of what was begun: all of it is answered if it changed'));
  }
  if (['PATCH', 'PUT', 'DELETE'].includes(route.method)) headers.push(header('If-Match', 'answers 412 if changed'));
  if (statuses.includes(202) || route.path === '/api/v1/jobs/{id}')
    headers.push(header('Prefer', 'wait=N holds the answer up to N seconds (60 at most) until the job is final'));
  return [...named, ...query, ...headers];
}

/** A schema as OpenAPI shows it: those with an `$id` once, under components. */
function referTo(schema: TSchema, components: Map<string, unknown>): unknown {
  return refer(JSON.parse(JSON.stringify(schema)), components);
}

function refer(value: unknown, components: Map<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => refer(item, components));
  if (typeof value !== 'object' || value === null) return value;
  const { $id, ...rest } = value as Readonly<Record<string, unknown>>; // an object, by the line above
  const inner = Object.fromEntries(Object.entries(rest).map(([key, item]) => [key, refer(item, components)]));
  if (typeof $id !== 'string') return inner;
  components.set($id, inner);
  return { $ref: `#/components/schemas/${$id}` };
}
