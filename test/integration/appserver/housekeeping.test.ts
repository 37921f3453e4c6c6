import { expect } from 'chai';
import type { Project } from '#contracts';
import { AppError, Dataset, Deployment, Job, Leaderboard } from '#contracts';
import { binsFolder } from '#object-store';
import { rawRows } from '#store';
import type { Api } from '../../support/api.ts';
import { createDatabase } from '../../support/postgres.ts';
import { until } from '../../support/processes.ts';
import { AUTOPILOT, Household } from '../../support/household.ts';

for (const client of ['sqlite', 'postgres'] as const)
  describe(`housekeeping on ${client}`, function () {
    this.timeout(120_000);
    let house: Household;
    let api: Api;

    before(async () => {
      const postgres = client === 'postgres' ? await createDatabase() : null;
      house = await Household.open(postgres);
      ({ api } = house);
    });
    after(() => house.close());

    const gone = (path: string) => api.refused('GET', path, { status: 404, code: 'NOT_FOUND' });

    it('deletes a project in the middle of its work: jobs are cancelled, everything of it goes, the disk is empty', async () => {
      const datasetId = await house.dataset();
      const projectId = await house.project(datasetId);
      const modelId = await house.trained(projectId);
      const scored = await api.call('POST', '/batch-predictions', 202, Job, {
        json: { modelId, input: { datasetId } },
      });
      await house.worker.workAll();
      const waiting = await api.call('POST', '/batch-predictions', 202, Job, {
        json: { modelId, input: { datasetId } },
      });
      const run = await api.call('POST', `/projects/${projectId}/autopilot`, 202, Job, {
        json: { ...AUTOPILOT, seed: 5 },
      });
      const held = await house.claimAndWrite();
      if (held === null) throw new Error('there is work');
      const bins = `${binsFolder(projectId, 'alice')}/${'a'.repeat(64)}.bins_1`;
      for (const part of ['training-000000', 'index'])
        await house.server.store.write(`${bins}.${part}`, Buffer.from('x'));

      await api.refused('DELETE', `/datasets/${datasetId}`, {
        status: 409,
        code: 'DATASET_IN_USE',
        says: [new RegExp(projectId), /batch prediction/],
      });
      expect((await api.request('DELETE', `/projects/${projectId}`)).status).to.equal(204);
      for (const path of [
        `/projects/${projectId}`,
        `/models/${modelId}`,
        scored.resource ?? '',
        waiting.resource ?? '',
      ])
        await gone(path);
      const states = await Promise.all([run, waiting].map(async ({ id }) => (await api.get(`/jobs/${id}`, Job)).state));
      expect(
        states.filter((state) => state === 'cancelled'),
        'one of them is held by a worker',
      ).to.have.length(1);
      await house.sweepAll();
      const left = await house.objects();
      expect(
        left.filter((path) => path.startsWith(held.attemptPath)),
        'its worker has not stopped',
      ).to.have.length(1);
      expect(left.filter((path) => !path.startsWith(held.attemptPath) && !path.includes(datasetId))).to.deep.equal([]);
      // The worker speaks, learns of the cancellation and stops.
      await house.expectCancelled(held);
      for (const { id } of [run, waiting]) expect((await api.get(`/jobs/${id}`, Job)).state).to.equal('cancelled');
      expect((await api.request('DELETE', `/datasets/${datasetId}`)).status).to.equal(204);
      await gone(`/datasets/${datasetId}`);
      await house.sweepAll();
      expect(await house.objects()).to.deep.equal([]);
      const figures = (await api.request('GET', '/metrics')).text;
      expect(figures).to.match(/^trainyard_object_store_bytes\{kind="referenced"\} 0$/m);
      expect(figures).to.match(/^trainyard_object_store_bytes\{kind="waiting"\} 0$/m);
      expect(figures).to.match(/^trainyard_objects_deleted_total [1-9]\d*$/m);
      expect(await rawRows(house.database, 'select * from doomed_object')).to.deep.equal([]);
    });

    it('refuses to delete what is deployed, naming the deployments', async () => {
      const datasetId = await house.dataset();
      const projectId = await house.project(datasetId);
      const modelId = await house.trained(projectId);
      const { id } = await api.call('POST', '/deployments', 201, Deployment, { json: { modelId, name: 'd' } });
      const conflict = { status: 409, code: 'CONFLICT', says: [/deployed/, new RegExp(id)] } as const;
      await api.refused('DELETE', `/projects/${projectId}`, conflict);
      await house.sweepAll();
      expect((await api.request('GET', `/models/${modelId}/artifact`)).status).to.equal(200);
      expect((await api.request('DELETE', `/deployments/${id}`)).status).to.equal(204);
      expect((await api.request('DELETE', `/projects/${projectId}`)).status).to.equal(204);
      expect((await api.request('DELETE', `/datasets/${datasetId}`)).status).to.equal(204);
    });

    it('deletes a batch prediction with its rows, and one that is being made', async () => {
      const datasetId = await house.dataset();
      const projectId = await house.project(datasetId);
      const modelId = await house.trained(projectId);
      const start = () => api.call('POST', '/batch-predictions', 202, Job, { json: { modelId, input: { datasetId } } });
      const done = (await start()).resource ?? '';
      await house.worker.workAll();
      const open = await start();
      const stranger = await house.server.user('stranger');
      await stranger.api.refused('DELETE', done, { status: 404, code: 'NOT_FOUND' });
      for (const path of [done, open.resource ?? '']) {
        expect((await api.request('DELETE', path)).status).to.equal(204);
        await gone(path);
      }
      expect((await api.get(`/jobs/${open.id}`, Job)).state).to.equal('cancelled');
      await house.sweepAll();
      expect((await house.objects()).filter((path) => path.startsWith('predictions/'))).to.deep.equal([]);
      expect((await api.get(`/projects/${projectId}/leaderboard`, Leaderboard)).data).to.have.length(2);
      await house.empty();
    });

    it('keeps a failed dataset, and lets its upload go', async () => {
      const answer = await api.upload({ content: 'x\n1\n', fileName: 'bad.csv' });
      await house.worker.failOnce(new AppError('DATASET_UNREADABLE', 'it cannot be read'));
      const path = (answer.json as { resource: string }).resource; // a job
      expect((await api.get(path, Dataset)).state).to.equal('failed');
      expect(await house.objects()).to.have.length(1);
      await house.sweepHistory({ uploadDays: 0 });
      await house.sweepAll();
      expect(await house.objects()).to.deep.equal([]);
      expect((await api.get(path, Dataset)).error).to.include({ code: 'DATASET_UNREADABLE' });
      expect((await api.request('DELETE', path)).status).to.equal(204);
    });

    it('lets nothing be made of what is deleted at the same moment', async () => {
      for (let round = 0; round < 6; round += 1) {
        const datasetId = await house.dataset();
        const projectId = await house.project(datasetId);
        const modelId = await house.trained(projectId);
        const scoring = { json: { modelId, input: { datasetId } } };
        // One of these was first: whoever comes second is refused, or goes with it.
        const answers = await Promise.all([
          api.request('POST', '/batch-predictions', scoring),
          api.request('POST', `/projects/${projectId}/autopilot`, { json: { ...AUTOPILOT, seed: round } }),
          api.request('DELETE', `/projects/${projectId}`),
          api.request('POST', '/deployments', { json: { modelId, name: 'd' } }),
          // A claim in every other round, a commit in the others: either may find its task cancelled.
          round % 2 === 0
            ? house.claimAndWrite()
            : house.worker.workAll().then(
                () => null,
                () => null,
              ),
        ]);
        const statuses = answers.flatMap((answer) => (answer !== null && 'status' in answer ? [answer.status] : []));
        for (const status of statuses) expect(status).to.be.oneOf([201, 202, 204, 404, 409]);
        const [, , deleted, deployed] = statuses;
        expect(deleted === 204, 'either deleted or deployed').to.equal(deployed !== 201);
        for (const { id } of await house.deployments()) await api.request('DELETE', `/deployments/${id}`);
        await house.stopHeld();
        await api.request('DELETE', `/projects/${projectId}`);
        const [first, second] = await Promise.all([
          api.request('DELETE', `/datasets/${datasetId}`),
          api.request('POST', '/projects', { json: { name: 'late', datasetId } }),
        ]);
        expect([first.status, second.status]).to.be.deep.oneOf([
          [204, 404],
          [409, 201],
          [204, 409],
        ]);
        if (second.status === 201) {
          await api.request('DELETE', `/projects/${(second.json as Project).id}`);
          expect((await api.request('DELETE', `/datasets/${datasetId}`)).status).to.equal(204);
        }
        expect(await house.worker.workAll(), 'nothing is left to do').to.equal(0);
        await house.sweepAll();
        expect(await house.objects()).to.deep.equal([]);
      }
    });

    for (const seed of [1, 2, 3])
      it(`the disk is what rows name and open attempts write, whatever happened (seed ${seed})`, async () => {
        await house.wander(seed, 60);
        await house.empty();
        expect(await house.objects()).to.deep.equal([]);
        await until('a gauge', async () => (await api.request('GET', '/metrics')).text.includes('trainyard_object'));
      });
  });
