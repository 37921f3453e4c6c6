/**
 * Events that a monitor counts a second of its own processor: `node test/bench/monitor.bench.ts`. Segments as prediction servers seal them, of 14
 * features (6 numbers, 8 categories) with training statistics, into an SQLite file, counted alone, by the levels of three categories, too, and with the archive
 * of events written beside; exits 1 where one of the latter two is below the budget.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { EventSchema } from '#contracts';
import { FileObjectStore, type ObjectStore } from '#object-store';
import { fillBatch, migrate, MONITORING_MIGRATIONS, openDatabase, rawRows, type Database } from '#store';
import { createRandom, type Baseline } from '#statistics';
import {
  beginFrame,
  ByteWriter,
  endFrame,
  FRAME_KINDS,
  sealSegment,
  writeEventHead,
  writeKey,
  writeNumber,
  writeSchema,
} from '#telemetry';
import { writeBatch } from '../../prediction/monitor/archive/write-batch.ts';
import { takeSegment } from '../../prediction/monitor/take-segment.ts';
import { TEST_KEYS } from '../support/telemetry/segments.ts';

const PER_CORE_MIN = 20_000;
const SEGMENTS = 100;
const EVENTS = 4_000;
const [NUMBERS, CATEGORIES, LEVELS] = [6, 8, 50];
const random = createRandom(1);

const features = [
  ...Array.from({ length: NUMBERS }, (_, i) => ({ name: `number ${i}`, kind: 'number' as const })),
  ...Array.from({ length: CATEGORIES }, (_, i) => ({ name: `category ${i}`, kind: 'category' as const })),
];
const schema: EventSchema = {
  deploymentId: 'dep_1',
  modelId: 'mdl_1',
  manifestSha256: 'a'.repeat(64),
  classes: ['no', 'yes'],
  features,
};
const baseline: Baseline = {
  features: features.map(({ name, kind }) => ({
    name,
    rowCount: 1_000,
    missingCount: 0,
    edges: kind === 'number' ? Array.from({ length: 21 }, (_, i) => i / 20) : null,
    counts: kind === 'number' ? Array.from({ length: 20 }, () => 50) : null,
    topValues:
      kind === 'number' ? null : Array.from({ length: LEVELS }, (_, i) => ({ value: `level ${i}`, count: 20 })),
  })),
};

const segmentsOf = (of: EventSchema): Promise<Buffer[]> =>
  Promise.all(Array.from({ length: SEGMENTS }, (_, index) => segmentOf(index, of)));
const segments = await segmentsOf(schema);
const bytes = segments.reduce((sum, { length }) => sum + length, 0) / (SEGMENTS * EVENTS);
console.log(
  `${features.length} features, ${bytes.toFixed(0)} bytes an event as delivered, Node ${process.version}, ${os.cpus().length} processors`,
);
await measure('counted', segments);
const byLevel = { ...schema, segments: [0, 1, 2].map((i) => `category ${i}`) };
const segmented = await measure('counted, by levels too', await segmentsOf(byLevel));
const archived = await measure('counted and archived', segments, true);
console.log(`${segmented.levelBytes.toFixed(0)} bytes a feature and hour of counts by levels`);
console.log(`${archived.archivedBytes.toFixed(0)} bytes an event in the archive`);
if (Math.min(segmented.perCore, archived.perCore) < PER_CORE_MIN) process.exitCode = 1;

/** Takes all segments but the first ten, which warm up. */
async function measure(
  what: string,
  sealedSegments: readonly Buffer[],
  isArchived = false,
): Promise<{ readonly perCore: number; readonly archivedBytes: number; readonly levelBytes: number }> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-monitor-bench-'));
  const place = { client: 'sqlite', file: path.join(folder, 'monitoring.db'), url: '' } as const;
  const database = await openDatabase({ ...place, poolMax: 1, statementTimeoutMs: 20_000 });
  try {
    await migrate(database, MONITORING_MIGRATIONS);
    const store = new FileObjectStore(path.join(folder, 'objects'));
    const options = { keys: TEST_KEYS, baselines: { of: async () => baseline }, isArchived };
    for (const sealed of sealedSegments.slice(0, 10)) await takeSegment(database, sealed, options);
    if (isArchived) await archiveAll(database, store);
    const [started, cpu] = [performance.now(), process.cpuUsage()];
    let events = 0;
    for (const sealed of sealedSegments.slice(10)) events += (await takeSegment(database, sealed, options)).events;
    if (isArchived) await archiveAll(database, store);
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(cpu);
    const perCore = events / ((user + system) / 1e6);
    const rates = `${Math.round(events / seconds)} a second, ${Math.round(perCore)} per core second`;
    console.log(`${what}: ${events} events, ${rates}`);
    let archived = 0;
    for await (const { sizeBytes } of store.list('')) archived += sizeBytes;
    const [levels] = await rawRows(database, 'select avg(length(state)) as bytes from segment_hour');
    return { perCore, archivedBytes: archived / (SEGMENTS * EVENTS), levelBytes: Number(levels?.['bytes'] ?? 0) };
  } finally {
    await database.close();
    rmSync(folder, { recursive: true });
  }
}

/** As the monitor does: batches of 32 MiB of frames. */
async function archiveAll(database: Database, store: ObjectStore): Promise<void> {
  const { signal } = new AbortController();
  for (let batch = 0; ; batch += 1) {
    const name = `${performance.now().toFixed(0)}-${batch}`;
    const count = await database.transaction((trx) => fillBatch(trx, name, 32 * 1024 * 1024));
    if (count === 0) return;
    await writeBatch(database, store, name, signal);
  }
}

async function segmentOf(index: number, of: EventSchema): Promise<Buffer> {
  const writer = new ByteWriter();
  writeSchema(writer, 0, of);
  const frame = beginFrame(writer, FRAME_KINDS.events);
  for (const number of [index * EVENTS, EVENTS, 1_700_000_000_000 + index * 60_000]) writer.varint(number);
  for (let event = 0; event < EVENTS; event += 1) {
    const probability = random.uniform();
    const probabilities = Float64Array.of(1 - probability, probability);
    writeEventHead(writer, 0, null, { prediction: '', classIndex: probability < 0.5 ? 0 : 1, probabilities });
    for (let i = 0; i < NUMBERS; i += 1) writeNumber(writer, random.uniform());
    for (let i = 0; i < CATEGORIES; i += 1) writeKey(writer, `level ${random.below(LEVELS + 5)}`, false);
  }
  endFrame(writer, frame);
  const first = index * EVENTS;
  const facts = {
    serverId: 'ps_1',
    epoch: 'ef'.repeat(16),
    segment: index,
    firstNumber: first,
    endNumber: first + EVENTS,
    createdAtMs: 1,
  };
  return sealSegment(facts, Buffer.from(writer.view()), TEST_KEYS);
}
