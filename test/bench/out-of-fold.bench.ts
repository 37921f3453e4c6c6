/**
 * Memory and time of what is done with out-of-fold predictions that were made up: `node test/bench/out-of-fold.bench.ts [rows...]`, rows being
 * predictions of a binary target under train/validation/holdout 60/20/20. Each step runs in a process of its own: what the app server does
 * to verify a fit, a comparison, an insight, and the choice and the blend of an ensemble of three models. Printed are its peak of resident
 * memory, of which an empty process has some 100 MiB, its processor time, and what it found.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError, type EnsembleTask, type TrainTask } from '#contracts';
import {
  compareSources,
  insightOf,
  memoryPredictions,
  openOutOfFold,
  outOfFoldFile,
  OutOfFoldCheck,
  readInsightRows,
  scoreCollector,
  type OutOfFold,
  type OutOfFoldSource,
} from '#ml';
import { FileObjectStore, readBytes } from '#object-store';
import { createRandom } from '#statistics';
import { provenFile } from '../../appserver/server/verification/proven-file.ts';
import { chooseBlends } from '../../yarn-workers/ml/ensemble/choose-blends.ts';
import { heldBack } from '../../yarn-workers/ml/ensemble/make-ensemble.ts';
import { hashedPartition } from '../../yarn-workers/ml/partition/partitions.ts';
import { TRAINING } from '../../yarn-workers/ml/partition/types.ts';
import { peakMemoryBytes } from '../../yarn-workers/worker/child/peak-memory.ts';
import { splitTask } from '../support/split-task.ts';

const MODELS = 3;
const HELD_BACK = 0.4;

/** A task whose table has so many rows that about `rowCount` are held back. */
const taskOf = (rowCount: number): Promise<TrainTask> => splitTask(Math.round(rowCount / HELD_BACK));

function predictionsOf({ partitioning, table }: TrainTask, model: number): OutOfFold {
  const partitionOf = hashedPartition(partitioning);
  const held = Uint32Array.from({ length: table.rowCount }, (_, row) => row).filter(
    (row) => partitionOf(row) !== TRAINING,
  );
  const [truth, noise] = [createRandom(1), createRandom(model + 2)];
  const classes = new Int32Array(held.length);
  const predictions = new Float64Array(held.length);
  for (let place = 0; place < held.length; place += 1) {
    const odds = 6 * (truth.uniform() + truth.uniform() - 1) - 1;
    classes[place] = Number(truth.uniform() < 1 / (1 + Math.exp(-odds)));
    predictions[place] = 1 / (1 + Math.exp(-(odds + noise.uniform() - 0.5)));
  }
  const facts = { foldCount: 1, values: null, weights: null, outputCount: 1 };
  return { ...facts, rows: held, partitions: Int8Array.from(held, (row) => partitionOf(row)), classes, predictions };
}

const nameOf = (model: number): string => `model-${model}/out-of-fold.bin`;

async function sourceOf(store: FileObjectStore, model: number): Promise<OutOfFoldSource> {
  const sizeBytes = (await store.stat(nameOf(model)))?.sizeBytes ?? 0;
  return openOutOfFold((start, end) => readBytes(store, nameOf(model), { start, end }), sizeBytes);
}

const refused = (): AppError => new AppError('RESULT_MISMATCH', 'another file');

const STEPS: Readonly<Record<string, (task: TrainTask, folder: string) => Promise<unknown>>> = {
  make: async (task, folder) => {
    for (let model = 0; model < MODELS; model += 1)
      await new FileObjectStore(folder).write(
        nameOf(model),
        outOfFoldFile(memoryPredictions(predictionsOf(task, model))),
      );
    return 'made';
  },
  verify: async (task, folder) => {
    const store = new FileObjectStore(folder);
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(path.join(folder, nameOf(0)))) hash.update(chunk as Uint8Array);
    const sizeBytes = (await store.stat(nameOf(0)))?.sizeBytes ?? 0;
    const read = await provenFile(store, nameOf(0), { sizeBytes, sha256: hash.digest('hex') }, refused);
    const source = await openOutOfFold(read, sizeBytes);
    const check = new OutOfFoldCheck(task, source.facts);
    const collector = scoreCollector(source.facts, task.target);
    for await (const block of source.blocks()) {
      check.add(block);
      collector.add(block);
    }
    const { validation } = collector.scores();
    return { trained: check.end().least, auc: validation?.['auc'], logLoss: validation?.['logLoss'] };
  },
  compare: async ({ target }, folder) => {
    const store = new FileObjectStore(folder);
    return compareSources(await sourceOf(store, 0), await sourceOf(store, 1), { target, metric: 'auc', seed: 1 });
  },
  lift: async ({ target }, folder) => {
    const rows = await readInsightRows(await sourceOf(new FileObjectStore(folder), 0), target, undefined);
    return { kind: insightOf('lift', rows, undefined).kind, rows: rows.chosen.length };
  },
  ensemble: async (train, folder) => {
    const store = new FileObjectStore(folder);
    const member = (model: number) => ({
      ...{ modelId: `model-${model}`, blueprintId: 'lightgbm-default', artifactPath: `model-${model}` },
      ...{ manifestSha256: '0'.repeat(64), weight: null },
    });
    const { projectId, datasetId, table, target, features, seed } = train;
    const task: EnsembleTask = {
      ...{ kind: 'ensemble', modelId: 'e', projectId, datasetId, table, target, features, seed, metric: 'logLoss' },
      members: Array.from({ length: MODELS }, (_, model) => member(model)),
      ...{ membersMax: 6, stepsMax: 30, refitOf: null },
    };
    const read = (model: number): Promise<OutOfFoldSource> => sourceOf(store, model);
    const { choice, selectionRowCount } = await chooseBlends(task, read, async () => undefined);
    const { outOfFold, gain, noise } = await heldBack(task, choice, { outOfFold: read });
    const { sizeBytes } = await store.write(`ensemble/${process.pid}`, outOfFoldFile(outOfFold));
    return { selectionRowCount, gain, noise, sizeBytes };
  },
};

const [step, ...others] = process.argv.slice(2);
const run = step === undefined ? undefined : STEPS[step];
if (step !== undefined && run !== undefined) {
  const [rows = '', folder = ''] = others;
  const task = await taskOf(Number(rows));
  const before = process.cpuUsage();
  const found = await run(task, folder);
  const { user, system } = process.cpuUsage(before);
  const mib = Math.round(peakMemoryBytes() / 1024 ** 2);
  process.stdout.write(
    `${rows} rows, ${step}: ${mib} MiB, ${((user + system) / 1e6).toFixed(1)} s; ${JSON.stringify(found)}\n`,
  );
} else {
  const sizes = step === undefined ? ['2000000', '20000000'] : [step, ...others];
  for (const rows of sizes) {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'trainyard-out-of-fold-'));
    try {
      for (const name of Object.keys(STEPS))
        spawnSync(process.execPath, [fileURLToPath(import.meta.url), name, rows, folder], { stdio: 'inherit' });
    } finally {
      await rm(folder, { recursive: true });
    }
  }
}
