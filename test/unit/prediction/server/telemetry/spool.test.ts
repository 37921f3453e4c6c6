import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import type { EventSchema } from '#contracts';
import { createLogger, randomHex } from '#runtime';
import { beginFrame, ByteWriter, endFrame, FRAME_KINDS, writeEventHead, writeKey, writeNumber } from '#telemetry';
import { claimSpool, lockSpool } from '../../../../../prediction/server/telemetry/spool-lock.ts';
import { openSpool, type Spool, type SpoolFrame } from '../../../../../prediction/server/telemetry/spool.ts';
import { until } from '../../../../support/processes.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { TEST_KEYS, TEST_SCHEMA, toldBy } from '../../../../support/telemetry/segments.ts';

const MIB = 1024 * 1024;
const SCHEMAS: ReadonlyMap<number, EventSchema> = new Map([
  [0, TEST_SCHEMA],
  [1, { ...TEST_SCHEMA, deploymentId: 'dep_2' }],
]);

describe('prediction server: spool of telemetry', () => {
  let dir: string;
  let log: Record<string, unknown>[];
  const open: Spool[] = [];
  const start = async (changes: { readonly bytesMax?: number; readonly segmentMs?: number } = {}): Promise<Spool> => {
    const write = (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>);
    const logger = createLogger({ program: 'prediction-server', level: 'debug', write });
    const epoch = randomHex(16);
    const options = { dir, serverId: 'ps_1', epoch, keys: () => TEST_KEYS, bytesMax: 100 * MIB, segmentMs: 20, logger };
    const spool = openSpool({ ...options, unlock: lockSpool(dir), ...changes });
    open.push(spool);
    return spool;
  };
  /** As a process that was killed leaves it: what was written, and no word of an end. */
  const abandon = (spool: Spool): void => {
    spool.unlock();
    open.splice(open.indexOf(spool), 1);
  };
  const drain = async (spool: Spool): Promise<Buffer[]> => {
    const segments: Buffer[] = [];
    for (let found = await spool.oldest(); found !== null; found = await spool.oldest()) {
      segments.push(found.sealed);
      await spool.remove(found.name);
    }
    return segments;
  };

  beforeEach(() => {
    dir = mkdtempSync(path.join(os.tmpdir(), 'trainyard-spool-'));
    log = [];
  });
  afterEach(() => {
    for (const spool of open.splice(0)) {
      spool.close(0);
      spool.unlock();
    }
    rmSync(dir, { recursive: true, force: true });
  });

  it('gives back what was written, in segments that say which schema their events have', async () => {
    const spool = await start();
    writeEvents(spool, { firstNumber: 0, count: 3 });
    writeEvents(spool, { firstNumber: 3, count: 2, schemaId: 1 });
    writeEvents(spool, { firstNumber: 5, count: 1 });
    spool.close(6);
    const { events, headers, ends } = toldBy(await drain(spool));
    expect(events.map(({ number }) => number)).to.deep.equal([0, 1, 2, 3, 4, 5]);
    expect(events.map(({ schema }) => schema.deploymentId.slice(4)).join('')).to.equal('111221');
    expect(headers.map(({ firstNumber, endNumber, segment }) => [firstNumber, endNumber, segment])).to.deep.equal([
      [0, 6, 0],
    ]);
    expect([...ends.values()]).to.deep.equal([6]);
    expect(readdirSync(dir)).to.deep.equal(['lock']);
  });

  it('closes a segment when it is old, and while others wait when it is full', async () => {
    const spool = await start();
    writeEvents(spool, { firstNumber: 0, count: 1 });
    await until('the first segment', () => spool.state().waitingSegments === 1);
    writeEvents(spool, { firstNumber: 1, count: 1 });
    await until('many ticks', async () => (await new Promise((resolve) => setTimeout(resolve, 100)), true));
    expect(spool.state().waitingSegments, 'the second waits for company').to.equal(1);
    expect(toldBy(await drain(spool)).ids).to.have.length(1);
    await until('the second segment', () => spool.state().waitingSegments === 1);
    let next = 2;
    for (; spool.state().waitingSegments < 4; next += 50)
      writeEvents(spool, { firstNumber: next, count: 50, keyLength: 200 });
    spool.close(next);
    const { events, headers } = toldBy(await drain(spool));
    expect(events.map(({ number }) => number)).to.deep.equal(Array.from({ length: next - 1 }, (_, i) => i + 1));
    expect(Math.max(...headers.map(({ sizeBytes }) => sizeBytes))).to.be.within(800_000, 900_000);
  });

  it('compresses segments that wait', async () => {
    const spool = await start();
    let next = 0;
    for (; spool.state().waitingSegments < 8; next += 50)
      writeEvents(spool, { firstNumber: next, count: 50, keyLength: 200 });
    await until(
      'the oldest are compressed',
      () => readdirSync(dir).filter((name) => name.endsWith('.seg')).length >= 5,
    );
    expect(spool.state().sizeBytes).to.be.below(4 * MIB);
    spool.close(next);
    expect(toldBy(await drain(spool)).ids).to.have.length(next);
  });

  it('goes on after a death: what was written waits, a torn end is left out', async () => {
    const first = await start({ segmentMs: 60_000 });
    writeEvents(first, { firstNumber: 0, count: 10 });
    abandon(first);
    const [name = ''] = readdirSync(dir).filter((entry) => entry.endsWith('.raw'));
    appendFileSync(path.join(dir, name), readFileSync(path.join(dir, name)).subarray(0, 40));
    writeFileSync(path.join(dir, `${name.replace('.raw', '.seg')}.tmp`), 'half a segment');

    const second = await start();
    writeEvents(second, { firstNumber: 0, count: 1 });
    second.close(1);
    const { ids, headers } = toldBy(await drain(second));
    expect(ids).to.have.length(11);
    expect(new Set(headers.map(({ epoch }) => epoch)).size).to.equal(2);
    expect(log.filter(({ event }) => event === 'telemetry_torn').map(({ bytes }) => bytes)).to.deep.equal([40]);
    expect(readdirSync(dir)).to.deep.equal(['lock']);
  });

  it('is full at its size; what is lost then is counted, and told once there is room', async () => {
    const spool = await start({ bytesMax: 4 * MIB, segmentMs: 60_000 });
    let next = 0;
    for (; spool.state().lost['spool-full'] < 1_000 && next < 10_000_000; next += 50)
      writeEvents(spool, { firstNumber: next, count: 50, keyLength: 200, isRandom: true });
    const lost = spool.state().lost['spool-full'];
    expect(spool.state().sizeBytes).to.be.below(4 * MIB + 1);
    const first = await drain(spool);
    writeEvents(spool, { firstNumber: next, count: 1 });
    spool.close(next + 1);
    const { events, losses } = toldBy([...first, ...(await drain(spool))]);
    expect(losses.map(({ reason }) => reason)).to.deep.equal(['spool-full']);
    expect(losses[0]?.count).to.equal(lost);
    const numbers = [...events.map(({ number }) => number), ...numbersOf(losses)].sort((a, b) => a - b);
    expect(numbers).to.deep.equal(Array.from({ length: next + 1 }, (_, i) => i));
  });

  it('loses an event that no segment can hold, and nothing else', async () => {
    const spool = await start();
    const features = Array.from({ length: 9_000 }, (_, i) => ({
      name: `${'a long name of a feature '.repeat(5)}${i}`,
      kind: 'number' as const,
    }));
    const wide = new Map([...SCHEMAS, [2, { ...TEST_SCHEMA, features }]]);
    writeEvents(spool, { firstNumber: 0, count: 1 });
    writeEvents(spool, { firstNumber: 1, count: 1, schemaId: 2 }, wide);
    writeEvents(spool, { firstNumber: 2, count: 1 });
    spool.close(3);
    const { events, losses } = toldBy(await drain(spool));
    expect(events.map(({ number }) => number)).to.deep.equal([0, 2]);
    expect(losses.map(({ firstNumber, count, reason }) => [firstNumber, count, reason])).to.deep.equal([
      [1, 1, 'too-large'],
    ]);
  });

  it('is of one process: another is refused, and one that died is not in the way', async () => {
    await start();
    const refused = await appErrorOf('CONFIG_INVALID', () => start());
    expect(refused.message).to.match(/is in use by process \d+/);
    for (const spool of open.splice(0)) spool.unlock();
    writeFileSync(path.join(dir, 'lock'), '999999999 12345');
    await start();
  });

  it('is a folder for each process of a server, the first of which takes over what those that are gone have left', () => {
    const first = claimSpool(dir);
    const second = claimSpool(dir);
    expect([first, second].map((claimed) => path.relative(dir, claimed.dir))).to.deep.equal(['0', '1']);
    writeFileSync(path.join(first.dir, 'a.raw'), 'a');
    writeFileSync(path.join(second.dir, 'b.seg'), 'b');
    second.unlock();
    first.unlock();
    const third = claimSpool(dir);
    expect(readdirSync(third.dir).sort()).to.deep.equal(['a.raw', 'b.seg', 'lock']);
    const fourth = claimSpool(dir);
    expect(readdirSync(fourth.dir)).to.deep.equal(['lock']);
    for (const { unlock } of [third, fourth]) unlock();
  });

  it('puts aside what is refused for good', async () => {
    const spool = await start();
    writeEvents(spool, { firstNumber: 0, count: 1 });
    spool.close(1);
    const segment = await spool.oldest();
    await spool.putAside(segment?.name ?? '');
    expect(await spool.oldest()).to.equal(null);
    expect(readdirSync(dir).filter((name) => name.endsWith('.bad'))).to.have.length(1);
  });
});

