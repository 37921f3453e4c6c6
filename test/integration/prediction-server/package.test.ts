import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { PACKAGE_FILES, type ErrorCode, type PackageContents } from '#contracts';
import { appErrorOf } from '../../support/expect-error.ts';
import { until } from '../../support/serving/call.ts';
import { constant, createSigner, makeGrant, makeModel } from '../../support/serving/models.ts';
import { RUNTIME_FILE, writePackage, type TestPackage } from '../../support/serving/package.ts';
import { createServing, predict, untilReady, type Server, type Serving } from '../../support/serving/serving.ts';

/** A package that was unpacked anew is looked at once a second. */
const UPGRADE_MS = 15_000;

describe('prediction server: from a package', function () {
  this.timeout(30_000);
  let serving: Serving;
  let dir = '';
  beforeEach(async () => {
    serving = await createServing();
    await serving.app.stop(); // there is no app server at all
    dir = path.join(serving.dataDir, 'trainyard-package');
    mkdirSync(dir);
  });
  afterEach(() => serving.close());

  const unpack = (modelId: string, value: number, more: Partial<TestPackage> = {}) => {
    const { signer } = serving;
    writePackage(dir, { signer, model: makeModel(signer, modelId, constant(value)), ...more });
  };
  const start = (): Promise<Server> => serving.start({ 'predictionServer.packageDir': dir });
  const eventsOf = (event: string) => serving.log.filter((line) => line['event'] === event);
  const valueOf = (text: string) => (JSON.parse(text) as { data: { prediction: number }[] }).data[0]?.prediction;

  it('answers by its files alone, and by what it keeps when they are gone', async () => {
    unpack('mdl_1', 7);
    const first = await start();
    expect(valueOf((await untilReady(first)).text)).to.equal(7);
    const [told] = eventsOf('package');
    expect(told).to.include({ deploymentId: 'dep_1', modelId: 'mdl_1', feedSequence: 1 });
    expect(told?.['signedBy']).to.match(/^[0-9a-f]{64}$/);
    expect((await predict(first, undefined, { headers: { authorization: 'Bearer nobody' } })).status).to.equal(401);
    expect((await predict(first, undefined, { id: 'dep_2' })).status).to.equal(404);
    await first.close();
    rmSync(dir, { recursive: true });
    const second = await serving.start();
    expect(valueOf((await predict(second)).text)).to.equal(7);
  });

  const damages: readonly (readonly [what: string, damage: () => void, says: string])[] = [
    ['a model that was cut', () => truncateSync(path.join(dir, PACKAGE_FILES.blob), 1), PACKAGE_FILES.blob],
    ['a longer model', () => appendFileSync(path.join(dir, PACKAGE_FILES.blob), '0'), PACKAGE_FILES.blob],
    ['another runtime', () => writeFileSync(path.join(dir, RUNTIME_FILE), '// of mdl_9\n'), RUNTIME_FILE],
    ['a file that is missing', () => rmSync(path.join(dir, RUNTIME_FILE)), RUNTIME_FILE],
    ['a list that is missing', () => rmSync(path.join(dir, PACKAGE_FILES.contents)), PACKAGE_FILES.contents],
    ['a list that was changed', () => replaceIn(PACKAGE_FILES.contents, '24.0.0', '24.0.1'), 'wrong signature'],
    ['keys that were changed', () => replaceIn(PACKAGE_FILES.feed, 'usr_1', 'usr_2'), PACKAGE_FILES.feed],
    ['no JSON', () => writeFileSync(path.join(dir, PACKAGE_FILES.feed), '{'), PACKAGE_FILES.feed],
  ];
  function replaceIn(name: string, from: string, to: string): void {
    const text = readFileSync(path.join(dir, name), 'utf8');
    expect(text).to.include(from);
    writeFileSync(path.join(dir, name), text.replace(from, to));
  }
  for (const [what, damage, says] of damages)
    it(`does not start with ${what}`, async () => {
      unpack('mdl_1', 7);
      damage();
      expect((await appErrorOf('PACKAGE_INVALID', start)).message).to.include(says);
    });

  const untrue: readonly (readonly [what: string, contents: Partial<PackageContents>])[] = [
    ['another deployment', { deploymentId: 'dep_2' }],
    ['another model', { modelId: 'mdl_2' }],
    ['another sequence of the feed', { feedSequence: 2 }],
    ['a format of later', { format: 2 }],
    ['no files', { files: [] }],
  ];
  for (const [what, contents] of untrue)
    it(`does not start with a list of ${what} that is signed`, async () => {
      unpack('mdl_1', 7, { contents });
      await appErrorOf('PACKAGE_INVALID', start);
    });

  const refused: readonly (readonly [what: string, code: ErrorCode, change: () => Partial<TestPackage>])[] = [
    ['an older package', 'PACKAGE_OUTDATED', () => ({ feedSequence: 4 })],
    ['one of another deployment', 'PACKAGE_OUTDATED', () => ({ feedSequence: 9, record: { deploymentId: 'dep_2' } })],
    [
      'one of another app server',
      'PACKAGE_OUTDATED',
      () => {
        const signer = createSigner();
        return { feedSequence: 9, signer, model: makeModel(signer, 'mdl_3', constant(3)) };
      },
    ],
  ];
  for (const [what, code, change] of refused)
    it(`does not start with ${what} than was served from the data folder`, async () => {
      unpack('mdl_1', 7, { feedSequence: 5 });
      const first = await start();
      await untilReady(first);
      await first.close();
      unpack('mdl_2', 8, change());
      const { message } = await appErrorOf(code, start);
      expect(message).to.include('another data folder begins anew');
    });

  it('takes a newer package up while it answers, without a refusal, its keys too', async () => {
    unpack('mdl_1', 7);
    const server = await start();
    await untilReady(server);
    const seen = new Set<number | undefined>();
    let isDone = false;
    const asking = (async () => {
      while (!isDone) {
        const answer = await predict(server);
        expect(answer.status, answer.text).to.equal(200);
        seen.add(valueOf(answer.text));
      }
    })();
    const apiKeys = [makeGrant(), makeGrant('another')].map((grant) => ({ ...grant, scopes: ['predict'] }));
    unpack('mdl_2', 8, { feedSequence: 2, record: { sequence: 2 }, apiKeys });
    await until('the newer model', () => seen.has(8), UPGRADE_MS);
    isDone = true;
    await asking;
    expect([...seen]).to.deep.equal([7, 8]);
    const other = { headers: { authorization: 'Bearer another' } };
    expect((await predict(server, undefined, other)).status).to.equal(200);
    expect(serving.log.filter(({ level }) => level === 'error')).to.deep.equal([]);
  });

  it('goes on with what it serves when an older package is put over it, and tells once', async () => {
    unpack('mdl_1', 7, { feedSequence: 5, record: { sequence: 5 } });
    const server = await start();
    await untilReady(server);
    unpack('mdl_0', 6, { feedSequence: 4, record: { sequence: 4 }, apiKeys: [] });
    await until('it is told', () => eventsOf('feed_failed').length > 0, UPGRADE_MS);
    expect(valueOf((await predict(server)).text)).to.equal(7);
    unpack('mdl_2', 8, { feedSequence: 6, record: { sequence: 6 } });
    await until('the newer model', async () => valueOf((await predict(server)).text) === 8, UPGRADE_MS);
    expect(eventsOf('feed_failed')).to.have.length(1);
  });

  it('waits for a package that is being unpacked', async () => {
    unpack('mdl_1', 7);
    const server = await start();
    await untilReady(server);
    unpack('mdl_2', 8, { feedSequence: 2, record: { sequence: 2 } });
    const runtime = readFileSync(path.join(dir, RUNTIME_FILE));
    writeFileSync(path.join(dir, RUNTIME_FILE), runtime.subarray(0, 3));
    await until('it is looked at', () => eventsOf('package_incomplete').length > 0, UPGRADE_MS);
    expect(valueOf((await predict(server)).text)).to.equal(7);
    writeFileSync(path.join(dir, RUNTIME_FILE), runtime);
    await until('the newer model', async () => valueOf((await predict(server)).text) === 8, UPGRADE_MS);
    expect(eventsOf('feed_failed')).to.deep.equal([]);
  });
});
