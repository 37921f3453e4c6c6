/** `examples/chaos/run [SEED]`: see README.md. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { disturb } from './nemesis.ts';
import { Platform, type BoardRow } from './platform.ts';

const METRIC = 'auc';
const AUTOPILOT = { target: 'income', positiveClass: '>50K', metric: METRIC, maxModels: 6, seed: 42 };
/** Characters of a content hash that are printed. */
const HASH_CHARS = 16;

const started = performance.now();
const seconds = (): string => ((performance.now() - started) / 1000).toFixed(1).padStart(6);
const say = (text: string): void => void process.stdout.write(`${seconds()} s  ${text}\n`);

/** One job to its leaderboard; `meanwhile` is begun with it and ended by it. */
async function model(platform: Platform, datasetId: string, meanwhile: (done: AbortSignal) => Promise<void>) {
  const { projectId, jobId } = await platform.startJob(datasetId, AUTOPILOT);
  const done = new AbortController();
  const company = meanwhile(done.signal);
  try {
    await platform.finished(jobId);
  } finally {
    done.abort();
    await company;
  }
  return platform.leaderboard(projectId, METRIC);
}

/** Both boards side by side; whether they are the same. */
function compare(calm: readonly BoardRow[], disturbed: readonly BoardRow[]): boolean {
  let isSame = calm.length === disturbed.length;
  process.stdout.write(`\nrank model                                      ${METRIC}     undisturbed      under fire\n`);
  for (let index = 0; index < Math.max(calm.length, disturbed.length); index += 1) {
    const [left, right] = [calm[index], disturbed[index]];
    const isEqual =
      left !== undefined && right !== undefined && left.contentHash === right.contentHash && left.score === right.score;
    if (!isEqual || left.recommended !== right.recommended) isSame = false;
    const { rank = index + 1, name = '', score = NaN } = left ?? right ?? {};
    const hashes = [left, right].map((row) => (row?.contentHash ?? 'none').slice(0, HASH_CHARS).padEnd(HASH_CHARS));
    process.stdout.write(
      `${String(rank).padStart(4)} ${name.padEnd(40)} ${score.toFixed(5)}  ${hashes.join(isEqual ? ' = ' : ' ! ')}\n`,
    );
  }
  return isSame && calm.length > 0;
}

async function main(seed: number): Promise<number> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'trainyard-chaos-'));
  const platform = new Platform(dataDir);
  const stop = (): void => void platform.stop().then(() => process.exit(130));
  process.once('SIGINT', stop).once('SIGTERM', stop);
  let isSame = false;
  try {
    say('starting the platform');
    await platform.start();
    const datasetId = await platform.dataset();
    say(`undisturbed: Autopilot, ${AUTOPILOT.maxModels} models, their ensemble and refits`);
    const calm = await model(platform, datasetId, async () => undefined);
    say(`under fire: the same once more, faults by seed ${seed}`);
    let faults: string[] = [];
    const disturbed = await model(platform, datasetId, async (done) => {
      faults = await disturb(platform, seed, done, say);
    });
    say('the job has succeeded');
    isSame = compare(calm, disturbed);
    const verdict = isSame ? 'the same leaderboard' : 'the leaderboards differ';
    process.stdout.write(`\n${faults.length} faults, ${disturbed.length} models, ${verdict}\n`);
  } finally {
    await platform.stop();
    if (isSame) rmSync(dataDir, { recursive: true, force: true, maxRetries: 20 });
    else process.stderr.write(`logs: ${dataDir}/logs\n`);
  }
  return isSame ? 0 : 1;
}

const seed = Number(process.argv[2] ?? 1);
if (!Number.isSafeInteger(seed)) {
  process.stderr.write('usage: run [SEED], a whole number\n');
  process.exit(2);
}
process.exitCode = await main(seed);
