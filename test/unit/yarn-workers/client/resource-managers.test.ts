import { expect } from 'chai';
import { AppError } from '#contracts';
import { hasEnded, refusalIn, ResourceManagerClient, type YarnHttp } from '#yarn';
import { appErrorOf } from '../../../support/expect-error.ts';

type Script = (method: string, url: URL) => { status: number; headers?: Record<string, string>; body?: unknown };

/** What ResourceManagers answer, by host; a host that is not there does not answer. */
function scripted(hosts: Record<string, Script>): YarnHttp & { readonly asked: string[]; unreadCount(): number } {
  const asked: string[] = [];
  let unread = 0;
  const read = () => {
    unread -= 1;
  };
  return {
    asked,
    /** Answers whose connections are still taken. */
    unreadCount: () => unread,
    async request({ method, url }) {
      asked.push(`${method} ${url.href}`);
      const script = hosts[url.host];
      if (script === undefined) throw new AppError('SERVER_UNAVAILABLE', `${url.host}: connection refused`);
      const { status, headers = {}, body = null } = script(method, url);
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      unread += 1;
      return { status, headers: headers, body: bytesOf(text, read) };
    },
  };
}

async function* bytesOf(text: string, read: () => void): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
  read();
}

const urls = ['http://rm1', 'http://rm2'];
const active: Script = () => ({ status: 200, body: { app: APP } });
const noneActive: Script = (_method, url) => ({
  status: 307,
  headers: { refresh: `4;url=${url.href}` },
  body: 'standby',
});
/** Knows no application. */
const withoutRecord =
  (haState: string): Script =>
  (_method, url) => {
    if (url.pathname.endsWith('/info')) return { status: 200, body: { clusterInfo: { ...INFO, haState } } };
    if (url.pathname.endsWith('/metrics')) return { status: 200, body: { clusterMetrics: METRICS } };
    return { status: 404, body: refusal('not found') };
  };
const METRICS = { availableMB: 0, totalMB: 8192, availableVirtualCores: 0, totalVirtualCores: 16 };
const INFO = { state: 'STARTED', resourceManagerVersion: '3.5.0', hadoopVersion: '3.5.0', startedOn: 1 };
const APP = {
  id: 'application_1_0001',
  user: 'alice',
  name: 'pool',
  queue: 'ml',
  state: 'RUNNING',
  finalStatus: 'UNDEFINED',
  progress: 0,
  diagnostics: '',
  applicationTags: 'a,b',
  startedTime: 1,
  finishedTime: 0,
  allocatedMB: -1,
};

function clientOf(hosts: Record<string, Script>, more: { doAs?: string; patienceMs?: number } = {}) {
  const http = scripted(hosts);
  return { http, client: new ResourceManagerClient({ http, urls, patienceMs: 400, ...more }) };
}

