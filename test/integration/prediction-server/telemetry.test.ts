import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { KEY_FILES } from '#runtime';
import { call } from '../../support/serving/call.ts';
import { API_KEY, binary, BINARY_CLASSES, regression } from '../../support/serving/models.ts';
import { createServing, predict, ROW, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';
import { until } from '../../support/processes.ts';
import { skipBecause } from '../../support/skip.ts';
import { TEST_KEYS_TEXT, toldBy, type Told } from '../../support/telemetry/segments.ts';

const FLAGS = { 'telemetry.transport': 'http', 'telemetry.segmentMs': '20' };

describe('prediction server: telemetry', () => {
  let serving: Serving;
  beforeEach(async () => {
    serving = await createServing();
    mkdirSync(path.join(serving.dataDir, 'keys'), { recursive: true });
    writeFileSync(path.join(serving.dataDir, 'keys', KEY_FILES.telemetryKeys), TEST_KEYS_TEXT);
  });
  afterEach(() => serving.close());
  const told = (): Told => toldBy(serving.app.segments);
  const ages = (): unknown[] => told().events.map(({ values }) => values[0]);

  /** With one deployment that answers; what was told until then is forgotten. */
  const started = async (flags: Readonly<Record<string, string>> = {}): Promise<Server> => {
    const server = await serving.start({ ...FLAGS, ...flags });
    await untilReady(server);
    await until('the first event', () => told().events.length > 0);
    serving.app.segments.length = 0;
    return server;
  };

  it('tells each predicted row as the model has read it', async () => {
    serving.deploy(serving.model('mdl_1', regression()));
    const server = await started();
    const rows = [
      { age: ' 30.5 ', color: 'red', height: 1.7, ['__proto__']: -0.5 },
      { age: null, color: 'violet', extra: 1 },
      { age: 'NA', color: 'NA', height: 2 },
    ];
    expect((await predict(server, rows)).status).to.equal(200);
    await until('three events', () => told().events.length === 3);
    const { events, headers } = told();
    expect(events.map(({ values }) => values)).to.deep.equal([
      [30.5, { key: 'red', isUnseen: false }, 1.7, -0.5],
      [null, { key: 'violet', isUnseen: true }, null, null],
      [null, null, 2, null],
    ]);
    expect(events.map(({ value }) => value)).to.deep.equal([1_111, 0, 0]);
    expect(events[0]?.schema).to.deep.include({ deploymentId: 'dep_1', modelId: 'mdl_1', classes: [] });
    expect(events[0]?.schema.features.map(({ name }) => name)).to.deep.equal(['age', 'color', 'height', '__proto__']);
    expect(Math.abs((events[0]?.timeMs ?? 0) - Date.now())).to.be.below(60_000);
    expect(headers[0]?.serverId).to.match(/^ps_/);
  });

  it('tells rows of CSV and of classifiers the same way', async () => {
    serving.deploy(serving.model('mdl_1', binary()));
    const server = await started();
    const headers = { 'content-type': 'text/csv', accept: 'text/csv' };
    const { text } = await predict(server, 'color,age\r\nred,30\r\nblue,50\r\n', { headers });
    await until('two events', () => told().events.length === 2);
    const lines = text.trim().split('\r\n').slice(1);
    const { events } = told();
    expect(events.map(({ classIndex }) => BINARY_CLASSES[classIndex])).to.deep.equal([
      BINARY_CLASSES[1],
      BINARY_CLASSES[0],
    ]);
    expect(events.map(({ probabilities }) => String(probabilities[1]))).to.deep.equal(
      lines.map((line) => line.split(',').at(-1)),
    );
    expect(events[1]?.values.slice(0, 2)).to.deep.equal([50, { key: 'blue', isUnseen: false }]);
  });

  it('tells association ids, and rows of the Open Inference Protocol', async () => {
    serving.deploy(serving.model('mdl_1', regression()));
    const server = await started();
    expect((await predict(server, [{ age: 1, associationId: 'order 7' }, { age: 2 }])).status).to.equal(200);
    const inputs = [{ name: 'age', shape: [1], datatype: 'FP64', data: [3] }];
    const answer = await call(`${server.url}/v2/models/dep_1/infer`, {
      method: 'POST',
      headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
      body: JSON.stringify({ inputs }),
    });
    expect(answer.status).to.equal(200);
    await until('three events', () => told().events.length === 3);
    expect(told().events.map(({ associationId }) => associationId)).to.deep.equal(['order 7', null, null]);
    expect(ages()).to.deep.equal([1, 2, 3]);
  });

  it('tells by which categories predictions are counted, of those whose values it tells', async () => {
    const model = serving.model('mdl_1', regression());
    const settingsOf = (features: string[]) => ({
      ...{ missingColumns: 'warn' as const, telemetry: { enabled: true, features } },
      segments: ['height', 'shape', 'color'],
    });
    serving.deploy(model, { settings: settingsOf(['age', 'color', 'height']) });
    const server = await started();
    await predict(server, ROW);
    await until('an event', () => told().events.length > 0);
    expect(told().events[0]?.schema.segments).to.deep.equal(['color']);
    serving.deploy(model, { sequence: 2, settings: settingsOf(['age']) });
    await until('no segments', async () => {
      serving.app.segments.length = 0;
      await predict(server, ROW);
      await until('an event', () => told().events.length > 0);
      return told().events.every(({ schema }) => schema.segments === undefined);
    });
  });

  it('tells nothing of a request that is refused, not even of the rows before', async () => {
    serving.deploy(serving.model('mdl_1', regression()));
    const server = await started();
    expect((await predict(server, [ROW, ROW, { age: 'old' }])).status).to.equal(422);
    expect((await predict(server, { age: 77 })).status).to.equal(200);
    await until('an event', () => told().events.length > 0);
    expect(ages()).to.deep.equal([77]);
  });

  it('tells of features what the deployment allows, and nothing where it is off', async () => {
    const model = serving.model('mdl_1', regression());
    serving.deploy(model);
    const server = await started();
    const telemetry = { enabled: true, features: ['color', 'unknown'] };
    serving.deploy(model, { sequence: 2, settings: { missingColumns: 'warn', telemetry } });
    await until('one feature alone', async () => {
      serving.app.segments.length = 0;
      await predict(server, ROW);
      await until('an event', () => told().events.length > 0);
      return told().events[0]?.schema.features.length === 1;
    });
    expect(told().events[0]?.values).to.deep.equal([{ key: 'red', isUnseen: false }]);
    serving.deploy(model, { sequence: 3, settings: { missingColumns: 'warn', telemetry: { enabled: false } } });
    await until('silence', async () => {
      serving.app.segments.length = 0;
      await predict(server, ROW);
      return until('an event', () => told().events.length > 0, 300).then(
        () => false,
        () => true,
      );
    });
  });

  it('lets what cannot be delivered wait, through a stop, and says at the end that nothing follows', async () => {
    serving.deploy(serving.model('mdl_1', regression()));
    const server = await started();
    serving.app.refusesSegments = 'NOT_FOUND';
    for (let age = 0; age < 50; age += 1) expect((await predict(server, { age })).status).to.equal(200);
    await server.close();
    expect(told().events).to.have.length(0);
    serving.app.refusesSegments = null;
    await serving.start(FLAGS);
    await until('all events', () => told().events.length === 50);
    expect(ages()).to.deep.equal(Array.from({ length: 50 }, (_, i) => i));
    const [end] = told().ends.values();
    expect(end).to.be.at.least(51);
  });

  it('keeps what was answered when the process is killed at any moment', async function () {
    this.timeout(60_000);
    serving.deploy(serving.model('mdl_1', regression()));
    const answered: number[] = [];
    let next = 1_000;
    for (let life = 0; life < 3; life += 1) {
      const server = await serving.startProgram(FLAGS);
      await untilReady(server);
      const controller = new AbortController();
      const clients = Array.from({ length: 6 }, async () => {
        while (!controller.signal.aborted) {
          const age = (next += 1);
          const answer = await predict(server, { age }).catch(() => null);
          if (answer === null) return;
          if (answer.status === 200) answered.push(age);
        }
      });
      const enough = answered.length + 300 + 37 * life;
      await until('many answers', () => answered.length > enough);
      await server.kill();
      controller.abort();
      await Promise.all(clients);
    }
    const last = await serving.startProgram(FLAGS);
    await until('the spool is empty', () =>
      readdirSync(path.join(serving.cacheDir, 'telemetry/0')).every((name) => name === 'lock'),
    );
    await last.close();
    const counts = new Map<unknown, number>();
    const { events: all, ids } = told();
    const events = new Map(all.map((event, index) => [ids[index], event]));
    for (const { values } of events.values()) counts.set(values[0], (counts.get(values[0]) ?? 0) + 1);
    expect(answered.filter((age) => counts.get(age) !== 1)).to.deep.equal([]);
    expect(answered.length).to.be.above(1_000);
  });

  for (const point of ['beforeSealed', 'afterSealed', 'afterSend', 'beforeRemove']) {
    it(`tells everything once it is killed at ${point}`, async function () {
      this.timeout(30_000);
      serving.deploy(serving.model('mdl_1', regression()));
      serving.app.refusesSegments = 'NOT_FOUND';
      const server = await serving.startProgram(FLAGS, `predictionServer.telemetry.${point}=kill`);
      await untilReady(server);
      const rows = Array.from({ length: 10_000 }, (_, i) => ({ age: i % 40, color: 'x'.repeat(200) + String(i) }));
      let answered = 0;
      for (let request = 0; request < 8; request += 1) {
        const answer = await predict(server, rows).catch(() => null);
        if (answer?.status === 200) answered += 1;
        if (request === 4) serving.app.refusesSegments = null;
      }
      await until('its death', async () => (await predict(server, ROW).catch(() => null)) === null);
      serving.app.refusesSegments = null;
      const again = await serving.startProgram(FLAGS);
      await until('the spool is empty', () =>
        readdirSync(path.join(serving.cacheDir, 'telemetry/0')).every((name) => name === 'lock'),
      );
      await again.close();
      const distinct = new Set(told().ids);
      expect(answered).to.be.above(0);
      expect(distinct.size).to.be.at.least(answered * rows.length);
      const highest = new Map<string, number>();
      for (const id of distinct) {
        const [epoch = '', number = ''] = id.split('-');
        highest.set(epoch, Math.max(highest.get(epoch) ?? 0, Number(number) + 1));
      }
      expect(
        [...highest.values()].reduce((sum, count) => sum + count, 0),
        'no number is left out',
      ).to.equal(distinct.size);
    });
  }

  it('answers while its disk is full, and counts what it could not keep', async function () {
    const folder = path.join(serving.dataDir, 'disk');
    mkdirSync(folder);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder], { stdio: 'ignore' });
    } catch {
      skipBecause(this, 'mounting a small disk needs root');
    }
    try {
      serving.deploy(serving.model('mdl_1', regression()));
      const server = await started({ 'telemetry.spoolDir': path.join(folder, 'spool') });
      serving.app.refusesSegments = 'NOT_FOUND';
      const filler = path.join(folder, 'filler');
      for (let size = 2_000_000; size > 0; size = Math.floor(size / 2)) {
        try {
          writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
        } catch {
          continue;
        }
      }
      const rows = Array.from({ length: 500 }, (_, i) => ({ age: i, color: `color ${i}` }));
      for (let request = 0; request < 10; request += 1) expect((await predict(server, rows)).status).to.equal(200);
      // Once, unless a segment that is compressed meanwhile makes room for a while: never for each request.
      expect(serving.log.filter(({ event }) => event === 'telemetry_lost')).to.have.length.within(1, 9);
      rmSync(filler);
      serving.app.refusesSegments = null;
      expect((await predict(server, { age: 1_000 })).status).to.equal(200);
      await until('the last event', () => ages().includes(1_000));
      const { events, losses } = told();
      expect(new Set(losses.map(({ reason }) => reason))).to.deep.equal(new Set(['disk']));
      expect(losses.reduce((sum, { count }) => sum + count, 0) + events.length).to.equal(5_001);
      await server.close();
    } finally {
      execFileSync('umount', ['--lazy', folder]);
    }
  });
});
