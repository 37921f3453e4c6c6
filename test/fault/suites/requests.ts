import { expect } from 'chai';
import { Job, parse } from '#contracts';
import { rawRows } from '#store';
import { churnCsv } from '../../integration/worker/support.ts';
import type { ApiAnswer } from '../../support/api.ts';
import { Lab, type LabOptions } from '../../support/faults/lab.ts';
import { newProject } from '../../support/modelling.ts';
import { expectSameModels, QUICK, startRun, undisturbedHashes, uploadChurn } from '../../support/faults/runs.ts';
import { noteRecovery } from '../../support/faults/recovery.ts';

/** What the requests are about. */
interface Scene {
  readonly lab: Lab;
  readonly datasetId: string;
  readonly projectId: string;
  /** Trained models of the project, two at least. */
  readonly modelIds: readonly string[];
  deploymentId: string;
}

interface Request {
  readonly method: 'post' | 'put' | 'delete';
  /** Prepares what only this request needs. */
  readonly prepare?: (scene: Scene) => Promise<void>;
  readonly send: (scene: Scene, key: string) => Promise<ApiAnswer>;
  /** How often its effect is there. */
  readonly count: (scene: Scene) => Promise<number>;
  /** Statuses that tell a client, who does not know what became of his first try, that all is well. */
  readonly statuses: readonly number[];
}

const countOf = async ({ lab }: Pick<Scene, 'lab'>, sql: string, ...values: string[]): Promise<number> =>
  Number((await rawRows(lab.database, `select count(*) as n from ${sql}`, values))[0]?.['n']);

async function newDeployment(scene: Scene): Promise<void> {
  const json = { modelId: scene.modelIds[0], name: 'served' };
  const answer = await scene.lab.api.request('POST', '/deployments', { json });
  scene.deploymentId = (answer.json as { id: string }).id; // Deployment of the contract
}

const keyed = (key: string) => ({ 'idempotency-key': key });

export const REQUESTS: Readonly<Record<string, Request>> = {
  'POST /datasets': {
    method: 'post',
    send: ({ lab }, key) => lab.api.upload({ content: churnCsv(20), fileName: 'a.csv', name: key }, keyed(key)),
    count: (scene) => countOf(scene, `datasets where name like 'POST_/datasets%'`),
    statuses: [202],
  },
  'POST /projects/{id}/autopilot': {
    method: 'post',
    prepare: async (scene) => {
      Object.assign(scene, { projectId: await newProject(scene.lab.api, scene.datasetId) });
    },
    send: ({ lab, projectId }, key) =>
      lab.api.request('POST', `/projects/${projectId}/autopilot`, { json: QUICK.request, headers: keyed(key) }),
    count: (scene) => countOf(scene, 'autopilot_runs where project_id = ?', scene.projectId),
    statuses: [202],
  },
  'POST /deployments': {
    method: 'post',
    send: ({ lab, modelIds }, key) =>
      lab.api.request('POST', '/deployments', { json: { modelId: modelIds[0], name: key }, headers: keyed(key) }),
    count: (scene) => countOf(scene, `deployments where name like 'POST_/deployments%'`),
    statuses: [201],
  },
  'PUT /deployments/{id}/model': {
    method: 'put',
    prepare: newDeployment,
    send: ({ lab, deploymentId, modelIds }, key) =>
      lab.api.request('PUT', `/deployments/${deploymentId}/model`, {
        json: { modelId: modelIds[1], reason: key },
        headers: keyed(key),
      }),
    count: ({ modelIds, deploymentId, ...scene }) =>
      countOf(scene, 'deployment_history where model_id = ? and deployment_id = ?', modelIds[1] ?? '', deploymentId),
    statuses: [200],
  },
  'DELETE /deployments/{id}': {
    method: 'delete',
    prepare: newDeployment,
    send: ({ lab, deploymentId }, key) =>
      lab.api.request('DELETE', `/deployments/${deploymentId}`, { headers: keyed(key) }),
    count: async (scene) => 1 - (await countOf(scene, 'deployments where id = ?', scene.deploymentId)),
    statuses: [204, 404],
  },
};

const POINTS: Readonly<Record<Request['method'], readonly string[]>> = {
  post: ['beforeHandler', 'inDatabase', 'afterHandler'],
  put: ['beforeHandler', 'afterHandler'],
  delete: ['beforeHandler', 'afterHandler'],
};

/** Kills the app server in the middle of a user's request, which is sent again: its effect is there exactly once. */
export function requestsSuite(database: LabOptions['database'] & string, names: readonly string[]): void {
  describe(`faults on ${database}: app server killed in a user's request`, function () {
    this.timeout(180_000);
    let scene: Scene;
    before(async () => {
      await undisturbedHashes();
      const lab = await Lab.open({ database });
      lab.startWorker();
      const datasetId = await uploadChurn(lab);
      const run = await startRun(lab, datasetId);
      await expectSameModels(lab, run);
      const modelIds = (await lab.leaderboard(run.projectId)).data.map(({ modelId }) => modelId);
      scene = { lab, datasetId, projectId: run.projectId, modelIds, deploymentId: '' };
    });
    after(() => scene.lab.close());

    for (const name of names) {
      const request = REQUESTS[name];
      if (request === undefined) throw new Error(`no request ${name}`);
      for (const point of POINTS[request.method]) {
        it(`${name} ${point}`, async () => {
          const { lab } = scene;
          await request.prepare?.(scene);
          const before = name.startsWith('POST') ? await request.count(scene) : 0;
          const key = `${name}-${point}`.replaceAll(' ', '_');
          await lab.stop(lab.server.program());
          const armed = await lab.server.start(`rest.${request.method}.${point}=kill`);
          const lost = await request.send(scene, key).catch((err: unknown) => err);
          expect(lost).to.be.instanceOf(TypeError);
          const { signal, atMs } = await armed.ended;
          expect(signal).to.equal('SIGKILL');
          await lab.server.start();
          const answer = await request.send(scene, key);
          noteRecovery(`app server killed: ${name} ${point}`, Date.now() - atMs, 'the repeated request is answered');
          expect(answer.status, answer.text).to.be.oneOf(request.statuses);
          const again = await request.send(scene, key);
          expect(again.status).to.be.oneOf(request.statuses);
          expect((await request.count(scene)) - before).to.equal(1);
          if (answer.status === 202) {
            const job = parse(Job, answer.json, 'job');
            expect(parse(Job, again.json, 'job').id).to.equal(job.id);
            await lab.succeeded(job.id);
          }
          await lab.check();
        });
      }
    }
  });
}
