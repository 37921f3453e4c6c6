import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { SEGMENT_BYTES_MAX, type EventSchema } from '#contracts';
import { FileObjectStore } from '#object-store';
import {
  archivedBefore,
  archivedEvents,
  associationKey,
  fillBatch,
  forgetBefore,
  forgetDeployment,
  migrate,
  monitoredDeployments,
  MONITORING_MIGRATIONS,
  openBatches,
  PAIRS_MAX,
  predictedKeys,
  rawRows,
  readAssociations,
  readHours,
  readPairs,
  readSegmentHours,
  readServiceHours,
  segmentedFeatures,
  telemetryTotals,
  waitingTotals,
  type Database,
  type KeyedPrediction,
} from '#store';
import {
  createRandom,
  type Baseline,
  type FeatureStateData,
  type OutcomeStateData,
  type SegmentStateData,
} from '#statistics';
import {
  beginFrame,
  ByteWriter,
  endFrame,
  FRAME_KINDS,
  sealSegment,
  telemetryKeys,
  writeEnd,
  writeEventHead,
  writeLoss,
  writeOutcome,
  writeSchema,
  writeService,
} from '#telemetry';
import { writeBatch } from '../../../prediction/monitor/archive/write-batch.ts';
import { takeSegment, type TakenSegment } from '../../../prediction/monitor/take-segment.ts';
import { until } from '../../support/processes.ts';
import { eventFrames, TEST_KEYS, TEST_SCHEMA, type TestEvent } from '../../support/telemetry/segments.ts';

/** Two connections, as two monitors have them. */
export interface MonitoringStores {
  readonly first: Database;
  readonly second: Database;
  close(): Promise<void>;
}

const HOUR_MS = 3_600_000;
const TIME_MS = 500_000 * HOUR_MS + 1_234;
const EPOCH = '0123456789abcdef'.repeat(2);
const BASELINE: Baseline = {
  features: [
    { name: 'age', rowCount: 10, missingCount: 0, edges: [0, 10, 20, 100], counts: [3, 3, 4], topValues: null },
    {
      name: 'color',
      rowCount: 10,
      missingCount: 1,
      edges: null,
      counts: null,
      topValues: [
        { value: 'red', count: 6 },
        { value: 'blue', count: 3 },
      ],
    },
  ],
};

const valueOf = (prediction: number) => ({ prediction, classIndex: -1, probabilities: new Float64Array(0) });

/** Events of a challenger that predicts a half more than its champion, whose predictions are the running numbers. */
async function pairSegment(first: number, count: number, schema: EventSchema, timeMs: number): Promise<Buffer> {
  const writer = new ByteWriter();
  writeSchema(writer, 0, schema);
  const frame = beginFrame(writer, FRAME_KINDS.events);
  for (const number of [first, count, timeMs]) writer.varint(number);
  for (let number = first; number < first + count; number += 1) {
    writeEventHead(writer, 0, `order ${number}`, valueOf(number + 0.5));
    writeOutcome(writer, valueOf(number));
  }
  endFrame(writer, frame);
  const facts = { serverId: 'ps_1', epoch: EPOCH, segment: first, firstNumber: first, endNumber: first + count };
  return sealSegment({ ...facts, createdAtMs: timeMs }, Buffer.from(writer.view()), TEST_KEYS);
}

