import http from 'node:http';
import { expect } from 'chai';
import { TELEMETRY_INBOX, TELEMETRY_KEYS_PATH, TELEMETRY_MEDIA_TYPE, TELEMETRY_SEGMENTS_PATH } from '#contracts';
import { KEY_FILES, readSecret } from '#runtime';
import { sealSegment, telemetryKeys, type TelemetryKeys } from '#telemetry';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { eventFrames, TEST_KEYS } from '../../support/telemetry/segments.ts';

const FACTS = { serverId: 'ps_1', epoch: 'ab'.repeat(16), segment: 0, firstNumber: 0, endNumber: 1, createdAtMs: 1 };
const FRAMES = eventFrames(0, [{ value: 1, age: 2, color: 'red' }]);

describe('app server: telemetry of prediction servers', () => {
  let world: TestAppServer;
  let keys: TelemetryKeys;
  before(async () => {
    world = await startTestAppServer();
    keys = telemetryKeys(readSecret(world.config.telemetry.keyFile));
  });
  after(() => world.close());

  const post = async (body: Uint8Array, token?: string): Promise<{ status: number; code: string | null }> => {
    const secret = token ?? readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`);
    const headers = { authorization: `Bearer ${secret}`, 'content-type': TELEMETRY_MEDIA_TYPE };
    const answer = await fetch(`${world.server.url}${TELEMETRY_SEGMENTS_PATH}`, { method: 'POST', headers, body });
    const text = await answer.text();
    return { status: answer.status, code: text === '' ? null : (JSON.parse(text) as { code: string }).code };
  };
  const kept = async (): Promise<string[]> =>
    (await Array.fromAsync(world.store.list(TELEMETRY_INBOX))).map(({ path }) => path);

  it('is kept once, however often it comes', async () => {
    const sealed = await sealSegment(FACTS, FRAMES, keys);
    expect([await post(sealed), await post(sealed)]).to.deep.equal([
      { status: 204, code: null },
      { status: 204, code: null },
    ]);
    expect(await kept()).to.deep.equal([`${TELEMETRY_INBOX}/${FACTS.epoch}/0.seg`]);
    const bytes = await world.store.readAll(`${TELEMETRY_INBOX}/${FACTS.epoch}/0.seg`, { maxBytes: 1_000_000 });
    expect(Buffer.from(bytes).equals(sealed)).to.equal(true);
  });

  it('is refused without the token, with another key, and when it is none', async () => {
    const before = await kept();
    const sealed = await sealSegment({ ...FACTS, segment: 1 }, FRAMES, keys);
    const foreign = await sealSegment({ ...FACTS, segment: 2 }, FRAMES, TEST_KEYS);
    expect(await post(sealed, 'wrong')).to.deep.equal({ status: 401, code: 'UNAUTHENTICATED' });
    expect(await post(foreign)).to.deep.equal({ status: 403, code: 'TELEMETRY_SIGNATURE' });
    expect(await post(Buffer.from('nothing of the kind'))).to.deep.equal({ status: 422, code: 'TELEMETRY_INVALID' });
    expect(await post(Buffer.alloc(1_000_000))).to.deep.equal({ status: 413, code: 'BODY_TOO_LARGE' });
    expect(await kept()).to.deep.equal(before);
  });

  it('that is too large does not hold up what comes next on its connection', async () => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const token = readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`);
    const send = (method: string, path: string, body: Buffer) =>
      new Promise<number | undefined>((resolve, reject) => {
        const headers = {
          authorization: `Bearer ${token}`,
          'content-type': TELEMETRY_MEDIA_TYPE,
          'content-length': body.length,
        };
        const request = http.request(world.server.url + path, { method, agent, headers }, (answer) => {
          answer.resume().once('end', () => resolve(answer.statusCode));
        });
        request.once('error', reject).end(body);
      });
    try {
      for (let time = 0; time < 3; time += 1) {
        expect(await send('POST', TELEMETRY_SEGMENTS_PATH, Buffer.alloc(1_000_000))).to.equal(413);
        expect(await send('GET', `${TELEMETRY_KEYS_PATH}?serverId=ps_9`, Buffer.alloc(0))).to.equal(200);
      }
    } finally {
      agent.destroy();
    }
  });

  it('may be signed by keys that a server was given, for what this server tells', async () => {
    const keysFor = (serverId: string, token: string) =>
      fetch(`${world.server.url}${TELEMETRY_KEYS_PATH}?serverId=${serverId}`, {
        headers: { authorization: `Bearer ${token}` },
      });
    const token = readSecret(`${world.config.keys.dir}/${KEY_FILES.predictionServerToken}`);
    const given = ((await (await keysFor('ps_9', token)).json()) as { keys: string }).keys;
    expect(given).to.not.include(readSecret(world.config.telemetry.keyFile));
    const own = telemetryKeys(given);
    expect(await post(await sealSegment({ ...FACTS, serverId: 'ps_9', segment: 3 }, FRAMES, own))).to.include({
      status: 204,
    });
    expect(await post(await sealSegment({ ...FACTS, segment: 4 }, FRAMES, own))).to.deep.equal({
      status: 403,
      code: 'TELEMETRY_SIGNATURE',
    });
    expect((await keysFor('ps_9', 'wrong')).status).to.equal(401);
  });
});