interface Wish {
  readonly firstNumber: number;
  readonly count: number;
  readonly schemaId?: number;
  readonly keyLength?: number;
  readonly isRandom?: boolean;
}

/** Writes one frame of events as a turn would. */
function writeEvents(spool: Spool, wish: Wish, schemas = SCHEMAS): void {
  const { firstNumber, count, schemaId = 0, keyLength = 3, isRandom = false } = wish;
  const writer = new ByteWriter();
  const frame = beginFrame(writer, FRAME_KINDS.events);
  for (const number of [firstNumber, count, 1_700_000_000_000]) writer.varint(number);
  for (let index = 0; index < count; index += 1) {
    const outcome = { prediction: firstNumber + index, classIndex: -1, probabilities: new Float64Array(0) };
    writeEventHead(writer, schemaId, null, outcome);
    const features = schemas.get(schemaId)?.features.length ?? 0;
    if (features > 2) for (let feature = 0; feature < features; feature += 1) writeNumber(writer, 0);
    else {
      writeNumber(writer, index);
      writeKey(writer, isRandom ? randomHex(keyLength / 2) : 'k'.repeat(keyLength), false);
    }
  }
  endFrame(writer, frame);
  const frames: SpoolFrame[] = [{ start: 0, end: writer.length, schemaId, firstNumber, count }];
  spool.write(writer.view(), frames, schemas);
}

const numbersOf = (ranges: readonly { readonly firstNumber: number; readonly count: number }[]): number[] =>
  ranges.flatMap(({ firstNumber, count }) => Array.from({ length: count }, (_, i) => firstNumber + i));
