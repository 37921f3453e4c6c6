/**
 * Events that a monitor counts a second of its own processor: `node test/bench/monitor.bench.ts`. Segments as prediction servers seal them, of 14
 * features (6 numbers, 8 categories) with training statistics, into an SQLite file; exits 1 below the budget.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { EventSchema } from '#contracts';
import { migrate, MONITORING_MIGRATIONS, openDatabase } from '#store';
import { createRandom } from '#statistics';
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
import type { Baseline } from '#statistics';
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

const segments = await Promise.all(Array.from({ length: SEGMENTS }, (_, index) => segmentOf(index)));
const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-monitor-bench-'));
const database = await openDatabase({
  client: 'sqlite',
  file: path.join(folder, 'monitoring.db'),
  url: '',
  poolMax: 1,
  statementTimeoutMs: 20_000,
});
try {
  await migrate(database, MONITORING_MIGRATIONS);
  const baselines = { of: async () => baseline };
  for (const sealed of segments.splice(0, 10)) await takeSegment(database, sealed, { keys: TEST_KEYS, baselines });
  const [started, cpu] = [performance.now(), process.cpuUsage()];
  let events = 0;
  for (const sealed of segments) events += (await takeSegment(database, sealed, { keys: TEST_KEYS, baselines })).events;
  const seconds = (performance.now() - started) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  const perCore = events / ((user + system) / 1e6);
  const bytes = segments.reduce((sum, { length }) => sum + length, 0) / events;
  console.log(
    `${events} events of ${features.length} features, ${bytes.toFixed(0)} bytes each as delivered, Node ${process.version}`,
  );
  console.log(`${Math.round(events / seconds)} a second, ${Math.round(perCore)} per core second`);
  if (perCore < PER_CORE_MIN) process.exitCode = 1;
} finally {
  await database.close();
  rmSync(folder, { recursive: true });
}

async function segmentOf(index: number): Promise<Buffer> {
  const writer = new ByteWriter();
  writeSchema(writer, 0, schema);
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
