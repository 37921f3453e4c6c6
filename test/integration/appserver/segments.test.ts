import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { run as runCommandLine } from '#cli';
import {
  ActualsTaken,
  AssignmentFeed,
  Deployment,
  DeploymentSegmentsAnswer,
  FEED_KNOWS_HEADER,
  FEED_SEGMENTS,
  Leaderboard,
  ModelSignature,
  parse,
  TELEMETRY_SEGMENTS_PATH,
  type DeploymentSegments,
  type EventSchema,
} from '#contracts';
import { KEY_FILES, readSecret } from '#runtime';
import { createRandom, type Random } from '#statistics';
import {
  beginFrame,
  ByteWriter,
  endFrame,
  FRAME_KINDS,
  sealSegment,
  telemetryKeys,
  writeEventHead,
  writeKey,
  writeSchema,
} from '#telemetry';
import { Api } from '../../support/api.ts';
import {
  isYes,
  someThing,
  startMonitoredWorld,
  type MonitoredWorld,
  type Thing,
} from '../../support/monitored-world.ts';
import { until } from '../../support/processes.ts';

const EVENTS = 900;
const HOUR_MS = 3_600_000;
type Entry = DeploymentSegmentsAnswer['data'][number];

describe('app server: segments of a deployment, of events that crossed the wire', function () {
  this.timeout(120_000);
  let world: MonitoredWorld;
  let at: string;
  let internal: Api;
  before(async () => {
    world = await startMonitoredWorld();
    at = `/deployments/${world.deployment.id}`;
    internal = new Api(world.app.server.url, readSecret(keyFile(KEY_FILES.predictionServerToken)));
  });
  after(() => world.close());

  const keyFile = (name: string): string => path.join(world.app.config.keys.dir, name);
  const patch = (settings: object) => world.api.call('PATCH', at, 200, Deployment, { json: { settings } });
  /** Changes settings, and waits until predictions are made by them. */
  const inForce = async (settings: object): Promise<void> => {
    await patch(settings);
    await until('a prediction server with the settings', async () => (await world.api.get(at, Deployment)).ready);
  };
  const refused = (method: string, route: string, says: readonly (string | RegExp)[], json?: unknown) =>
    world.api.refused(
      ...([method, route, { status: 422, code: 'VALIDATION_FAILED', says }] as const),
      json === undefined ? {} : { json },
    );
  const ask = (query = '') => world.api.get(`${at}/segments${query}`, DeploymentSegmentsAnswer);
  const byLevel = ({ data }: DeploymentSegmentsAnswer): Map<string, Entry> =>
    new Map(data.map((entry) => [entry.level ?? entry.kind, entry]));

  it('are refused where they cannot be counted, with the field and what would do', async () => {
    const segments = (names: string[]) => ({ settings: { segments: names } });
    await refused('PATCH', at, ['/settings/segments/0', '"shape" is no feature', '("colour")'], segments(['shape']));
    await refused('PATCH', at, ['/settings/segments/1', '"size" is read as number'], segments(['colour', 'size']));
    await refused('PATCH', at, ['/settings/segments'], segments(['a', 'b', 'c', 'd']));
    await refused('PATCH', at, ['/settings/segments'], segments(['colour', 'colour']));
    const telemetry = { enabled: true, features: ['size'] };
    await refused('PATCH', at, [/"colour" is not told/], { settings: { segments: ['colour'], telemetry } });
    expect((await world.api.get(at, Deployment)).settings).to.not.have.property('segments');
    await refused('POST', '/deployments?dryRun=true', ['/settings/segments/0'], {
      ...{ modelId: world.deployment.modelId, name: 'd', settings: { segments: ['y'] } },
    });
  });

  it('are kept, hold telemetry and the next model to them, and are taken away', async () => {
    expect((await patch({ segments: ['colour'] })).settings.segments).to.deep.equal(['colour']);
    expect((await patch({ threshold: 0.5 })).settings.segments).to.deep.equal(['colour']);
    await refused('PATCH', at, ['/settings/segments/0', 'settings.telemetry is off'], {
      settings: { telemetry: { enabled: false } },
    });
    const { projectId } = world.deployment;
    const board = (await world.api.get(`/projects/${projectId}/leaderboard`, Leaderboard)).data;
    const modelId = board.find(({ family }) => family === 'baseline')?.modelId;
    const json = { modelId, reason: 'simple' };
    await refused('PUT', `${at}/model`, ['/modelId', '"colour" is no feature', 'PATCH of /settings/segments'], json);
    for (const segments of [null, []]) {
      await patch({ segments: ['colour'] });
      expect((await patch({ segments })).settings).to.not.have.property('segments');
    }
    await patch({ threshold: null });
  });

  it('are told to prediction servers that know them, and left out for others', async () => {
    await patch({ segments: ['colour'] });
    const settingsFor = async (headers: Record<string, string>) => {
      const { json } = await internal.request('GET', '/internal/v1/assignments?after=-1', { headers });
      const { deployments } = parse(AssignmentFeed, json, 'feed');
      return deployments.find(({ deploymentId }) => deploymentId === world.deployment.id)?.settings;
    };
    expect((await settingsFor({ [FEED_KNOWS_HEADER]: FEED_SEGMENTS }))?.segments).to.deep.equal(['colour']);
    expect(await settingsFor({})).to.deep.equal({ missingColumns: 'warn' });
  });

  it('say that there are none, before there are', async () => {
    await patch({ segments: null });
    expect(await ask()).to.deep.include({ features: [], feature: null, eventCount: 0, data: [] });
    await refused('GET', `${at}/segments?feature=colour`, [/not counted by "colour".*PATCH of settings.segments/]);
    await refused('GET', `${at}/segments?from=2026-02-01&to=2026-01-01`, [/is not before/]);
    await refused('GET', `${at}/segments?bucket=minute`, [/bucket/]);
    await refused('GET', `${at}/segments?modelId=mdl_other`, [/never served model mdl_other/]);
    const { api: bob } = await world.app.user('bob');
    await bob.refused('GET', `${at}/segments`, { status: 404, code: 'NOT_FOUND' });
  });

  const random = createRandom(8);
  /** What the model makes of unchanged things, by colour. Nothing is told of it. */
  const untold: { readonly colour: string; readonly probability: number }[] = [];

  it('show the one level whose predictions have changed, and which of them came true', async () => {
    await inForce({ telemetry: { enabled: false } });
    untold.push(...(await predicted(Array.from({ length: EVENTS }, () => someThing(random)))));
    await inForce({ telemetry: null, segments: ['colour'] });
    const things = Array.from({ length: EVENTS }, () => redderThing(random));
    const ids = things.map((_, index) => `thing ${index}`);
    await world.predict(things, ids);
    await world.predict([
      { ...someThing(random), colour: 'violet' },
      { ...someThing(random), colour: '' },
    ]);
    await world.settle();

    const first = await ask('?feature=colour');
    expect(first).to.deep.include({
      feature: 'colour',
      features: ['colour'],
      eventCount: EVENTS + 2,
      metric: 'logLoss',
    });
    const found = byLevel(first);
    const countOf = (name: string) => things.filter(({ colour }) => colour === name).length;
    for (const name of ['red', 'blue', 'green']) {
      const entry = found.get(name) ?? expect.fail(name);
      expect(entry.eventCount).to.equal(countOf(name));
      expect(entry.share).to.equal(countOf(name) / (EVENTS + 2));
      expect(entry.trainingShare).to.be.within(0.28, 0.38);
      expect(entry.predictions.classCounts?.reduce((sum, { count }) => sum + count, 0)).to.equal(countOf(name));
      expect(entry.overTime.reduce((sum, { eventCount }) => sum + eventCount, 0)).to.equal(countOf(name));
      expect(entry.overTime.at(-1)?.meanPredicted).to.equal(entry.predictions.meanProbability);
      const own = untold.filter(({ colour }) => colour === name);
      const mean = own.reduce((sum, { probability }) => sum + probability, 0) / own.length;
      expect(entry.heldBack?.meanPredicted, 'as of unchanged things').to.be.closeTo(mean, 0.06);
      expect(entry.heldBack?.score).to.be.within(0.3, 0.75);
      expect(entry.drift, 'nothing was counted before').to.deep.include({ baseline: 'deployment', drift: 'unknown' });
    }
    expect(found.get('others')?.heldBack).to.equal(null);
    expect([found.get('others')?.eventCount, found.get('missing')?.eventCount]).to.deep.equal([1, 1]);
    expect(first.data.map(({ eventCount }) => eventCount)).to.deep.equal(
      first.data.map(({ eventCount }) => eventCount).sort((a, b) => b - a),
    );

    await tellOfBefore();
    const last = byLevel(await until('events of before', async () => {
      const answer = await ask(`?from=${hoursAgo(12)}`);
      return byLevel(answer).get('red')?.drift.baseline === 'before' ? answer : null;
    })); // prettier-ignore
    const drifts = ['red', 'blue', 'green'].map((name) => last.get(name)?.drift ?? expect.fail(name));
    expect(drifts.map(({ baseline }) => baseline)).to.deep.equal(['before', 'before', 'before']);
    expect(drifts.map(({ drift }) => drift)).to.deep.equal(['large', 'none', 'none']);
    expect(drifts[0]?.baselineCount).to.equal(untold.filter(({ colour }) => colour === 'red').length);
    expect(drifts[0]?.adjustedPValue).to.be.below(1e-6);

    const actuals = things.map((thing, index) => ({
      associationId: ids[index],
      actual: thing.colour === 'red' ? 'no' : isYes(thing, random) ? 'yes' : 'no',
    }));
    await world.api.call('POST', `${at}/actuals`, 200, ActualsTaken, { json: actuals });
    const joined = byLevel(await ask());
    const accuracyOf = (name: string) => joined.get(name)?.accuracy ?? expect.fail(name);
    expect(accuracyOf('red')).to.deep.include({ predictionCount: countOf('red'), actualCount: countOf('red') });
    expect(accuracyOf('red').metrics['accuracy'], 'red things are no more').to.be.below(0.2);
    expect(accuracyOf('red').estimated?.accuracy, 'as was to be expected').to.be.above(0.7);
    expect(accuracyOf('blue').metrics['accuracy']).to.be.above(0.55);
    expect(accuracyOf('others')).to.deep.include({ predictionCount: 0, metrics: {} });
  });

  it('are shown by the command line, also after the setting is gone', async () => {
    const run = async (...words: string[]): Promise<string> => {
      let text = '';
      const streams = {
        out: { write: (part: string) => (text += part) },
        err: { write: (part: string) => (text += part) },
      };
      const env = { TRAINYARD_URL: world.app.server.url, TRAINYARD_API_KEY: String(world.api.key) };
      const code = await runCommandLine(words, { ...streams, env, signal: new AbortController().signal });
      expect(code, text).to.equal(0);
      return text;
    };
    const { id } = world.deployment;
    await patch({ segments: null });
    const text = await run('deployments', 'segments', id, '--feature', 'colour', '--from', hoursAgo(12));
    expect(text).to.match(/level +events/);
    expect(text).to.match(/red .*large +before/);
    expect(text).to.match(/\(missing\) +1 /);
    expect((await ask()).features).to.deep.equal(['colour']);
  });

  /** As any, but red ones are large, which the model takes for `yes`. */
  function redderThing(stream: Random): Thing {
    const thing = someThing(stream);
    return thing.colour === 'red' ? { ...thing, size: 0.7 + 0.3 * thing.size } : thing;
  }

  const hoursAgo = (hours: number): string => new Date(Date.now() - hours * HOUR_MS).toISOString();

  async function predicted(things: readonly Thing[]): Promise<{ colour: string; probability: number }[]> {
    const headers = { authorization: `Bearer ${String(world.api.key)}`, 'content-type': 'application/json' };
    const answer = await fetch(world.deployment.predictionUrl, {
      ...{ method: 'POST', headers, body: JSON.stringify(things) },
    });
    expect(answer.status).to.equal(200);
    const { data } = (await answer.json()) as { data: { probabilities: { yes: number } }[] };
    return data.map(({ probabilities }, index) => ({
      colour: things[index]?.colour ?? '',
      probability: probabilities.yes,
    }));
  }

  /** Delivers what a prediction server would have told 18 hours ago, had it been asked about unchanged things. */
  async function tellOfBefore(): Promise<void> {
    const { id, modelId } = world.deployment;
    const signature = await internal.request('GET', `/internal/v1/models/${modelId}/signature`);
    const { manifestSha256 } = parse(ModelSignature, signature.json, 'signature');
    const segments: DeploymentSegments = ['colour'];
    const schema: EventSchema = {
      ...{ deploymentId: id, modelId, manifestSha256, classes: ['no', 'yes'] },
      ...{ features: [{ name: 'colour', kind: 'category' }], segments },
    };
    const timeMs = Date.now() - 18 * HOUR_MS;
    const writer = new ByteWriter();
    writeSchema(writer, 0, schema);
    const frame = beginFrame(writer, FRAME_KINDS.events);
    for (const part of [0, untold.length, timeMs]) writer.varint(part);
    for (const { colour, probability } of untold) {
      const probabilities = Float64Array.of(1 - probability, probability);
      writeEventHead(writer, 0, null, { prediction: '', classIndex: probability < 0.5 ? 0 : 1, probabilities });
      writeKey(writer, colour, false);
    }
    endFrame(writer, frame);
    const keys = telemetryKeys(readFileSync(keyFile(KEY_FILES.telemetryKeys), 'utf8'));
    const facts = {
      serverId: 'ps_before',
      epoch: 'be'.repeat(16),
      segment: 0,
      firstNumber: 0,
      endNumber: untold.length,
    };
    const body = await sealSegment({ ...facts, createdAtMs: timeMs }, Buffer.from(writer.view()), keys);
    const answer = await internal.request('POST', TELEMETRY_SEGMENTS_PATH, { body: new Uint8Array(body) });
    expect(answer.status, answer.text).to.equal(204);
  }
});
