import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { churnCsv } from '../integration/worker/support.ts';
import { Api } from '../support/api.ts';
import { memoryOf } from '../support/memory.ts';
import { deployed, modelled } from '../support/modelling.ts';
import { closePlatforms, startPlatform } from '../support/platform.ts';

/**
 * What a download of a package costs the app server: time to the first byte, time in all, resident memory at its highest. The first
 * one looks for the runtime by a process of its own, which counts here, and hashes it; clients that are slow must not make the server hold what they have not taken. Needs curl.
 *
 *     node test/bench/package.bench.ts
 */
const MIB = 1024 ** 2;
const LOOK_MS = 50;
const CASES = [
  { what: 'first', clients: 1, rate: '1G' },
  { what: 'again', clients: 1, rate: '1G' },
  { what: 'slow', clients: 1, rate: '10M' },
  { what: 'slow, eight at a time', clients: 8, rate: '10M' },
] as const;

const platform = await startPlatform({ flags: ['--workers=1'] });
const api = new Api(platform.url, platform.adminKey);
const data = { content: churnCsv(400), fileName: 'churn.csv' };
const { modelId } = await modelled(api, data, { target: 'label', blueprints: ['baseline', 'lightgbm-fast'] });
const { id } = await deployed(api, modelId);
const pid = platform.programs('server')[0]?.pid ?? 0;
const residentMib = (): number => Math.round(memoryOf(pid).residentBytes / MIB);

/** Time to the first byte and in all, seconds; bytes. */
async function download(rate: string): Promise<readonly number[]> {
  const format = '%{time_starttransfer} %{time_total} %{size_download}';
  const words = ['--silent', '--fail', '--limit-rate', rate, '--output', '/dev/null', '--write-out', format];
  const key = ['--header', `Authorization: Bearer ${platform.adminKey}`];
  const child = spawn('curl', [...words, ...key, `${platform.url}/api/v1/deployments/${id}/package`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'close') as Promise<[number | null]>]);
  if (code !== 0) throw new Error(`curl ended with ${code ?? 'a signal'}`);
  return output.split(' ').map(Number);
}

console.log(`app server before: ${residentMib()} MiB`);
for (const { what, clients, rate } of CASES) {
  let highest = 0;
  const timer = setInterval(() => (highest = Math.max(highest, residentMib())), LOOK_MS);
  const made = await Promise.all(Array.from({ length: clients }, () => download(rate)));
  clearInterval(timer);
  const slowest = (index: number): string => Math.max(...made.map((one) => one[index] ?? 0)).toFixed(2);
  const mb = ((made[0]?.[2] ?? 0) / 1e6).toFixed(1);
  console.log(`${what}: ${mb} MB, first byte ${slowest(0)} s, all ${slowest(1)} s, highest ${highest} MiB`);
}
await closePlatforms();
