import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import {
  DeploymentTelemetry,
  ImportedTelemetry,
  TELEMETRY_INBOX,
  TELEMETRY_MEDIA_TYPE,
  type Deployment,
  type EventSchema,
} from '#contracts';
import { startMonitor, type RunningMonitor } from '#monitor';
import { createLogger, readSecret } from '#runtime';
import { deploymentKey, sealSegment, telemetryKeys, type TelemetryKeys } from '#telemetry';
import { telemetryCommands } from '../../../appserver/cli/commands/telemetry.ts';
import { ApiClient } from '../../../appserver/cli/api-client.ts';
import { createOutput } from '../../../appserver/cli/output.ts';
import { until } from '../../support/processes.ts';
import { startSmallPlatform, type SmallPlatform } from '../../support/small-deployment.ts';
import { eventFrames, TEST_KEYS, TEST_SCHEMA } from '../../support/telemetry/segments.ts';

const EVENTS = 40;
const EPOCH = 'ab'.repeat(16);
const logger = createLogger({ program: 'test', write: () => undefined });

describe('app server: telemetry that was carried out of a closed network', function () {
  this.timeout(60_000);
  let platform: SmallPlatform;
  let monitor: RunningMonitor | null = null;
  let mine: Deployment;
  let other: Deployment;
  let home: TelemetryKeys;
  /** As the package of `mine` has them. */
  let packaged: TelemetryKeys;

  before(async () => {
    platform = await startSmallPlatform();
    [mine, other] = [await platform.deploy('mine'), await platform.deploy('other')];
    home = telemetryKeys(readSecret(platform.config.telemetry.keyFile));
    packaged = telemetryKeys(deploymentKey(home.signing(), mine.id));
  });
  after(async () => {
    await monitor?.close();
    await platform.close();
  });

  const segment = (index: number, keys: TelemetryKeys, { id }: Deployment, epoch = EPOCH): Promise<Buffer> => {
    const first = index * EVENTS;
    const facts = { serverId: 'ps_far', epoch, segment: index, firstNumber: first, endNumber: first + EVENTS };
    // A manifest that the app server does not have: nothing is known of the training rows then.
    const schema: EventSchema = { ...TEST_SCHEMA, deploymentId: id, modelId: platform.modelId };
    const events = Array.from({ length: EVENTS }, (_, age) => ({ value: age, age, color: 'red' }));
    return sealSegment({ ...facts, createdAtMs: 1 }, eventFrames(first, events, { schema }), keys);
  };
  const request = (body: Buffer) => ({
    body: Uint8Array.from(body),
    headers: { 'content-type': TELEMETRY_MEDIA_TYPE },
  });
  const take = (body: Buffer) => platform.ann.call('POST', '/telemetry/import', 200, ImportedTelemetry, request(body));
  const refuse = (body: Buffer, code: 'TELEMETRY_SIGNATURE' | 'TELEMETRY_INVALID', says: readonly string[]) =>
    platform.ann.refused(
      'POST',
      '/telemetry/import',
      { status: code === 'TELEMETRY_INVALID' ? 422 : 403, code, says },
      request(body),
    );
  const kept = async () => (await Array.fromAsync(platform.world.store.list(TELEMETRY_INBOX))).length;
  const told = ({ id }: Deployment) => platform.ann.get(`/deployments/${id}/telemetry`, DeploymentTelemetry);

  it('refuses what is foreign, tampered with, or of another deployment than its key, and counts it', async () => {
    await refuse(await segment(0, TEST_KEYS, mine), 'TELEMETRY_SIGNATURE', ['no key of this installation']);
    await refuse(await segment(0, packaged, other), 'TELEMETRY_SIGNATURE', [other.id, mine.id]);
    const gone = telemetryKeys(deploymentKey(home.signing(), 'dep_gone'));
    await refuse(await segment(0, gone, mine), 'TELEMETRY_SIGNATURE', ['no deployment that it has']);
    const good = await segment(0, packaged, mine);
    for (const at of [good.length - 1, good.length >> 1]) {
      const tampered = Buffer.from(good);
      tampered[at] = (tampered[at] ?? 0) ^ 1;
      await refuse(tampered, 'TELEMETRY_SIGNATURE', ['wrong signature']);
    }
    await refuse(Buffer.from('no segment'), 'TELEMETRY_INVALID', ['10 bytes']);
    await refuse(good.subarray(0, 30), 'TELEMETRY_INVALID', ['30 bytes']);
    expect(await kept()).to.equal(0);
    const { text } = await platform.world.admin.request('GET', '/metrics');
    expect(text).to.match(/refusals_total\{statement="telemetry",code="TELEMETRY_SIGNATURE"\} 5/);
    expect(text).to.match(/refusals_total\{statement="telemetry",code="TELEMETRY_INVALID"\} 2/);
  });

  it('is counted once, whether it comes twice before or after it was counted, in any order', async () => {
    const segments = await Promise.all([0, 1, 2].map((index) => segment(index, packaged, mine)));
    const ofHome = await segment(0, home, other, 'cd'.repeat(16));
    const answer = await take(segments[2] ?? ofHome);
    const epoch = createHash('sha256').update(`${mine.id} ${EPOCH}`).digest('hex').slice(0, 32);
    const numbers = { firstNumber: 2 * EVENTS, endNumber: 3 * EVENTS };
    expect(answer).to.deep.equal({ serverId: 'ps_far', epoch, ...numbers, state: 'kept' });
    for (const body of [...segments, ...segments, ofHome]) expect((await take(body)).state).to.equal('kept');
    expect(await kept()).to.equal(4);
    monitor = await startMonitor(platform.config, logger);
    await until('all to be counted', async () => (await kept()) === 0);
    const counted = { duplicate: 0, lost: 0, refusedSegments: {} };
    expect(await told(mine)).to.deep.include({ received: 3 * EVENTS, ...counted });
    expect(await told(other)).to.deep.include({ received: EVENTS, ...counted });
    for (const body of [...segments, ofHome]) expect((await take(body)).state).to.equal('known');
    expect(await kept()).to.equal(0);
    expect(await told(mine)).to.deep.include({ received: 3 * EVENTS, ...counted });
  });

  it('keeps who holds a package from the numbers of other servers', async () => {
    // The epoch of the home server, in the words of the package: as if its events had all been heard of.
    await take(await segment(1, packaged, mine, 'cd'.repeat(16)));
    await take(await segment(1, home, other, 'cd'.repeat(16)));
    await until('both to be counted', async () => (await kept()) === 0);
    expect((await told(mine)).received).to.equal(4 * EVENTS);
    expect((await told(other)).received).to.equal(2 * EVENTS);
  });

  it('comes by the command line from files and folders, and tells of each that is refused', async () => {
    const dir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-carried-'));
    writeFileSync(path.join(dir, '1.seg'), await segment(3, packaged, mine));
    writeFileSync(path.join(dir, '2.seg'), await segment(4, TEST_KEYS, mine));
    writeFileSync(path.join(dir, '3.seg.tmp'), 'being written');
    const run = async (...words: string[]) => {
      const lines: string[] = [];
      const write = (text: string) => void lines.push(text);
      const output = createOutput({ out: { write }, err: { write } }, true);
      const api = () =>
        new ApiClient({
          url: platform.world.server.url,
          apiKey: platform.ann.key ?? '',
          signal: AbortSignal.timeout(20_000),
        });
      const code = await telemetryCommands[0]?.run(words, {
        output,
        env: {},
        signal: AbortSignal.timeout(20_000),
        api,
      });
      return { code, told: JSON.parse(lines.join('')) as { refused: { file: string; code: string }[] } };
    };
    const first = await run(dir);
    expect(first.code).to.equal(10);
    expect(first.told).to.deep.include({ segments: 1, events: EVENTS, known: 0 });
    expect(first.told.refused.map(({ file, code }) => [path.basename(file), code])).to.deep.equal([
      ['2.seg', 'TELEMETRY_SIGNATURE'],
    ]);
    await until('it to be counted', async () => (await told(mine)).received === 5 * EVENTS);
    const again = await run(path.join(dir, '1.seg'));
    expect(again).to.deep.equal({ code: 0, told: { segments: 1, events: 0, known: 1, refused: [] } });
    rmSync(dir, { recursive: true });
  });
});
