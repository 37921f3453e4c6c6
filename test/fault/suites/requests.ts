import { expect } from 'chai';
import { rawRows } from '#store';
import { apiRoutes } from '../../../appserver/server/routes/index.ts';
import { servingRoutes } from '../../../appserver/server/routes/serving.ts';
import { Lab, type LabOptions } from '../../support/faults/lab.ts';
import { noteRecovery } from '../../support/faults/recovery.ts';
import { expectSameModels, startRun, undisturbedHashes, uploadChurn } from '../../support/faults/runs.ts';
import { jobOf, REQUESTS, type Request, type Scene } from './request-table.ts';

/** Just before the commit of the handler's transaction, and when the answer is made but not sent. */
const AROUND_COMMIT = ['inDatabase', 'afterHandler'];
/** From the death of an app server to the answer of the repeated request; most of it is the start of a program. */
const ANSWERED_MS_MAX = 60_000;

/** Questions with a body: they change nothing. */
const QUESTIONS: readonly string[] = [
  '/api/v1/models/{id}/explanations',
  '/api/v1/models/{id}/exports/{home}/certificates',
];

/** Names of all routes that change something and are built. */
export const changingRoutes = (): string[] =>
  [...apiRoutes, ...servingRoutes]
    .filter(({ method }) => method !== 'GET')
    .filter(({ path }) => !QUESTIONS.includes(path))
    .filter(({ answers }) => Object.keys(answers).some((status) => Number(status) < 300))
    .map(({ method, path }) => `${method} ${path}`);

/** Kills the app server in the middle of a user's request, which is sent again: its effect is there exactly once. */
export function requestsSuite(database: LabOptions['database'] & string, names: readonly string[]): void {
  describe(`faults on ${database}: app server killed in a user's request`, function () {
    this.timeout(180_000);
    let scene: Scene;
    before(async () => {
      await undisturbedHashes();
      scene = await setScene(database);
    });
    after(() => scene.lab.close());

    for (const name of names) {
      const request = REQUESTS[name];
      if (request === undefined) throw new Error(`no request ${name}`);
      for (const point of request.points ?? AROUND_COMMIT) it(`${name} ${point}`, () => tidily(name, request, point));
    }
    it('all invariants hold', () => scene.lab.check());

    /** What one test left behind must not fail the next ones. */
    async function tidily(name: string, request: Request, point: string): Promise<void> {
      try {
        await tryAt(name, request, point);
      } catch (err) {
        if (!scene.lab.server.program().isRunning) await scene.lab.server.start();
        await request.finish?.(scene).catch(() => undefined);
        throw err;
      }
      await request.finish?.(scene);
    }

    async function tryAt(name: string, request: Request, point: string): Promise<void> {
      const { lab } = scene;
      await request.prepare?.(scene);
      const key = `${name}-${point}`.replaceAll(/[^A-Za-z]+/g, '-');
      const before = await request.count(scene, key);
      await lab.stop(lab.server.program());
      const method = (name.split(' ')[0] ?? '').toLowerCase();
      const armed = await lab.server.start(
        `${request.isInternal === true ? 'internal' : 'rest'}.${method}.${point}=kill`,
      );
      const lost = await request.send(scene, key).catch((err: unknown) => err);
      expect(lost).to.be.instanceOf(TypeError);
      const { signal, atMs } = await armed.ended;
      expect(signal).to.equal('SIGKILL');
      const isBeforeCommit = point === 'inDatabase' || point === 'beforeHandler';
      expect((await request.count(scene, key)) - before, 'effects of the lost request').to.equal(
        isBeforeCommit ? 0 : 1,
      );
      await lab.server.start();
      const answer = await request.send(scene, key);
      noteRecovery(`app server killed: ${name} ${point}`, Date.now() - atMs, {
        what: 'the repeated request is answered',
        limitMs: ANSWERED_MS_MAX,
      });
      expect(answer.status, answer.text).to.be.oneOf(request.statuses);
      const again = await request.send(scene, key);
      expect(again.status, again.text).to.be.oneOf(request.statuses);
      expect((await request.count(scene, key)) - before).to.equal(1);
      if (answer.status === 202 && request.isJob !== false) {
        expect(jobOf(again).id).to.equal(jobOf(answer).id);
        await lab.succeeded(jobOf(answer).id);
      }
    }
  });
}

async function setScene(database: LabOptions['database'] & string): Promise<Scene> {
  const lab = await Lab.open({ database });
  const first = lab.startWorker();
  const datasetId = await uploadChurn(lab);
  const run = await startRun(lab, datasetId);
  await expectSameModels(lab, run);
  const modelIds = (await lab.leaderboard(run.projectId)).data.map(({ modelId }) => modelId);
  const [worker] = await rawRows<{ id: string }>(lab.database, 'select id from worker');
  await lab.stop(first);
  lab.startWorker();
  const { projectId } = run;
  const workerId = worker?.id ?? '';
  return { lab, datasetId, projectId, modelIds, workerId, id: '', ownProjectId: '', session: {} };
}
