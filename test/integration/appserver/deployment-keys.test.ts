import { expect } from 'chai';
import {
  ApiKeyPage,
  AssignmentFeed,
  CreatedApiKey,
  FEED_KEY_DEPLOYMENTS,
  FEED_KNOWS_HEADER,
  parse,
  type Deployment,
} from '#contracts';
import { KEY_FILES, readSecret } from '#runtime';
import { Api } from '../../support/api.ts';
import type { TestAppServer } from '../../support/app-server.ts';
import { until } from '../../support/processes.ts';
import { startSmallPlatform, type SmallPlatform } from '../../support/small-deployment.ts';

describe('app server: keys that are held to deployments', function () {
  this.timeout(60_000);
  let platform: SmallPlatform;
  let world: TestAppServer;
  let ann: Api;
  let mine: Deployment;
  let other: Deployment;

  before(async () => {
    platform = await startSmallPlatform();
    ({ world, ann } = platform);
    [mine, other] = [await platform.deploy('mine'), await platform.deploy('other')];
  });
  after(() => platform.close());

  const make = (json: object, api = ann) =>
    api.call('POST', '/api-keys', 201, CreatedApiKey, { json: { name: 'shop', ...json } });
  const ask = (key: string, { predictionUrl }: Deployment) =>
    ann.as(key).request('POST', predictionUrl, { json: { x: 1 } });
  const statusOf = async (key: string, deployment: Deployment) => (await ask(key, deployment)).status;

  it('predict with these deployments, and are refused by others and by the whole REST API', async () => {
    const { id, key, scopes, deploymentIds } = await make({ deploymentIds: [mine.id] });
    expect({ scopes, deploymentIds }).to.deep.equal({ scopes: ['predict'], deploymentIds: [mine.id] });
    expect((await ann.get('/api-keys', ApiKeyPage)).data.find((found) => found.id === id)?.deploymentIds).to.deep.equal(
      [mine.id],
    );
    expect(await statusOf(key, mine)).to.equal(200);
    const refused = await ask(key, other);
    expect(refused.status).to.equal(403);
    expect(refused.text).to.include(`may ask deployment ${mine.id} alone`).and.include(other.id);
    for (const [method, path] of [
      ['GET', '/me'],
      ['GET', `/deployments/${mine.id}`],
      ['GET', `/deployments/${mine.id}/package`],
      ['POST', '/batch-predictions'],
      ['GET', '/jobs'],
      ['POST', '/api-keys'],
    ] as const) {
      const says = ['predictions of its deployments alone'];
      await ann
        .as(key)
        .refused(method, path, { status: 403, code: 'FORBIDDEN', says }, method === 'POST' ? { json: {} } : {});
    }
  });

  it('end when they are revoked, and when they expire', async () => {
    const expiresAt = new Date(Date.now() + 3_000).toISOString();
    const [revoked, ending] = [
      await make({ deploymentIds: [mine.id] }),
      await make({ deploymentIds: [mine.id], expiresAt }),
    ];
    expect([await statusOf(revoked.key, mine), await statusOf(ending.key, mine)]).to.deep.equal([200, 200]);
    await ann.request('DELETE', `/api-keys/${revoked.id}`);
    await until('both have ended', async () => {
      const statuses = [await statusOf(revoked.key, mine), await statusOf(ending.key, mine)];
      return statuses.every((status) => status === 401);
    });
  });

  it('are made for what their user may read, with no other scope, by keys that may predict', async () => {
    const invalid = { status: 422, code: 'VALIDATION_FAILED' } as const;
    const refuse = (json: object, says: string[], api = ann) =>
      api.refused('POST', '/api-keys', { ...invalid, says }, { json: { name: 'k', ...json } });
    const bob = await world.user('bob');
    await refuse({ deploymentIds: [mine.id] }, ['/deploymentIds/0', mine.id, 'bob'], bob.api);
    await refuse({ deploymentIds: [mine.id, 'dep_none'] }, ['/deploymentIds/1', 'dep_none']);
    await refuse({ deploymentIds: [] }, ['/deploymentIds']);
    await refuse({ deploymentIds: [mine.id, mine.id] }, ['/deploymentIds']);
    await refuse({ deploymentIds: [mine.id], scopes: ['predict', 'read'] }, [
      '/scopes',
      'predict alone',
      'predict, read',
    ]);
    await refuse({ deploymentIds: [mine.id], userId: bob.id }, ['/deploymentIds/0', 'bob'], world.admin);
    const { key } = await make({ scopes: ['read', 'write'] });
    const json = { name: 'k', deploymentIds: [mine.id] };
    await ann
      .as(key)
      .refused('POST', '/api-keys', { status: 403, code: 'FORBIDDEN', says: ['lacks predict'] }, { json });
    const { id: annId } = await make({ scopes: ['read'] }).then(({ userId }) => ({ id: userId }));
    const forAnn = await make({ deploymentIds: [mine.id], userId: annId }, world.admin);
    expect(await statusOf(forAnn.key, mine)).to.equal(200);
  });

  it('reach servers that can hold them, and are good for nothing at those that cannot', async () => {
    const { id } = await make({ deploymentIds: [mine.id] });
    const internal = new Api(
      world.server.url,
      readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`),
    );
    const grantFor = async (words: string) => {
      const headers = { [FEED_KNOWS_HEADER]: words };
      const { json } = await internal.request('GET', '/internal/v1/assignments?after=-1', { headers });
      return parse(AssignmentFeed, json, 'feed').apiKeys.find(({ keyId }) => keyId === id);
    };
    expect(await grantFor(`later, ${FEED_KEY_DEPLOYMENTS}`)).to.deep.include({
      scopes: ['predict'],
      deploymentIds: [mine.id],
    });
    const older = await grantFor('intervals,telemetry');
    expect(older).to.deep.include({ scopes: [] }).and.not.have.property('deploymentIds');
  });
});
