/**
 * What reading texts is worth and what it costs: `node test/bench/text.bench.ts FOLDER [ROWS WORDS]`. FOLDER has the project's
 * shared data (see `real-data.ts`); of its sets `sms_spam` has a text.
 *
 * First models alone by five folds: score there, score of their blend on the test rows, CPU, size. Then `lightgbm-fast` and
 * `linear-text` on ROWS made texts of WORDS words each (100,000 of 20 by default) beside two numbers, one split: time, CPU
 * and peak memory of this process, the made texts included. Without FOLDER (`-`) the first part is left out.
 */
import { rankingScore } from '#ml';
import { createRandom } from '#statistics';
import { numberRule, textRule, type MemoryColumn } from '../support/memory-table.ts';
import { planOf } from '../support/modelling-task.ts';
import { fitted, realData, testScore } from './real-data.ts';

const [folder = '', rows = '100000', words = '20'] = process.argv.slice(2);
const line = (text: string): void => void process.stdout.write(`${text}\n`);

const real = folder === '-' ? [] : realData(folder, ['sms_spam']);
for await (const { name, metric, train, test, plan } of real) {
  const alone = plan({});
  for (const [blueprintId, parameters] of [
    ['linear-text', {}],
    ['linear-text', { characters: 0 }],
    ['linear-text', { words: 0 }],
    ['lightgbm-fast', {}],
    ['lightgbm-default', {}],
    ['lightgbm-slow', {}],
  ] as const) {
    const task = { blueprintId, parameters, refitOf: null, iterations: null };
    const { fit, cpuMs, scorer, rowMicros } = await fitted(alone, train, task);
    const cv = fit.scores === null ? null : rankingScore(fit.scores, metric);
    line(
      `${name}: ${blueprintId} ${JSON.stringify(parameters)}: ${metric} cv ${cv?.toFixed(4) ?? 'none'}, test ${testScore(alone, scorer, test).toFixed(4)}, cpu ${(cpuMs / 1000).toFixed(1)} s, ${(JSON.stringify(fit.content).length / 1e6).toFixed(2)} MB, ${rowMicros.toFixed(0)} us/row`,
    );
  }
}

/** Words of a law as in languages, some of which say something. */
function madeTexts(rowCount: number, wordCount: number): MemoryColumn[] {
  const random = createRandom(7);
  const worth = Array.from({ length: 50_000 }, (_, word) => (word % 10 === 3 ? random.uniform() - 0.5 : 0));
  const cells: [string[], string[], string[], string[]] = [[], [], [], []];
  for (let row = 0; row < rowCount; row += 1) {
    let signal = 0;
    let text = '';
    for (let place = 0; place < wordCount; place += 1) {
      const word = Math.min(worth.length - 1, Math.floor(Math.exp(random.uniform() * Math.log(worth.length))));
      signal += worth[word] ?? 0;
      text += ` ${(word * 7_919).toString(26)}`;
    }
    const x = random.uniform();
    cells[0].push(text);
    cells[1].push(String(x));
    cells[2].push(String(random.uniform()));
    cells[3].push(signal + x - 0.5 + (random.uniform() - 0.5) / 2 > 0 ? 'yes' : 'no');
  }
  const [note, x, y, target] = cells;
  return [
    { name: 'note', cells: note, parse: textRule },
    { name: 'x', cells: x, parse: numberRule },
    { name: 'y', cells: y, parse: numberRule },
    { name: 'target', cells: target, parse: textRule },
  ];
}

const table = madeTexts(Number(rows), Number(words));
const made = await planOf(table, {
  target: 'target',
  metric: 'auc',
  partitioning: { method: 'random', validation: 'tvh', holdoutFraction: 0 },
});
const peak = (): string => `peak ${Math.round(process.resourceUsage().maxRSS / 1024)} MiB`;
line(`${rows} texts of ${words} words: ${peak()} before anything is fitted`);
for (const blueprintId of ['lightgbm-fast', 'linear-text']) {
  const task = { blueprintId, parameters: {}, refitOf: null, iterations: null };
  const { fit, cpuMs } = await fitted(made, table, task);
  const score = fit.scores === null ? null : rankingScore(fit.scores, 'auc');
  line(
    `${rows} texts of ${words} words: ${blueprintId}: auc ${score?.toFixed(4) ?? 'none'}, reading ${(fit.timings.surveyMs / 1000).toFixed(1)} s, fit ${(fit.timings.boostMs / 1000).toFixed(1)} s, cpu ${(cpuMs / 1000).toFixed(1)} s, ${peak()}`,
  );
}
