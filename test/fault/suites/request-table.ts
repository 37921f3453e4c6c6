import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import {
  Challenger,
  Job,
  parse,
  TASK_INSIGHTS,
  TELEMETRY_INBOX,
  TELEMETRY_MEDIA_TYPE,
  TELEMETRY_SEGMENTS_PATH,
} from '#contracts';
import { KEY_FILES, randomHex } from '#runtime';
import { rawRows } from '#store';
import { sealSegment, telemetryKeys } from '#telemetry';
import { churnCsv } from '../../integration/worker/support.ts';
import { idOf, type ApiAnswer, type ApiRequest } from '../../support/api.ts';
import type { Lab } from '../../support/faults/lab.ts';
import { QUICK, startRun } from '../../support/faults/runs.ts';
import { newProject } from '../../support/modelling.ts';
import { eventFrames } from '../../support/telemetry/segments.ts';

/** What the requests are about: a project with trained models, and what a request has made for itself. */
export interface Scene {
  readonly lab: Lab;
  readonly datasetId: string;
  readonly projectId: string;
  /** Trained models of the project, two at least. */
  readonly modelIds: readonly string[];
  /** A worker that has ended. */
  readonly workerId: string;
  /** The resource that this try is about. */
  id: string;
  /** Where the resource belongs to a project of its own. */
  ownProjectId: string;
  /** Of who is logged in. */
  session: Readonly<Record<string, string>>;
}

/** A request that changes something. */
export interface Request {
  /** Makes what only this try needs. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  /** Sends it; `key` is its Idempotency-Key and a name that no other try has. */
  readonly send: (scene: Scene, key: string) => Promise<ApiAnswer>;
  /** How often its effect is there. */
  readonly count: (scene: Scene, key: string) => Promise<number>;
  /** Statuses that tell a client, who does not know what became of the first try, that all is well. */
  readonly statuses: readonly number[];
  /** Brings to an end what `prepare` left open. */
  readonly finish?: (scene: Scene) => Promise<void>;
  /** Failpoints before and after what the database keeps. @default those around the commit of the transaction */
  readonly points?: readonly string[];
  /** Its failpoints are not those of users' requests. */
  readonly isInternal?: boolean;
  /** Whether what it accepts (202) is a job, which must be the same one each time. @default true */
  readonly isJob?: boolean;
}

/** A handler of one statement: no transaction is open in it. */
const AROUND_HANDLER = ['beforeHandler', 'afterHandler'];

async function countOf({ lab }: Scene, sql: string, ...values: string[]): Promise<number> {
  return Number((await rawRows(lab.database, `select count(*) as n from ${sql}`, values))[0]?.['n']);
}

const has = (sql: string) => (scene: Scene) => countOf(scene, sql, scene.id);
const isGone = (sql: string) => async (scene: Scene) => 1 - (await countOf(scene, sql, scene.id));
const isNamed = (table: string) => (scene: Scene, key: string) => countOf(scene, `${table} where name = ?`, key);

type Address = (scene: Scene) => string;
const send =
  (method: string, route: Address, json?: (scene: Scene, key: string) => unknown) => (scene: Scene, key: string) =>
    scene.lab.api.request(method, route(scene), {
      headers: { 'idempotency-key': key },
      ...(json === undefined ? {} : { json: json(scene, key) }),
    });

/** Makes something and takes down its id. */
async function make(scene: Scene, route: string, request: ApiRequest): Promise<void> {
  const answer = await scene.lab.api.request('POST', route, request);
  if (answer.status !== 201) throw new Error(`POST ${route}: ${answer.text}`);
  scene.id = (answer.json as { id: string }).id; // what was made, by the contract
}

const makeDeployment = (scene: Scene) =>
  make(scene, '/deployments', { json: { modelId: scene.modelIds[0], name: 'served' } });