/** What both databases must do with telemetry. */
export function monitoringSuite(name: string, open: () => Promise<MonitoringStores>): void {
  describe(`monitoring store on ${name}`, function () {
    this.timeout(60_000);
    let stores: MonitoringStores;
    beforeEach(async () => {
      stores = await open();
      await migrate(stores.first, MONITORING_MIGRATIONS);
    });
    afterEach(() => stores.close());

    const baselines = { of: async () => BASELINE };
    const take = (sealed: Buffer, database = stores.first): Promise<TakenSegment> =>
      takeSegment(database, sealed, { keys: TEST_KEYS, baselines });
    const hours = () => readHours(stores.first, 'dep_1', { from: 0, to: Number.MAX_SAFE_INTEGER });
    const totals = () => telemetryTotals(stores.first);

    it('counts values in the bins and levels of the training rows, missing and unseen ones apart', async () => {
      const events: TestEvent[] = [
        { value: 1, age: 5, color: 'red' },
        { value: 2, age: 10, color: 'blue' },
        { value: 3, age: -1, color: 'red' },
        { value: 4, age: NaN, color: 'violet', isUnseen: true },
        { value: 5, age: 200, color: 'green' },
      ];
      expect(await take(await segment(0, events))).to.deep.equal({ events: 5, duplicates: 0, refusal: null });
      const [hour, ...others] = await hours();
      expect(others).to.have.length(0);
      expect(hour?.key).to.deep.equal({ deploymentId: 'dep_1', modelId: 'mdl_1', hour: TIME_MS - 1_234 });
      expect(hour?.eventCount).to.equal(5);
      const [age, color] = hour?.features ?? [];
      const states = [age?.state, color?.state] as FeatureStateData[]; // written by the monitor
      expect([age?.eventCount, age?.missingCount, age?.unseenCount]).to.deep.equal([5, 1, 0]);
      expect(states[0]?.histogram).to.deep.include({ counts: [1, 1, 0], belowCount: 1, aboveCount: 1 });
      expect([color?.eventCount, color?.missingCount, color?.unseenCount]).to.deep.equal([5, 0, 1]);
      expect(states[1]?.levels).to.deep.equal([2, 1]);
      const outcome = hour?.state as OutcomeStateData; // written by the monitor
      expect([outcome.moments?.count, outcome.moments?.min, outcome.moments?.max]).to.deep.equal([5, 1, 5]);
    });

    it('keeps pairs of challengers once, beside the hours, and the newest of too many', async () => {
      const schema: EventSchema = {
        ...{ ...TEST_SCHEMA, modelId: 'mdl_2', features: [] },
        champion: { modelId: 'mdl_1', manifestSha256: TEST_SCHEMA.manifestSha256 },
      };
      const key = { deploymentId: 'dep_1', championId: 'mdl_1', challengerId: 'mdl_2' };
      const sealed = await pairSegment(0, 3, schema, TIME_MS);
      expect(await take(sealed)).to.include({ events: 3, duplicates: 0 });
      expect(await take(sealed, stores.second)).to.include({ events: 0, duplicates: 3 });
      expect(await hours()).to.deep.equal([]);
      const pairs = await readPairs(stores.first, key);
      expect(pairs.map(({ number }) => number)).to.deep.equal([2, 1, 0]);
      expect(pairs[2]).to.deep.equal({
        ...{ epoch: EPOCH, number: 0, timeMs: TIME_MS, associationId: 'order 0', champion: 0, challenger: 0.5 },
      });
      for (let part = 1; part <= 12; part += 1)
        await take(await pairSegment(3 + (part - 1) * 1_000, 1_000, schema, TIME_MS + part));
      const kept = await readPairs(stores.first, key);
      expect(kept).to.have.length(PAIRS_MAX);
      expect(kept.at(-1)?.timeMs).to.equal(TIME_MS + 3);
      const [stored] = await rawRows(stores.first, 'select count(*) as n from challenger_pair');
      expect(Number(stored?.['n'])).to.be.within(PAIRS_MAX, PAIRS_MAX + 1_000);
    });

    it('counts a segment once, however often and in whatever order it comes, to two monitors at once', async () => {
      const stream = createRandom(3);
      const random = () => stream.uniform();
      const segments = await Promise.all(
        Array.from({ length: 12 }, (_, index) =>
          segment(
            index * 50,
            Array.from({ length: 50 }, () => someEvent(random)),
            {
              segmentNumber: index,
              timeMs: TIME_MS + (index % 3) * HOUR_MS,
            },
          ),
        ),
      );
      const shuffled = [...segments, ...segments, ...segments.slice(3)].sort(() => random() - 0.5);
      const half = Math.floor(shuffled.length / 2);
      const run = async (database: Database, some: readonly Buffer[]) => {
        let counted = 0;
        for (const sealed of some) counted += (await take(sealed, database)).events;
        return counted;
      };
      const counted = await Promise.all([
        run(stores.first, shuffled.slice(0, half)),
        run(stores.second, shuffled.slice(half)),
      ]);
      expect(counted[0] + counted[1]).to.equal(600);
      expect(await totals()).to.deep.equal({
        events: 600,
        duplicates: (33 - 12) * 50,
        lost: {},
        missing: 0,
        refused: {},
      });
      const found = await hours();
      expect(found.map(({ eventCount }) => eventCount)).to.deep.equal([200, 200, 200]);
      for (const { features } of found)
        for (const { eventCount, state } of features) {
          expect(eventCount).to.equal(200);
          const { histogram, levels, others } = state as FeatureStateData; // written by the monitor
          const told =
            histogram === null ? (levels ?? []) : [...histogram.counts, histogram.belowCount, histogram.aboveCount];
          expect([...told, others?.total ?? 0].reduce((sum, count) => sum + count, 0)).to.equal(200);
        }
    });

    describe('segments', () => {
      const schema: EventSchema = { ...TEST_SCHEMA, segments: ['color'] };
      const ALL = { from: 0, to: Number.MAX_SAFE_INTEGER };
      const model = { deploymentId: 'dep_1', modelId: 'mdl_1' };
      const told = async () => {
        const rows = await readSegmentHours(stores.first, model, 'color', ALL);
        return rows.map(({ hour, eventCount, state }) => {
          const { levels } = state as SegmentStateData; // written by the monitor
          const byLevel = levels.map(({ kind, level, eventCount: count, predictions: { moments } }) => {
            return [level ?? kind, [count, moments?.min, moments?.max]] as const;
          });
          return { hour, eventCount, levels: Object.fromEntries(byLevel) };
        });
      };

      it('count predictions by the frequent levels of training, others together and missing ones apart, once', async () => {
        const first = await segment(
          0,
          [
            { value: 1, age: 1, color: 'red' },
            { value: 2, age: 1, color: 'green' },
            { value: 3, age: 1, color: 'violet', isUnseen: true },
            { value: 4, age: 1, color: null },
          ],
          { schema },
        );
        const second = await segment(4, [{ value: 9, age: 1, color: 'red' }], { schema, segmentNumber: 1 });
        await Promise.all([take(first), take(first, stores.second), take(second, stores.second)]);
        await take(second);
        const levels = { red: [2, 1, 9], others: [2, 2, 3], missing: [1, 4, 4] };
        expect(await told()).to.deep.equal([{ hour: TIME_MS - 1_234, eventCount: 5, levels }]);
        expect(await segmentedFeatures(stores.first, 'dep_1')).to.deep.equal(['color']);
      });

      it('are counted from the event on that names them, and of no feature that is not told', async () => {
        const other: EventSchema = { ...schema, segments: ['shape'] };
        await take(await segment(0, [{ value: 1, age: 1, color: 'red' }]));
        await take(await segment(1, [{ value: 1, age: 1, color: 'red' }], { schema: other, segmentNumber: 1 }));
        expect(await segmentedFeatures(stores.first, 'dep_1')).to.deep.equal([]);
        await take(await segment(2, [{ value: 1, age: 1, color: 'blue' }], { schema, segmentNumber: 2 }));
        expect((await told()).map(({ levels }) => levels)).to.deep.equal([{ blue: [1, 1, 1] }]);
      });

      it('are kept with predictions whose outcome can be joined, and change with them', async () => {
        const said = (color: string | null, associationId: string): TestEvent => ({
          ...{ value: 1, age: 1, color, associationId },
        });
        const events = [said('red', 'a'), said(null, 'b'), said('violet', 'c')];
        await take(await segment(0, events, { schema }));
        const levels = async () => {
          const page = { after: null, limit: 10 };
          const rows = await readAssociations(stores.first, model, ALL, page);
          return Object.fromEntries(rows.map((row) => [row.key, row.levels]));
        };
        const [a, b, c] = ['a', 'b', 'c'].map(associationKey);
        expect(await levels()).to.deep.equal({
          [a ?? '']: [{ feature: 'color', kind: 'level', level: 'red' }],
          [b ?? '']: [{ feature: 'color', kind: 'missing', level: null }],
          [c ?? '']: [{ feature: 'color', kind: 'others', level: null }],
        });
        await take(await segment(3, [said('blue', 'a')], { schema, segmentNumber: 1 }));
        await take(await segment(4, [said('blue', 'b')], { segmentNumber: 2 }));
        expect((await levels())[a ?? '']).to.deep.equal([{ feature: 'color', kind: 'level', level: 'blue' }]);
        expect((await levels())[b ?? '']).to.deep.equal([]);
      });

      it('are forgotten with their hours, and with their deployment', async () => {
        const old = { schema, timeMs: TIME_MS - 100_000 * HOUR_MS };
        await take(await segment(0, [{ value: 1, age: 1, color: 'red' }], old));
        // The hour, its two features and its segments.
        expect(await forgetBefore(stores.first, HOUR_MS)).to.equal(4);
        await take(await segment(1, [{ value: 1, age: 1, color: 'red' }], { schema, segmentNumber: 1 }));
        await forgetDeployment(stores.first, 'dep_2');
        expect(await told()).to.have.length(1);
        await forgetDeployment(stores.first, 'dep_1');
        expect(await told()).to.deep.equal([]);
      });
    });

    it('tells gaps from losses, and takes what comes late', async () => {
      const events = Array.from({ length: 10 }, () => ({ value: 1, age: 1, color: 'red' }));
      const loss = new ByteWriter();
      writeLoss(loss, { firstNumber: 30, count: 5, reason: 'disk', timeMs: 1 });
      writeEnd(loss, 60, 2);
      await take(await segment(20, events, { segmentNumber: 2 }));
      await take(await sealed(loss.view(), { segmentNumber: 3, endNumber: 60 }));
      expect(await totals()).to.deep.include({ events: 10, lost: { disk: 5 }, missing: 20 + 25 });
      await take(await sealed(loss.view(), { segmentNumber: 3, endNumber: 60 }));
      await take(await segment(10, events, { segmentNumber: 1 }));
      expect(await totals()).to.deep.include({ events: 20, lost: { disk: 5 }, missing: 10 + 25 });
    });

    it('counts what it does not believe, and nothing of it', async () => {
      const foreign = telemetryKeys('a key that nobody of ours has');
      const frames = eventFrames(0, [{ value: 1, age: 1, color: 'red' }]);
      const spoofed = await sealSegment(facts({}), frames, foreign);
      const broken = await sealed(frames.subarray(0, -1), {});
      expect((await take(spoofed)).refusal).to.equal('TELEMETRY_SIGNATURE');
      expect((await take(broken)).refusal).to.equal('TELEMETRY_INVALID');
      expect((await take(Buffer.from('nothing'))).refusal).to.equal('TELEMETRY_INVALID');
      expect(await totals()).to.deep.equal({
        events: 0,
        duplicates: 0,
        lost: {},
        missing: 0,
        refused: { TELEMETRY_SIGNATURE: 1, TELEMETRY_INVALID: 2 },
      });
      expect(await hours()).to.have.length(0);
    });

    it('counts nothing of a segment whose training statistics nobody can tell now', async () => {
      const away = { of: () => Promise.reject(new Error('away')) };
      const one = await segment(0, [{ value: 1, age: 1, color: 'red' }]);
      const outcome = await takeSegment(stores.first, one, { keys: TEST_KEYS, baselines: away }).catch(() => 'failed');
      expect(outcome).to.equal('failed');
      expect((await totals()).events).to.equal(0);
      expect((await take(one)).events).to.equal(1);
    });

    it('counts requests once by what counters have grown by, whatever statements come twice, late or never', async () => {
      const say = (statement: number, requests: number, { timeMs = TIME_MS, epoch = EPOCH, others = 0 } = {}) => {
        const counters = [['dep_1', requests] as const, ['dep_2', others] as const].map(([deploymentId, count]) => ({
          ...{ deploymentId, statuses: { 200: count, 500: 1 }, rows: 2 * count },
          ...{ latencies: { 0.001: count, Infinity: 0 }, latencySum: count / 1_000 },
        }));
        const writer = new ByteWriter();
        writeService(writer, 0, { statement, timeMs, counters });
        return sealSegment({ ...facts({ segmentNumber: statement }), epoch }, Buffer.from(writer.view()), TEST_KEYS);
      };
      const other = 'ab'.repeat(16);
      const [first, second, fourth] = [
        await say(0, 10),
        await say(1, 25),
        await say(3, 70, { timeMs: TIME_MS + HOUR_MS }),
      ];
      for (const sealed of [first, first, fourth, second, fourth]) await take(sealed);
      await Promise.all([
        take(await say(0, 5, { epoch: other, others: 3 })),
        take(await say(4, 71, { timeMs: TIME_MS + HOUR_MS }), stores.second),
      ]);
      const whole = { from: 0, to: Number.MAX_SAFE_INTEGER };
      const found = await readServiceHours(stores.first, 'dep_1', whole);
      const hour = TIME_MS - 1_234;
      expect(found.map((entry) => [entry.hour - hour, entry.service.statuses])).to.deep.equal([
        [0, { 200: 15, 500: 2 }],
        [HOUR_MS, { 200: 61, 500: 0 }],
      ]);
      expect(found[1]?.service).to.deep.include({ rows: 122, latencies: { 0.001: 61, Infinity: 0 } });
      const others = await readServiceHours(stores.first, 'dep_2', whole);
      expect(others.map(({ service }) => service.statuses[200])).to.deep.equal([3, 0]);
      expect(await totals()).to.deep.include({ events: 0, missing: 0 });
    });

    it('keeps counted events for the archive, each in one batch, whoever fills and writes it', async () => {
      const events = Array.from({ length: 20 }, (_, i) => ({ value: i, age: i, color: 'red' }));
      const segments = await Promise.all(
        Array.from({ length: 6 }, (_, index) => segment(index * 20, events, { segmentNumber: index })),
      );
      const options = { keys: TEST_KEYS, baselines, isArchived: true };
      const { first, second } = stores;
      await Promise.all(
        segments.flatMap((one) => [takeSegment(first, one, options), takeSegment(second, one, options)]),
      );
      expect(await waitingTotals(first)).to.deep.include({ segments: 6 });
      const fill = (database: Database, batch: string, bytes: number) =>
        database.transaction((trx) => fillBatch(trx, batch, bytes));
      const filled = await Promise.all([fill(first, 'a', 1), fill(second, 'b', 1e9)]);
      filled.push(await fill(first, 'c', 1e9));
      expect(filled.reduce((sum, count) => sum + count, 0)).to.equal(6);
      expect(filled[0], 'one segment, whatever its size').to.be.at.most(1);
      const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-archive-'));
      const { signal } = new AbortController();
      const write = async (database: Database) => {
        for (const batch of await openBatches(database))
          await writeBatch(database, new FileObjectStore(folder), batch, signal);
      };
      await Promise.all([write(first), write(second)]);
      await write(first);
      expect(await archivedEvents(second, 'dep_1')).to.equal(120);
      expect(await waitingTotals(first)).to.deep.equal({ segments: 0, sizeBytes: 0, plainBytes: 0, ageMs: 0 });
      const files = await Array.fromAsync(new FileObjectStore(folder).list(''));
      expect(files).to.have.length(filled.filter((count) => count > 0).length);
      expect(await archivedBefore(first, '9999-12-31', 10)).to.have.members(files.map((file) => file.path));
      expect(await monitoredDeployments(first)).to.deep.equal(['dep_1']);
      await forgetDeployment(second, 'dep_1');
      expect([await monitoredDeployments(first), await archivedEvents(first, 'dep_1')]).to.deep.equal([[], 0]);
      rmSync(folder, { recursive: true });
    });

    it('forgets hours and silent epochs by their age', async () => {
      const loss = new ByteWriter();
      writeLoss(loss, { firstNumber: 30, count: 5, reason: 'disk', timeMs: 1 });
      await take(await segment(0, [{ value: 1, age: 1, color: 'red' }], { timeMs: TIME_MS - 100_000 * HOUR_MS }));
      await take(await sealed(loss.view(), { segmentNumber: 1, endNumber: 60 }));
      expect(await forgetBefore(stores.first, 400_000 * HOUR_MS), 'nothing is so old').to.equal(0);
      // The hour and its two features; the epoch was heard of just now.
      expect(await forgetBefore(stores.first, HOUR_MS)).to.equal(3);
      expect(await hours()).to.deep.equal([]);
      expect(await totals()).to.deep.include({ events: 1, lost: { disk: 5 }, missing: 29 });
      await until('another millisecond', async () => (await forgetBefore(stores.first, 0)) === 1);
      expect(await totals()).to.deep.include({ events: 0, lost: {}, missing: 0 });
    });

    it('keeps the last prediction of each id by each model, page by page', async () => {
      const said = (value: number, associationId: string): TestEvent => ({
        value,
        age: 1,
        color: 'red',
        associationId,
      });
      const next: EventSchema = { ...TEST_SCHEMA, modelId: 'mdl_2', manifestSha256: 'b'.repeat(64) };
      const late = await segment(0, [said(1, 'a'), said(2, 'b'), said(3, 'a')], { timeMs: TIME_MS + 5 });
      await take(late);
      await take(late, stores.second);
      await take(await segment(3, [said(9, 'a'), said(4, 'c')], { segmentNumber: 1 }));
      await take(await segment(5, [said(7, 'a')], { segmentNumber: 2, schema: next }));
      await take(await segment(6, [{ value: 5, age: 1, color: 'red' }], { segmentNumber: 3 }));
      const found: [string, number | null][] = [];
      let after: KeyedPrediction | null = null;
      for (;;) {
        const asked = { deploymentId: 'dep_1', modelId: 'mdl_1' };
        const range = { from: 0, to: Number.MAX_SAFE_INTEGER };
        const [entry]: KeyedPrediction[] = await readAssociations(stores.first, asked, range, { after, limit: 1 });
        if (entry === undefined) break;
        found.push([entry.key, entry.prediction.value]);
        after = entry;
      }
      const [a, b, c] = ['a', 'b', 'c'].map(associationKey);
      expect(found[0]).to.deep.equal([c, 4]);
      expect(new Map(found)).to.deep.equal(new Map([[c, 4], [a, 3], [b, 2]])); // prettier-ignore
      const keys = [a ?? '', c ?? '', associationKey('d')];
      expect(await predictedKeys(stores.second, 'dep_1', keys)).to.deep.equal(new Set([a, c]));
      expect(await predictedKeys(stores.second, 'dep_2', keys)).to.deep.equal(new Set());
    });

    it('keeps deployments and models apart', async () => {
      const events = [{ value: 1, age: 1, color: 'red' }];
      const other: EventSchema = { ...TEST_SCHEMA, deploymentId: 'dep_2' };
      const next: EventSchema = { ...TEST_SCHEMA, modelId: 'mdl_2', manifestSha256: 'b'.repeat(64) };
      await take(await segment(0, events));
      await take(await segment(1, events, { schema: other, segmentNumber: 1 }));
      await take(await segment(2, events, { schema: next, segmentNumber: 2 }));
      expect((await hours()).map(({ key, eventCount }) => [key.modelId, eventCount])).to.deep.equal([
        ['mdl_1', 1],
        ['mdl_2', 1],
      ]);
    });
  });
}

interface Wish {
  readonly segmentNumber?: number;
  readonly timeMs?: number;
  readonly schema?: EventSchema;
  readonly endNumber?: number;
}

const facts = ({ segmentNumber = 0, endNumber = 1_000 }: Wish) => ({
  serverId: 'ps_1',
  epoch: EPOCH,
  segment: segmentNumber,
  firstNumber: 0,
  endNumber,
  createdAtMs: TIME_MS,
});

const sealed = (frames: Buffer, wish: Wish): Promise<Buffer> => {
  if (frames.length > SEGMENT_BYTES_MAX) throw new Error('too many events for a segment');
  return sealSegment(facts(wish), Buffer.from(frames), TEST_KEYS);
};

const segment = (firstNumber: number, events: readonly TestEvent[], wish: Wish = {}): Promise<Buffer> => {
  const { timeMs = TIME_MS, schema = TEST_SCHEMA } = wish;
  return sealed(eventFrames(firstNumber, events, { timeMs, schema }), wish);
};

const someEvent = (random: () => number): TestEvent => ({
  value: random(),
  age: Math.floor(random() * 120) - 10,
  color: ['red', 'blue', 'green', 'violet'][Math.floor(random() * 4)] ?? 'red',
});
