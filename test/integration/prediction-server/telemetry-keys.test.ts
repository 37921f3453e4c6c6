import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { secretOf, telemetryKeys } from '#telemetry';
import { until } from '../../support/processes.ts';
import { regression } from '../../support/serving/models.ts';
import { createServing, predict, untilReady, type Serving } from '../../support/serving/serving.ts';
import { TEST_KEYS, TEST_KEYS_TEXT, toldBy } from '../../support/telemetry/segments.ts';

const FLAGS = { 'telemetry.transport': 'http', 'telemetry.segmentMs': '20' };

describe('prediction server: telemetry keys on a host that has none', () => {
  let serving: Serving;
  beforeEach(async () => {
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()));
  });
  afterEach(() => serving.close());
  const keptFile = (): string => path.join(serving.cacheDir, 'telemetry.keys');
  const ages = (): unknown[] => toldBy(serving.app.segments).events.map(({ values }) => values[0]);

  it('are asked for, good for this server alone, and kept', async () => {
    const server = await serving.start(FLAGS);
    await untilReady(server);
    await predict(server, { age: 41 });
    await until('the event', () => ages().includes(41));
    const [header] = toldBy(serving.app.segments).headers;
    if (header === undefined) throw new Error('there is no segment');
    expect(TEST_KEYS.find(header.keyId), 'no key of the installation').to.equal(null);
    expect(secretOf(TEST_KEYS, header.keyId, 'ps_another')).to.equal(null);
    expect(existsSync(path.join(serving.dataDir, 'keys', 'telemetry.keys'))).to.equal(false);
    expect(telemetryKeys(readFileSync(keptFile(), 'utf8')).signing().keyId).to.equal(header.keyId);
    expect(statSync(keptFile()).mode & 0o777).to.equal(0o600);
  });

  it('may come late: what was told until then waits, and nothing of it is lost', async () => {
    serving.app.givesKeys = false;
    const server = await serving.start(FLAGS);
    await untilReady(server);
    for (let age = 1; age <= 30; age += 1) {
      expect((await predict(server, { age })).status).to.equal(200);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    expect(serving.app.segments).to.deep.equal([]);
    serving.app.givesKeys = true;
    await until('all events', () => ages().length >= 30);
    expect(
      ages()
        .filter((age) => age !== null)
        .slice(-30),
    ).to.deep.equal(Array.from({ length: 30 }, (_, i) => i + 1));
  });

  it('are there at the next start, when nobody gives any', async () => {
    const first = await serving.start(FLAGS);
    await untilReady(first);
    await until('the keys', () => existsSync(keptFile()));
    await first.close();
    serving.app.givesKeys = false;
    const second = await serving.start(FLAGS);
    await untilReady(second);
    await predict(second, { age: 77 });
    await until('the event', () => ages().includes(77));
  });

  it('are asked for again where those that were kept cannot be used', async () => {
    const first = await serving.start(FLAGS);
    await untilReady(first);
    await until('the keys', () => existsSync(keptFile()));
    await first.close();
    writeFileSync(keptFile(), 'short');
    const second = await serving.start(FLAGS);
    await untilReady(second);
    await predict(second, { age: 78 });
    await until('the event', () => ages().includes(78));
    expect(readFileSync(keptFile(), 'utf8')).to.not.equal('short');
  });

  it('are those of the installation where its file is there', async () => {
    writeFileSync(path.join(serving.dataDir, 'keys', 'telemetry.keys'), TEST_KEYS_TEXT);
    serving.app.givesKeys = false;
    const server = await serving.start(FLAGS);
    await untilReady(server);
    await predict(server, { age: 5 });
    await until('the event', () => ages().includes(5));
    expect(toldBy(serving.app.segments).headers[0]?.keyId).to.equal(TEST_KEYS.signing().keyId);
    expect(existsSync(keptFile())).to.equal(false);
  });
});
