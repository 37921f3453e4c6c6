import { expect } from 'chai';
import {
  AssignmentFeed,
  Deployment,
  FEED_HUMILITY,
  FEED_KNOWS_HEADER,
  Job,
  Leaderboard,
  parse,
  Project,
  type HumilityRules,
} from '#contracts';
import { KEY_FILES, readSecret } from '#runtime';
import { createRandom } from '#statistics';
import { Api, idOf } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';

/** Two numbers, a category of both classes' names and a class. */
function columnsOf(): MemoryColumn[] {
  const random = createRandom(8);
  const rows = Array.from({ length: 200 }, () => {
    const x = random.uniform();
    return { x: String(x), y: String(random.uniform()), color: x > 0.3 ? 'red' : 'blue', kind: x > 0.5 ? 'b' : 'a' };
  });
  return [
    { name: 'x', cells: rows.map(({ x }) => x), parse: numberRule },
    { name: 'y', cells: rows.map(({ y }) => y), parse: numberRule },
    { name: 'color', cells: rows.map(({ color }) => color), parse: textRule },
    { name: 'kind', cells: rows.map(({ kind }) => kind), parse: textRule },
  ];
}

const RULES: HumilityRules = [
  { name: 'strange x', when: { type: 'outsideRange', features: ['x'] }, then: { type: 'warn' } },
  {
    name: 'new color',
    when: { type: 'unseenLevel', features: ['color'] },
    then: { type: 'override', prediction: 'a' },
  },
  { name: 'unsure', when: { type: 'nearThreshold', within: 0.05 }, then: { type: 'refuse' } },
];

describe('app server: humility rules of deployments', function () {
  this.timeout(60_000);
  let world: TestAppServer;
  let worker: ProtocolWorker;
  let api: Api;
  let linear = '';
  let baseline = '';

  const deploy = (settings: object) =>
    api.call('POST', '/deployments', 201, Deployment, { json: { modelId: linear, name: 'd', settings } });
  const patch = (id: string, settings: object) =>
    api.call('PATCH', `/deployments/${id}`, 200, Deployment, { json: { settings } });

  before(async () => {
    world = await startTestAppServer();
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), { protocolVersion: 2 });
    api = (await world.user('ann')).api;
    const answer = await api.upload({ content: 'x,y,color,kind\n1,2,red,a\n', fileName: 'data.csv' });
    await worker.workAll();
    const datasetId = idOf(await api.get(`/jobs/${(answer.json as Job).id}`, Job));
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
    const json = { target: 'kind', blueprints: ['baseline', 'linear'], seed: 1 };
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json });
    await worker.workAll();
    const board = (await api.get(`/projects/${id}/leaderboard`, Leaderboard)).data;
    const idAt = (family: string) => board.find((row) => row.family === family)?.modelId ?? expect.fail(family);
    [linear, baseline] = [idAt('linear'), idAt('baseline')];
  });
  after(async () => {
    worker.close();
    await world.close();
  });

  it('are kept with the deployment, changed and taken away', async () => {
    const { id, settings } = await deploy({ humility: RULES });
    expect(settings).to.deep.equal({ missingColumns: 'warn', humility: RULES });
    expect((await patch(id, { threshold: 0.4 })).settings.humility).to.deep.equal(RULES);
    expect((await patch(id, { humility: RULES.slice(0, 1) })).settings.humility).to.deep.equal(RULES.slice(0, 1));
    for (const humility of [null, []]) {
      await patch(id, { humility: RULES });
      expect((await patch(id, { humility })).settings).to.not.have.property('humility');
    }
  });

  it('are refused with the field and what there is instead, and nothing is changed then', async () => {
    const { id } = await deploy({ humility: RULES });
    const refuse = (rule: object, says: readonly string[]) =>
      api.refused(
        'PATCH',
        `/deployments/${id}`,
        { status: 422, code: 'VALIDATION_FAILED', says },
        { json: { settings: { humility: [{ name: 'n', then: { type: 'warn' }, ...rule }] } } },
      );
    await refuse({ when: { type: 'outsideRange', features: ['z'] } }, [
      '/settings/humility/0/when/features/0',
      '"z" is no feature that the model reads ("x", "y", "color")',
    ]);
    await refuse({ when: { type: 'outsideRange', features: ['kind'] } }, ['"kind" is no feature that the model reads']);
    await refuse({ when: { type: 'outsideRange', features: ['color'] } }, ['expected a number or a date']);
    await refuse({ when: { type: 'missing' } }, ['/settings/humility/0/when/type', 'must be one of outsideRange']);
    await refuse({ when: { type: 'nearThreshold', within: '0.1' } }, ['/when/within', 'must be number']);
    await refuse({ when: { type: 'missingValue' }, then: { type: 'override', prediction: 'c' } }, [
      '/settings/humility/0/then/prediction',
      '"c" is no class of the target ("a", "b")',
    ]);
    expect((await api.get(`/deployments/${id}`, Deployment)).settings.humility).to.deep.equal(RULES);
    await api.refused(
      'POST',
      '/deployments?dryRun=true',
      { status: 422, code: 'VALIDATION_FAILED', says: ['/settings/humility/0/when/type'] },
      {
        json: {
          ...{ modelId: linear, name: 'd' },
          settings: { humility: [{ name: 'n', when: { type: 'predictionOutside', most: 1 }, then: { type: 'warn' } }] },
        },
      },
    );
  });

  it('keep a model out that does not read what they look at', async () => {
    const { id } = await deploy({ humility: RULES });
    const json = { modelId: baseline, reason: 'simple' };
    await api.refused(
      'PUT',
      `/deployments/${id}/model`,
      {
        status: 422,
        code: 'VALIDATION_FAILED',
        says: ['/modelId', '"x" is no feature', 'PATCH of /settings/humility'],
      },
      { json },
    );
    await patch(id, { humility: RULES.slice(2) });
    const replaced = await api.call('PUT', `/deployments/${id}/model`, 200, Deployment, { json });
    expect(replaced.settings.humility).to.deep.equal(RULES.slice(2));
  });

  it('are sent to prediction servers that know them, and left out for others', async () => {
    const { id } = await deploy({ humility: RULES });
    const token = readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`);
    const internal = new Api(world.server.url, token);
    const settingsFor = async (headers: Record<string, string>) => {
      const { json } = await internal.request('GET', '/internal/v1/assignments?after=-1', { headers });
      const { deployments } = parse(AssignmentFeed, json, 'feed');
      return deployments.find(({ deploymentId }) => deploymentId === id)?.settings;
    };
    expect((await settingsFor({ [FEED_KNOWS_HEADER]: FEED_HUMILITY }))?.humility).to.deep.equal(RULES);
    expect(await settingsFor({})).to.deep.equal({ missingColumns: 'warn' });
  });
});