describe('the ResourceManagers of a cluster', () => {
  it('are tried in turn, and the one that answered is asked first from then on', async () => {
    const { http, client } = clientOf({ rm2: active });
    expect((await client.sight(APP.id)).kind).to.equal('known');
    await client.sight(APP.id);
    expect(http.asked.map((line) => new URL(line.slice(4)).host)).to.deep.equal(['rm1', 'rm2', 'rm2']);
    expect(client.activeUrl).to.equal('http://rm2');
  });

  it('are followed when a standby redirects, for writing as for reading', async () => {
    const to = (_method: string, url: URL) => ({
      status: 307,
      headers: { location: url.href.replace('rm1', 'rm2') },
      body: 'This is standby RM',
    });
    const { http, client } = clientOf({ rm1: to, rm2: () => ({ status: 200, body: { state: 'KILLED' } }) });
    await client.cancelDelegationToken('t');
    expect(http.asked.map((line) => line.split('/ws')[0])).to.deep.equal(['DELETE http://rm1', 'DELETE http://rm2']);
    expect(http.unreadCount()).to.equal(0);
    expect(client.activeUrl).to.equal('http://rm2');
  });

  it('are asked again while none is active: a redirect without a place, a page of text, 503', async () => {
    let count = 0;
    const late: Script = (method, url) => {
      count += 1;
      if (count === 1) return noneActive(method, url);
      if (count === 2) return { status: 200, body: 'There is currently no active RM' };
      return count === 3 ? { status: 503 } : active(method, url);
    };
    const { client, http } = clientOf({ rm1: late, rm2: noneActive }, { patienceMs: 5_000 });
    expect((await client.sight(APP.id)).kind).to.equal('known');
    expect(count).to.equal(4);
    expect(http.unreadCount()).to.equal(0);
  });

  it('leave an application unknown, never failed, when nobody answers or nobody has a record', async () => {
    const away = await clientOf({ rm1: noneActive }).client.sight(APP.id);
    expect(away).to.deep.include({ kind: 'unknown', why: 'unreachable' });
    const forgotten = await clientOf({ rm1: withoutRecord('ACTIVE') }).client.sight(APP.id);
    expect(forgotten).to.deep.include({ kind: 'unknown', why: 'no_record' });
    expect(await clientOf({ rm1: () => ({ status: 404 }) }).client.kill(APP.id)).to.equal(null);
    const error = await appErrorOf('YARN_UNAVAILABLE', () => clientOf({}).client.nodes());
    expect(error.message).to.include('rm1: connection refused').and.include('rm2: connection refused');
  });

  it('are left alone until they have read their state: no record of theirs counts, and nothing is submitted', async () => {
    const starting = clientOf({ rm1: withoutRecord('INITIALIZING') });
    expect(await starting.client.sight(APP.id)).to.deep.include({ kind: 'unknown', why: 'unreachable' });
    const error = await appErrorOf('YARN_UNAVAILABLE', () => starting.client.newApplication());
    expect(error.message).to.equal('the ResourceManager at http://rm1 is starting: it is INITIALIZING');
    expect(starting.http.asked.filter((line) => line.startsWith('POST'))).to.deep.equal([]);
  });

  it('are not taken for starting when the standby answers what it does not redirect', async () => {
    const standby: Script = (_method, url) =>
      url.pathname.endsWith('/info')
        ? { status: 200, body: { clusterInfo: { ...INFO, haState: 'STANDBY' } } }
        : { status: 307, headers: { location: url.href.replace('rm1', 'rm2') }, body: 'This is standby RM' };
    const { http, client } = clientOf({ rm1: standby, rm2: withoutRecord('ACTIVE') });
    await client.info();
    expect(client.activeUrl).to.equal('http://rm2');
    expect(await client.sight(APP.id)).to.deep.include({ kind: 'unknown', why: 'no_record' });
    expect(http.asked.filter((line) => line.includes('//rm1'))).to.have.length(2);
  });

  it('never read a state that they do not know as an end', async () => {
    const strange: Script = () => ({ status: 200, body: { app: { ...APP, state: 'PONDERING' } } });
    const sighting = await clientOf({ rm1: strange }).client.sight(APP.id);
    if (sighting.kind !== 'known') throw new Error('expected to be known');
    expect(sighting.application.state).to.equal(null);
    expect(hasEnded(sighting.application)).to.equal(false);
    expect(sighting.application).to.deep.include({ tags: ['a', 'b'], allocatedMemoryMb: 0, finishedAtMs: null });
  });

  it('are told for whom the service acts', async () => {
    const { http, client } = clientOf({ rm1: active }, { doAs: 'alice' });
    await client.sight(APP.id);
    expect(http.asked[0]).to.equal('GET http://rm1/ws/v1/cluster/apps/application_1_0001?doAs=alice');
  });

  it('end a wait when the caller gives up', async () => {
    const { client } = clientOf({ rm1: noneActive });
    const reason = new Error('given up');
    let caught: unknown;
    await client.nodes(AbortSignal.abort(reason)).catch((err: unknown) => (caught = err));
    expect(caught).to.equal(reason);
  });

  for (const [status, words, code] of [
    [403, 'App submission via REST is disabled.', 'YARN_REST_SUBMISSION_OFF'],
    [400, 'Requested more memory than configured max', 'YARN_CONTAINER_TOO_LARGE'],
    [403, 'User alice cannot submit applications to queue root.ml', 'YARN_QUEUE_FORBIDDEN'],
    [403, 'User: trainyard is not allowed to impersonate hdfs', 'YARN_IMPERSONATION_REFUSED'],
    [401, 'Unable to obtain user name, user not authenticated', 'YARN_UNAUTHENTICATED'],
    [403, 'Unauthorized attempt to kill', 'YARN_FORBIDDEN'],
    [400, 'Too many applicationTags', 'YARN_REQUEST_REFUSED'],
  ] as const) {
    it(`say "${words}", which is ${code}`, async () => {
      const { client } = clientOf({ rm1: () => ({ status, body: refusal(words) }) });
      const error = await appErrorOf(code, () => client.newApplication());
      expect(error.message).to.include(words);
    });
  }

  it('say it in plain text or HTML too', async () => {
    const text: Script = () => ({ status: 403, body: '<p>App submission via\n REST is disabled.</p>' });
    await appErrorOf('YARN_REST_SUBMISSION_OFF', () => clientOf({ rm1: text }).client.newApplication());
    const error = await appErrorOf('YARN_FORBIDDEN', () =>
      clientOf({ rm1: () => ({ status: 403, body: '' }) }).client.newApplication(),
    );
    expect(error.message).to.include('no reason given');
  });

  it('say why they refused an application after all', async () => {
    const diagnostics = 'Application application_1_0001 submitted by user alice to unknown queue: nope';
    const failed: Script = () => ({ status: 200, body: { app: { ...APP, state: 'FAILED', diagnostics } } });
    const sighting = await clientOf({ rm1: failed }).client.sight(APP.id);
    if (sighting.kind !== 'known') throw new Error('expected to be known');
    expect(refusalIn(sighting.application)?.code).to.equal('YARN_QUEUE_UNKNOWN');
    expect(refusalIn({ ...sighting.application, diagnostics: 'exitCode: 7' })).to.equal(null);
  });

  it('name the field that is missing from an answer', async () => {
    const { client } = clientOf({ rm1: () => ({ status: 200, body: { nodes: { node: [{ id: 1 }] } } }) });
    const error = await appErrorOf('YARN_ANSWER_UNREADABLE', () => client.nodes());
    expect(error.message).to.include('/nodes/node/0');
  });
});

const refusal = (message: string) => ({ RemoteException: { exception: 'SomeException', message } });
