import { parseArgs } from 'node:util';
import { PLANTS } from './plants.ts';
import { runSeed, type RunReport } from './run.ts';

const USAGE = `Usage: node test/simulator/simulate.ts [--seed N] [--seeds COUNT] [--tasks COUNT] [--plant NAME]
  [--client sqlite|postgres --url postgres://...] [--history]

Runs seeds and prints one report per line (JSON). With --history, or when something was violated, all that happened
follows. Plants: ${PLANTS.map(({ name }) => name).join(', ')}`;
const USAGE_EXIT = 64;

/** Runs seeds one after the other; the exit code is 1 when something was violated. */
async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      tasks: { type: 'string', default: '100' },
      plant: { type: 'string' },
      client: { type: 'string', default: 'sqlite' },
      url: { type: 'string', default: '' },
      history: { type: 'boolean', default: false },
      quiet: { type: 'boolean', default: false },
    },
  });
  const plant = PLANTS.find(({ name }) => name === values.plant) ?? null;
  if (values.plant !== undefined && plant === null) throw new TypeError(`there is no plant ${values.plant}`);
  const source =
    values.client === 'postgres' ? ({ client: 'postgres', url: values.url } as const) : ({ client: 'sqlite' } as const);
  let failedCount = 0;
  for (let index = 0; index < Number(values.seeds); index += 1) {
    const seed = Number(values.seed) + index;
    const startedAt = process.cpuUsage();
    const report = await runSeed({ seed, taskCount: Number(values.tasks), source, plant, withHistory: values.history });
    const { user, system } = process.cpuUsage(startedAt);
    print(report, Math.round((user + system) / 1_000), values.quiet);
    if (report.violations.length > 0) failedCount += 1;
  }
  return failedCount === 0 ? 0 : 1;
}

function print(report: RunReport, cpuMs: number, isQuiet: boolean): void {
  const { history, ...rest } = report;
  process.stdout.write(`${JSON.stringify({ ...rest, cpuMs })}\n`);
  if (!isQuiet && history.length > 0) process.stdout.write(`${history.join('\n')}\n`);
}

try {
  process.exitCode = await main();
} catch (err) {
  if (!(err instanceof TypeError)) throw err;
  process.stderr.write(`${err.message}\n\n${USAGE}\n`);
  process.exitCode = USAGE_EXIT;
}