/** As if a user had named where alarms go, to nobody who listens. */
const setChannel = async ({ lab, id }: Scene): Promise<void> => {
  const channels = [{ type: 'webhook', url: 'http://receiver.invalid/' }];
  const settings = { enabled: true, falseAlarmsPerMonth: 2, channels, mutedFeatures: [] };
  await lab.database.knex('alert_watch').insert({ deployment_id: id, settings: JSON.stringify(settings) });
};
/** As if a look had raised it. */
const raiseAlarm = async ({ lab, id }: Scene): Promise<void> => {
  const finding = { kind: 'silence', feature: null, excess: 2, pValue: 0.001, facts: { usualRequests: 20 } };
  const of = { id: `alt_${id}`, deployment_id: id, model_id: 'mdl_1', family: 'service', closed_at: null };
  const rest = { opened_at: 0, last_at: 0, finding: JSON.stringify(finding), threshold: 1, false_alarm: null };
  await lab.database.knex('alert').insert({ ...of, ...rest });
};
const makeUser = (scene: Scene) =>
  make(scene, '/users', { json: { name: `u${Date.now()}`, password: PASSWORD, role: 'admin' } });
const makeProject = async (scene: Scene) => {
  scene.id = await newProject(scene.lab.api, scene.datasetId);
};

/** Where the segments of an epoch wait for monitors. */
const inboxOf = ({ lab, id }: Scene): string => path.join(lab.objectsDir, TELEMETRY_INBOX, id);

const secretOf = ({ lab }: Scene, name: string): string =>
  readFileSync(path.join(lab.dataDir, 'keys', name), 'utf8').trim();

/** A segment of one event, of the epoch that this try is about, signed by the installation. */
async function ownSegment(scene: Scene): Promise<Uint8Array<ArrayBuffer>> {
  const facts = { serverId: 'ps_1', epoch: scene.id, segment: 0, firstNumber: 0, endNumber: 1, createdAtMs: 1 };
  const frames = eventFrames(0, [{ value: 1, age: 2, color: 'red' }]);
  return Uint8Array.from(await sealSegment(facts, frames, telemetryKeys(secretOf(scene, KEY_FILES.telemetryKeys))));
}

const PASSWORD = 'correct horse';

async function logIn(scene: Scene): Promise<ApiAnswer> {
  const name = (
    await rawRows<{ name: string }>(scene.lab.database, 'select name from users where id = ?', [scene.id])
  )[0]?.name;
  return scene.lab.api.as(null).request('POST', '/auth/login', { json: { name, password: PASSWORD } });
}

/** A run that goes on for as long as no worker takes its tasks. */
async function openRun(scene: Scene): Promise<void> {
  await scene.lab.stopWorkers();
  const { projectId, job } = await startRun(scene.lab, scene.datasetId);
  Object.assign(scene, { ownProjectId: projectId, id: job.id });
}

const control = async (scene: Scene, verb: string): Promise<void> => {
  const answer = await scene.lab.api.request('POST', `/projects/${scene.ownProjectId}/autopilot/${verb}`);
  if (answer.status !== 200) throw new Error(`${verb}: ${answer.text}`);
};

/** Lets a worker end what is open. */
async function endRun({ lab, id }: Scene): Promise<void> {
  lab.startWorker();
  await lab.settled(id);
}

const runIs = (state: string) => (scene: Scene) =>
  countOf(scene, `autopilot_runs where project_id = ? and state = '${state}'`, scene.ownProjectId);
const controls = (verb: string): Pick<Request, 'send' | 'statuses'> => ({
  send: send('POST', ({ ownProjectId }) => `/projects/${ownProjectId}/autopilot/${verb}`),
  statuses: [200],
});

