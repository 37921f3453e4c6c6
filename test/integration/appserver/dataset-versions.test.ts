import { expect } from 'chai';
import { Dataset, FeaturePage, FeatureProfile, Job, Leaderboard, type FeatureType } from '#contracts';
import { objectReferences, rawRows, SCHEMA_VERSION } from '#store';
import { idOf, type Api } from '../../support/api.ts';
import { Household } from '../../support/household.ts';
import { createDatabase } from '../../support/postgres.ts';

for (const client of ['sqlite', 'postgres'] as const)
  describe(`versions of datasets on ${client}`, function () {
    this.timeout(120_000);
    let house: Household;
    let api: Api;
    before(async () => {
      house = await Household.open(client === 'postgres' ? await createDatabase() : null);
      ({ api } = house);
    });
    after(() => house.close());
    afterEach(() => house.empty());

    const featurePath = (datasetId: string, name = 'x') => `/datasets/${datasetId}/features/${name}`;
    const change = (datasetId: string, type: FeatureType, headers: Record<string, string> = {}) =>
      api.call('PATCH', featurePath(datasetId), 202, Job, { json: { type }, headers });
    /** The id of a version in which `x` has this type. */
    async function version(datasetId: string, type: FeatureType): Promise<string> {
      const job = await change(datasetId, type);
      await house.worker.workAll();
      return idOf(await api.succeeded(job));
    }
    const typesOf = async (datasetId: string) =>
      (await api.get(`/datasets/${datasetId}/features`, FeaturePage)).data.map(({ type, inferredType }) => [
        type,
        inferredType,
      ]);
    const filesOf = async () => Array.fromAsync(objectReferences(house.database, SCHEMA_VERSION));
    const count = async (table: string) =>
      Number((await rawRows<{ n: number }>(house.database, `select count(*) as n from ${table}`))[0]?.n);

    it('a feature with another type is a version over the same rows; the one before stays as it is', async () => {
      const first = await house.dataset();
      const before = await api.get(`/datasets/${first}`, Dataset);
      expect(before).to.include({ version: 1, basedOn: null });
      const [objects, rows] = [await house.objects(), await filesOf()];

      const job = await change(first, 'categorical');
      const id = idOf(job);
      expect(job).to.include({ kind: 'feature-type', state: 'queued' });
      expect(await api.get(`/datasets/${id}`, Dataset)).to.include({ state: 'ingesting', version: 2, basedOn: first });
      await api.refused('GET', `/datasets/${id}/features`, { status: 409, code: 'DATASET_NOT_READY' });
      await house.worker.workAll();
      await api.succeeded(job);

      const { id: _, createdAt: _at, version: number, basedOn, ...rest } = await api.get(`/datasets/${id}`, Dataset);
      const { id: _id, createdAt: _then, version: _first, basedOn: _none, ...known } = before;
      expect({ number, basedOn }).to.deep.equal({ number: 2, basedOn: first });
      expect(rest).to.deep.equal(known);
      expect(await typesOf(id)).to.deep.equal([
        ['categorical', 'numeric'],
        ['categorical', 'categorical'],
      ]);
      expect(await typesOf(first)).to.deep.equal([
        ['numeric', 'numeric'],
        ['categorical', 'categorical'],
      ]);
      expect(await house.objects()).to.deep.equal(objects);
      expect(await filesOf(), 'a backup has the rows once').to.deep.equal(rows);
    });

    it('models of a version read its type, those of the one before theirs', async () => {
      const first = await house.dataset();
      const second = await version(first, 'categorical');
      const types: unknown[] = [];
      for (const datasetId of [first, second]) {
        const projectId = await house.project(datasetId);
        await house.trained(projectId);
        expect((await api.get(`/projects/${projectId}/leaderboard`, Leaderboard)).data).to.have.length(2);
        const tasks = await house.database.knex('task').where({ project_id: projectId, kind: 'train' }).select('spec');
        types.push(
          ...tasks.map(
            ({ spec }) => (JSON.parse(spec as string) as { features: { type: string }[] }).features[0]?.type,
          ),
        ); // a train task
      }
      expect(types).to.deep.equal(['numeric', 'numeric', 'categorical', 'categorical']);
    });

    it('versions of versions are counted through, and the same type is none', async () => {
      const first = await house.dataset();
      const second = await version(first, 'categorical');
      const third = await version(second, 'text');
      const fourth = await version(first, 'id');
      const found = await Promise.all([second, third, fourth].map((id) => api.get(`/datasets/${id}`, Dataset)));
      expect(found.map((one) => [one.version, one.basedOn])).to.deep.equal([
        [2, first],
        [3, second],
        [4, first],
      ]);
      const datasets = await count('datasets');
      const same = await api.call('PATCH', featurePath(third), 200, Dataset, { json: { type: 'text' } });
      expect(same).to.deep.equal(await api.get(`/datasets/${third}`, Dataset));
      expect(await count('datasets')).to.equal(datasets);
    });

    it('what cannot be is refused, and nothing is made', async () => {
      const first = await house.dataset();
      const counts = async () => [await count('datasets'), await count('job'), await count('dataset_profiles')];
      const before = await counts();
      const json = (type: string) => ({ json: { type } });
      const refused = { status: 422, code: 'FEATURE_TYPE_REFUSED' } as const;
      await api.refused(
        'PATCH',
        featurePath(first, 'y'),
        {
          ...refused,
          says: [
            /"y" cannot be made numeric: 60 of 60 values .* the first is "yes"; it can be made categorical, text, id/,
            '/type',
          ],
        },
        json('numeric'),
      );
      await api.refused(
        'PATCH',
        featurePath(first),
        { ...refused, says: [/currency are not read yet/] },
        json('currency'),
      );
      await api.refused(
        'PATCH',
        featurePath(first),
        { status: 422, code: 'VALIDATION_FAILED', says: ['/type'] },
        json('number'),
      );
      await api.refused('PATCH', featurePath(first, 'z'), { status: 404, code: 'NOT_FOUND' }, json('id'));
      const { api: stranger } = await house.server.user(`stranger-${client}`);
      await stranger.refused('PATCH', featurePath(first), { status: 404, code: 'NOT_FOUND' }, json('id'));
      const stale = { status: 412, code: 'STALE' } as const;
      await api.refused('PATCH', featurePath(first), stale, { ...json('id'), headers: { 'if-match': '"other"' } });
      expect(await counts()).to.deep.equal(before);
      const etag = (await api.request('GET', featurePath(first))).headers.get('etag') ?? '';
      await change(first, 'id', { 'if-match': etag });
    });

    it('a request that is repeated under its key makes one version', async () => {
      const first = await house.dataset();
      const headers = { 'idempotency-key': `again-${client}` };
      const jobs = await Promise.all([change(first, 'id', headers), change(first, 'id', headers)]);
      expect(new Set(jobs.map(({ id }) => id)).size).to.equal(1);
      const reused = { status: 409, code: 'IDEMPOTENCY_KEY_REUSED' } as const;
      await api.refused('PATCH', featurePath(first), reused, { json: { type: 'text' }, headers });
      expect(await count('datasets')).to.equal(2);
    });

    it('those who change types at the same moment get versions of their own', async () => {
      const first = await house.dataset();
      const second = await version(first, 'text');
      const jobs = await Promise.all([first, second, first, second].map((id) => change(id, 'id')));
      await house.worker.workAll();
      const made = await Promise.all(jobs.map((job) => api.get(`/datasets/${idOf(job)}`, Dataset)));
      expect(made.map((one) => one.version).sort()).to.deep.equal([3, 4, 5, 6]);
      expect(made.map(({ state }) => state)).to.deep.equal(['ready', 'ready', 'ready', 'ready']);
    });

    it('the rows are there as long as any version is, whichever is deleted first, and go with the last', async () => {
      for (const order of ['first', 'last'] as const) {
        const first = await house.dataset();
        const second = await version(first, 'categorical');
        const third = idOf(await change(second, 'text'));
        const rows = (await house.objects()).filter((name) => name.startsWith(`datasets/${first}/`));
        expect(rows).to.have.length(1);
        const ids = order === 'first' ? [first, second] : [second, first];
        for (const id of ids) {
          expect((await api.request('DELETE', `/datasets/${id}`)).status, id).to.equal(204);
          await house.sweepAll();
          expect(await house.objects()).to.include.members(rows);
        }
        await house.worker.workAll();
        expect(await api.get(`/datasets/${third}`, Dataset)).to.include({ state: 'ready', version: 3 });
        expect((await api.get(featurePath(third), FeatureProfile)).type).to.equal('text');
        await house.expectExact(order);
        expect((await api.request('DELETE', `/datasets/${third}`)).status).to.equal(204);
        await house.sweepHistory({ uploadDays: 0 });
        await house.sweepAll();
        expect(await house.objects()).to.deep.equal([]);
      }
    });

    it('a version that was cancelled is failed, and its rows are others’ still', async () => {
      const first = await house.dataset();
      const job = await change(first, 'categorical');
      expect((await api.call('DELETE', `/jobs/${job.id}`, 200, Job)).state).to.equal('cancelled');
      const failed = await api.get(`/datasets/${idOf(job)}`, Dataset);
      expect(failed).to.include({ state: 'failed' });
      expect(failed.error).to.include({ code: 'JOB_CANCELLED' });
      await api.refused(
        'PATCH',
        featurePath(failed.id),
        { status: 409, code: 'DATASET_NOT_READY' },
        { json: { type: 'id' } },
      );
      expect((await api.request('DELETE', `/datasets/${failed.id}`)).status).to.equal(204);
      await house.sweepAll();
      await house.trained(await house.project(first));
    });
  });
