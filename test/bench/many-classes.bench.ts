/**
 * A target of 1,000 classes through the whole platform: `node test/bench/many-classes.bench.ts [SECONDS]`. Prints the leaderboard of a
 * timed Autopilot run, log loss and accuracy of its recommended model on test rows, peak memory of all processes, time and size of a batch
 * prediction, and the same scores of scikit-learn and default LightGBM on the same rows (`many-classes/rivals.py`).
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Model } from '#contracts';
import { Api, csvRecords } from '../support/api.ts';
import { batchPredicted, batchRows, deployed, modelled } from '../support/modelling.ts';
import { startPlatform } from '../support/platform.ts';
import { REPOSITORY_ROOT } from '../support/repository.ts';
import { meter, treeBytes } from './automl/meter.ts';
import { pythonOf } from '../support/python.ts';

const RIVALS = ['extra-trees', 'random-forest', 'logistic', 'lightgbm'];
const MIB = 2 ** 20;

const seconds = Number(process.argv[2] ?? 180);
const folder = mkdtempSync(path.join(tmpdir(), 'many-classes-'));
const python = pythonOf('bench-many-classes', ['lightgbm==4.7.0', 'scikit-learn', 'pandas']);
const rivals = (...args: string[]): string =>
  execFileSync(python, [path.join(REPOSITORY_ROOT, 'test/bench/many-classes/rivals.py'), ...args], {
    encoding: 'utf8',
  });
const say = (line: string): void => void process.stdout.write(`${line}\n`);

function scoresOf(csv: string): { logLoss: number; accuracy: number } {
  const [header = [], ...rows] = csvRecords(csv);
  const places = new Map(header.map((name, place) => [name, place]));
  const at = (row: readonly string[], name: string): string => row[places.get(name) ?? -1] ?? '';
  const losses = rows.map((row) => -Math.log(Math.max(1e-15, Number(at(row, `probability_${at(row, 'label')}`)))));
  const right = rows.filter((row) => at(row, 'prediction') === at(row, 'label')).length;
  return { logLoss: losses.reduce((sum, loss) => sum + loss, 0) / rows.length, accuracy: right / rows.length };
}

rivals('make', folder);
const platform = await startPlatform();
try {
  const api = new Api(platform.url, platform.adminKey);
  const file = (name: string) => ({ content: new Uint8Array(readFileSync(path.join(folder, name))), fileName: name });
  const testId = await api.dataset(file('test.csv'));
  const trainId = await api.dataset(file('train.csv'));
  const idle = treeBytes(platform.pid);
  const watched = meter(platform.pid);
  const begunAt = performance.now();
  const { board, modelId, reason } = await modelled(
    api,
    { datasetId: trainId },
    { target: 'label', timeBudgetSeconds: seconds },
  );
  const used = watched.stop();
  say(`run: ${((performance.now() - begunAt) / 1000).toFixed(1)} s, ${used.cpuSeconds.toFixed(0)} s of CPU`);
  say(`memory: ${(idle / MIB).toFixed(0)} MiB idle, ${(used.peakBytes / MIB).toFixed(0)} MiB at its peak`);
  for (const { name, scores, fitSeconds, sizeBytes, predictMicrosPerRow, peakMemoryBytes } of board.data) {
    const { logLoss = NaN, accuracy = NaN } = scores.crossValidation ?? scores.validation ?? {};
    const mib = (bytes: number | null): string => ((bytes ?? 0) / MIB).toFixed(0);
    say(
      `| ${name} | ${logLoss.toFixed(4)} | ${accuracy.toFixed(4)} | ${fitSeconds?.toFixed(1)} s | ${mib(sizeBytes)} MiB | ${predictMicrosPerRow?.toFixed(0)} us | ${mib(peakMemoryBytes)} MiB |`,
    );
  }
  say(reason);
  const batching = meter(platform.pid);
  const batchAt = performance.now();
  const batch = await batchPredicted(api, { modelId, input: { datasetId: testId }, passthroughColumns: ['label'] });
  const { text } = await batchRows(api, batch);
  say(`batch: ${((performance.now() - batchAt) / 1000).toFixed(1)} s, ${(text.length / MIB).toFixed(0)} MiB of CSV`);
  say(`memory of it: ${(batching.stop().peakBytes / MIB).toFixed(0)} MiB`);
  say(`unseen rows: ${JSON.stringify(scoresOf(text))}`);
  for (const kind of ['confusion', 'lift', 'calibration', 'feature-impact', 'feature-effects']) {
    const answer = await api.request('GET', `/models/${modelId}/insights/${kind}`, { headers: { prefer: 'wait=60' } });
    say(`insight ${kind}: ${answer.status}, ${(answer.text.length / 1024).toFixed(0)} KiB`);
  }
  say(`model: ${(await api.get(`/models/${modelId}`, Model)).name}`);
  const { predictionUrl } = await deployed(api, modelId);
  const rows = csvRecords(readFileSync(path.join(folder, 'test.csv'), 'utf8')).slice(0, 101);
  const [header = [], ...cells] = rows;
  const json = cells.map((row) => Object.fromEntries(header.map((name, place) => [name, row[place] ?? null])));
  for (const query of ['', '?probabilities=5']) {
    const askedAt = performance.now();
    const answer = await api.request('POST', `${predictionUrl}${query}`, { json });
    const ms = performance.now() - askedAt;
    say(
      `predict${query}: ${answer.status}, 100 rows in ${ms.toFixed(0)} ms, ${(answer.text.length / 1024).toFixed(0)} KiB`,
    );
  }
} finally {
  await platform.close();
}
for (const name of RIVALS) say(rivals('fit', folder, name).trim());
rmSync(folder, { recursive: true });