/** Every route that changes something, by method and path. A test compares it with the routes that there are. */
export const REQUESTS: Readonly<Record<string, Request>> = {
  'POST /api/v1/datasets': {
    send: ({ lab }, key) =>
      lab.api.upload({ content: churnCsv(20), fileName: 'a.csv', name: key }, { 'idempotency-key': key }),
    count: isNamed('datasets'),
    statuses: [202],
  },
  'DELETE /api/v1/datasets/{id}': {
    prepare: async (scene) => {
      scene.id = await scene.lab.api.dataset({ content: churnCsv(20), fileName: 'a.csv' });
    },
    send: send('DELETE', ({ id }) => `/datasets/${id}`),
    count: isGone('datasets where id = ?'),
    statuses: [204, 404],
  },
  'PATCH /api/v1/datasets/{id}/features/{name}': {
    prepare: async (scene) => {
      scene.id = await scene.lab.api.dataset({ content: churnCsv(20), fileName: 'a.csv' });
    },
    send: send(
      'PATCH',
      ({ id }) => `/datasets/${id}/features/age`,
      () => ({ type: 'categorical' }),
    ),
    count: has('datasets where based_on = ?'),
    statuses: [202],
  },
  'POST /api/v1/projects': {
    send: send(
      'POST',
      () => '/projects',
      ({ datasetId }, name) => ({ name, datasetId }),
    ),
    count: isNamed('projects'),
    statuses: [201],
  },
  'PATCH /api/v1/projects/{id}': {
    prepare: makeProject,
    send: send(
      'PATCH',
      ({ id }) => `/projects/${id}`,
      () => ({ description: 'changed' }),
    ),
    count: has(`projects where id = ? and description = 'changed'`),
    statuses: [200],
  },
  'DELETE /api/v1/projects/{id}': {
    prepare: makeProject,
    send: send('DELETE', ({ id }) => `/projects/${id}`),
    count: isGone('projects where id = ?'),
    statuses: [204, 404],
  },
  'POST /api/v1/projects/{id}/holdout/unlock': {
    prepare: makeProject,
    send: send('POST', ({ id }) => `/projects/${id}/holdout/unlock`),
    count: has('projects where id = ? and holdout_unlocked_at is not null'),
    statuses: [200],
  },
  'POST /api/v1/projects/{id}/autopilot': {
    prepare: makeProject,
    send: send(
      'POST',
      ({ id }) => `/projects/${id}/autopilot`,
      () => QUICK.request,
    ),
    count: has('autopilot_runs where project_id = ?'),
    statuses: [202],
  },
  'POST /api/v1/projects/{id}/autopilot/pause': {
    prepare: openRun,
    ...controls('pause'),
    count: runIs('paused'),
    finish: async (scene) => {
      await control(scene, 'resume');
      await endRun(scene);
    },
  },
  'POST /api/v1/projects/{id}/autopilot/resume': {
    prepare: async (scene) => {
      await openRun(scene);
      await control(scene, 'pause');
    },
    ...controls('resume'),
    count: runIs('running'),
    finish: endRun,
  },
  'POST /api/v1/projects/{id}/autopilot/stop': {
    prepare: openRun,
    ...controls('stop'),
    count: async (scene) => 1 - (await runIs('running')(scene)),
    finish: endRun,
  },
  'POST /api/v1/projects/{id}/autopilot/replay': {
    send: send(
      'POST',
      ({ projectId }) => `/projects/${projectId}/autopilot/replay`,
      (_scene, name) => ({ name }),
    ),
    count: isNamed('projects'),
    statuses: [202],
  },
  'POST /api/v1/projects/{id}/feature-lists': {
    send: send(
      'POST',
      ({ projectId }) => `/projects/${projectId}/feature-lists`,
      (_scene, name) => ({ name, features: ['age'] }),
    ),
    count: isNamed('feature_lists'),
    statuses: [201],
  },
  'POST /api/v1/projects/{id}/models': {
    send: send(
      'POST',
      ({ projectId }) => `/projects/${projectId}/models`,
      () => ({ blueprintId: 'baseline' }),
    ),
    count: (scene) => countOf(scene, 'models where project_id = ?', scene.projectId),
    statuses: [202],
  },
  'PATCH /api/v1/models/{id}': {
    send: send(
      'PATCH',
      ({ modelIds }) => `/models/${modelIds[0] ?? ''}`,
      (_scene, description) => ({ description }),
    ),
    count: (scene, key) => countOf(scene, 'models where description = ?', key),
    statuses: [200],
  },
  'POST /api/v1/models/{id}/insights/{kind}': {
    prepare: async (scene) => {
      const made = await rawRows<{ kind: string }>(scene.lab.database, 'select kind from insights');
      const left = TASK_INSIGHTS.find((kind) => !made.some((one) => one.kind === kind));
      if (left === undefined) throw new Error('each kind of insight has been made');
      scene.id = left;
    },
    send: send('POST', ({ modelIds, id }) => `/models/${modelIds[0] ?? ''}/insights/${id}`),
    count: has('insights where kind = ?'),
    statuses: [202, 200],
  },
  'POST /api/v1/batch-predictions': {
    send: send(
      'POST',
      () => '/batch-predictions',
      ({ modelIds, datasetId }) => ({ modelId: modelIds[0], input: { datasetId } }),
    ),
    count: (scene) => countOf(scene, 'batch_predictions'),
    statuses: [202],
  },
  'DELETE /api/v1/batch-predictions/{id}': {
    prepare: async (scene) => {
      const { lab, modelIds, datasetId } = scene;
      await lab.stopWorkers();
      const json = { modelId: modelIds[0], input: { datasetId } };
      scene.id = idOf(await lab.api.call('POST', '/batch-predictions', 202, Job, { json }));
    },
    send: send('DELETE', ({ id }) => `/batch-predictions/${id}`),
    count: isGone('batch_predictions where id = ?'),
    statuses: [204, 404],
    finish: async ({ lab }) => void lab.startWorker(),
  },
  'POST /api/v1/deployments': {
    send: send(
      'POST',
      () => '/deployments',
      ({ modelIds }, name) => ({ modelId: modelIds[0], name }),
    ),
    count: isNamed('deployments'),
    statuses: [201],
  },
  'PATCH /api/v1/deployments/{id}': {
    prepare: makeDeployment,
    send: send(
      'PATCH',
      ({ id }) => `/deployments/${id}`,
      () => ({ description: 'changed' }),
    ),
    count: has(`deployments where id = ? and description = 'changed'`),
    statuses: [200],
  },
  'PUT /api/v1/deployments/{id}/model': {
    prepare: makeDeployment,
    send: send(
      'PUT',
      ({ id }) => `/deployments/${id}/model`,
      ({ modelIds }, reason) => ({ modelId: modelIds[1], reason }),
    ),
    count: (scene) =>
      countOf(scene, 'deployment_history where deployment_id = ? and model_id = ?', scene.id, scene.modelIds[1] ?? ''),
    statuses: [200],
  },
  'POST /api/v1/deployments/{id}/challengers': {
    prepare: makeDeployment,
    send: send(
      'POST',
      ({ id }) => `/deployments/${id}/challengers`,
      ({ modelIds }) => ({ modelId: modelIds[1] }),
    ),
    count: has('deployment_challengers where deployment_id = ?'),
    statuses: [201, 409],
  },
  'DELETE /api/v1/deployments/{id}/challengers/{modelId}': {
    prepare: async (scene) => {
      await makeDeployment(scene);
      const json = { modelId: scene.modelIds[1] };
      await scene.lab.api.call('POST', `/deployments/${scene.id}/challengers`, 201, Challenger, { json });
    },
    send: send('DELETE', ({ id, modelIds }) => `/deployments/${id}/challengers/${modelIds[1] ?? ''}`),
    count: isGone('deployment_challengers where deployment_id = ?'),
    statuses: [204, 404],
  },
  'POST /api/v1/deployments/{id}/actuals': {
    prepare: makeDeployment,
    send: send(
      'POST',
      ({ id }) => `/deployments/${id}/actuals`,
      () => [{ associationId: 'a', actual: 'yes' }],
    ),
    count: has(`actuals where deployment_id = ? and actual = 'yes'`),
    statuses: [200],
  },
  'PUT /api/v1/deployments/{id}/alerts': {
    prepare: makeDeployment,
    send: send(
      'PUT',
      ({ id }) => `/deployments/${id}/alerts`,
      () => ({ falseAlarmsPerMonth: 5 }),
    ),
    count: has('alert_watch where deployment_id = ? and settings is not null'),
    statuses: [200],
  },
  'POST /api/v1/deployments/{id}/alerts/test': {
    prepare: async (scene) => {
      await makeDeployment(scene);
      await setChannel(scene);
    },
    send: send('POST', ({ id }) => `/deployments/${id}/alerts/test`),
    count: has('alert_message where deployment_id = ?'),
    statuses: [202],
    isJob: false,
  },
  'PATCH /api/v1/deployments/{id}/alerts/{alertId}': {
    prepare: async (scene) => {
      await makeDeployment(scene);
      await raiseAlarm(scene);
    },
    send: send(
      'PATCH',
      ({ id }) => `/deployments/${id}/alerts/alt_${id}`,
      () => ({ falseAlarm: true }),
    ),
    count: has('alert where deployment_id = ? and false_alarm = 1'),
    statuses: [200],
  },
  'DELETE /api/v1/deployments/{id}': {
    prepare: makeDeployment,
    send: send('DELETE', ({ id }) => `/deployments/${id}`),
    count: isGone('deployments where id = ?'),
    statuses: [204, 404],
  },
  'DELETE /api/v1/jobs/{id}': {
    prepare: openRun,
    send: send('DELETE', ({ id }) => `/jobs/${id}`),
    count: has(`job where id = ? and state = 'cancelled'`),
    statuses: [200, 409],
    finish: endRun,
  },
  'POST /api/v1/api-keys': {
    send: send(
      'POST',
      () => '/api-keys',
      (_scene, name) => ({ name }),
    ),
    count: isNamed('api_keys'),
    statuses: [201],
  },
  'DELETE /api/v1/api-keys/{id}': {
    prepare: (scene) => make(scene, '/api-keys', { json: { name: 'to be revoked' } }),
    send: send('DELETE', ({ id }) => `/api-keys/${id}`),
    count: isGone('api_keys where id = ?'),
    statuses: [204, 404],
  },
  'POST /api/v1/users': {
    send: send(
      'POST',
      () => '/users',
      (_scene, name) => ({ name }),
    ),
    count: isNamed('users'),
    statuses: [201],
  },
  'PATCH /api/v1/users/{id}': {
    prepare: makeUser,
    send: send(
      'PATCH',
      ({ id }) => `/users/${id}`,
      () => ({ active: false }),
    ),
    count: has('users where id = ? and active = 0'),
    statuses: [200],
  },
  'DELETE /api/v1/users/{id}': {
    prepare: makeUser,
    send: send('DELETE', ({ id }) => `/users/${id}`),
    count: isGone('users where id = ?'),
    statuses: [204, 404],
  },
  'POST /api/v1/auth/login': {
    prepare: makeUser,
    send: logIn,
    // Whoever logs in again has another session.
    count: async (scene) => Math.min(1, await countOf(scene, 'sessions where user_id = ?', scene.id)),
    statuses: [200],
    points: AROUND_HANDLER,
    isInternal: true,
  },
  'POST /api/v1/auth/logout': {
    prepare: async (scene) => {
      await makeUser(scene);
      const { headers, json } = await logIn(scene);
      const { csrfToken } = json as { csrfToken: string }; // LoginAnswer
      scene.session = { cookie: headers.get('set-cookie')?.split(';')[0] ?? '', 'x-csrf-token': csrfToken };
    },
    send: ({ lab, session }) => lab.api.as(null).request('POST', '/auth/logout', { headers: session }),
    count: isGone('sessions where user_id = ?'),
    statuses: [204, 401],
    points: AROUND_HANDLER,
  },
  'PATCH /api/v1/queue/{taskId}': {
    prepare: openRun,
    send: async (scene, key) => {
      const [task] = await rawRows<{ id: string }>(scene.lab.database, 'select id from task where job_id = ?', [
        scene.id,
      ]);
      return send(
        'PATCH',
        () => `/queue/${task?.id ?? ''}`,
        () => ({ priority: 7 }),
      )(scene, key);
    },
    count: has('task where job_id = ? and priority = 7'),
    statuses: [200],
    finish: endRun,
  },
  'PATCH /api/v1/pools/{name}': {
    prepare: async (scene) => {
      // One of its own: naming an archive drains the workers of another one.
      scene.id = `pool-${Date.now()}`;
      await scene.lab.database.knex('pool').insert({ name: scene.id, created_at: 0 });
    },
    send: send(
      'PATCH',
      ({ id }) => `/pools/${id}`,
      () => ({ archiveSha256: 'a'.repeat(64) }),
    ),
    count: has('pool where archive_sha256 is not null and name = ?'),
    statuses: [200],
  },
  'PATCH /api/v1/workers/{id}': {
    prepare: async ({ lab, workerId }) => {
      await lab.api.request('PATCH', `/workers/${workerId}`, { json: { draining: true } });
    },
    send: send(
      'PATCH',
      ({ workerId }) => `/workers/${workerId}`,
      () => ({ draining: false }),
    ),
    count: (scene) => countOf(scene, 'worker where id = ? and draining = 0', scene.workerId),
    statuses: [200],
  },
  'PUT /internal/v1/prediction-servers/{id}': {
    prepare: async (scene) => {
      scene.id = `ps-${Date.now()}`;
    },
    send: ({ lab, id }) => {
      const token = readFileSync(path.join(lab.dataDir, 'keys', KEY_FILES.predictionServerToken), 'utf8').trim();
      const json = { url: 'http://127.0.0.1:1', programVersion: '0', feedSequence: 0, deployments: [] };
      return lab.api.as(token).request('PUT', `/internal/v1/prediction-servers/${id}`, { json });
    },
    count: has('prediction_servers where id = ?'),
    statuses: [204],
    points: AROUND_HANDLER,
    isInternal: true,
  },
  'POST /api/v1/telemetry/import': {
    prepare: async (scene) => {
      scene.id = randomHex(16);
    },
    send: async (scene) => {
      const headers = { 'content-type': TELEMETRY_MEDIA_TYPE };
      return scene.lab.api.request('POST', '/telemetry/import', { body: await ownSegment(scene), headers });
    },
    count: async (scene) => Number(existsSync(inboxOf(scene))),
    statuses: [200],
    // There is no monitor that would take it.
    finish: async (scene) => rmSync(inboxOf(scene), { recursive: true }),
    points: AROUND_HANDLER,
  },
  'POST /internal/v1/telemetry/segments': {
    prepare: async (scene) => {
      scene.id = randomHex(16);
    },
    send: async (scene) => {
      const headers = { 'content-type': TELEMETRY_MEDIA_TYPE };
      const token = secretOf(scene, KEY_FILES.predictionServerToken);
      return scene.lab.api
        .as(token)
        .request('POST', TELEMETRY_SEGMENTS_PATH, { body: await ownSegment(scene), headers });
    },
    count: async (scene) => Number(existsSync(inboxOf(scene))),
    statuses: [204],
    // There is no monitor that would take it.
    finish: async (scene) => rmSync(inboxOf(scene), { recursive: true }),
    points: AROUND_HANDLER,
    isInternal: true,
  },
};

/** The job of an answer that accepts work. */
export const jobOf = ({ json }: ApiAnswer): Job => parse(Job, json, 'job');
