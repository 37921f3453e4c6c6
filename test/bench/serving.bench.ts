/**
 * Single rows over HTTP, one server after the other on one core, the load from the other: `node test/bench/serving.bench.ts [--rivals]
 * [--rounds N] [--cpu-prof DIR]`. A bare `node:http` echo is the reference; `--rivals` adds MLflow, MLServer and H2O's MOJO, which are
 * installed the first time (some 2 GB). Rounds go by turns over all servers, medians are shown. Per core means per second of the server's
 * own processor time, which other programs on the machine change least. Exits 1 where a budget is missed.
 *
 * `--cpu-prof DIR` writes a profile of our server with telemetry.
 */
import { parseArgs } from 'node:util';
import { closedLoop, openLoop, quantile, type Answers, type Requests, type Target } from '../support/serving/load.ts';
import { ownRequests, startOwnServer } from './serving/own-server.ts';
import { keepToOwnCore, startProgram, type Program } from './serving/programs.ts';
import { RIVALS } from './serving/rivals/rivals.ts';
import { benchRows, jsonRequests } from './serving/rows.ts';
import { CATEGORIES, COLUMNS, LEAVES, TREES } from './synthetic-model.ts';

const WARM_UP_MS = 3_000;
const ROUND_MS = 2_000;
const CONNECTIONS = 16;
/** Of the open loop; what answers slower than it comes is not measured so. */
const PER_SECOND = 1_000;
const OVERLOAD_CONNECTIONS = 1_024;
const MEGABYTE = 1e6;

/** Of our server with telemetry on. */
const BUDGETS = {
  perSecond: 20_000,
  ofEcho: 0.5,
  singleOfEcho: 1.5,
  steadyP99Micros: 2_000,
  overloadP99Micros: 20_000,
};

interface Contestant {
  readonly name: string;
  readonly program: Program;
  readonly requests: Requests;
}

/** Medians over all rounds; NaN where it was not measured. */
interface Figures {
  readonly singleP50: number;
  readonly perSecond: number;
  readonly perCore: number;
  readonly p50: number;
  readonly p99: number;
  readonly steadyP99: number;
}

const { values: flags } = parseArgs({
  options: {
    rivals: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '5' },
    'cpu-prof': { type: 'string' },
  },
});
const ROUNDS = Number(flags.rounds);
const profile = flags['cpu-prof'];
const [OWN, OWN_SILENT, ECHO] = ['prediction server, telemetry on', 'prediction server', 'bare node:http echo'];

keepToOwnCore();
const contestants = await startAll();
try {
  for (const contestant of contestants)
    await closedLoop(targetOf(contestant), { connectionCount: CONNECTIONS, ms: WARM_UP_MS });
  const rounds: Map<string, Figures>[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const figures = new Map<string, Figures>();
    for (const contestant of contestants) figures.set(contestant.name, await measure(contestant));
    rounds.push(figures);
  }
  const overload = await overloaded();
  report(rounds, overload);
} finally {
  await Promise.all(contestants.map(({ program }) => program.end()));
}

async function startAll(): Promise<Contestant[]> {
  const rows = benchRows();
  const started: Contestant[] = [];
  const add = async (name: string, requests: Requests, start: () => Promise<Program>): Promise<void> => {
    started.push({ name, requests, program: await start() });
  };
  try {
    const echo = new URL('serving/echo.ts', import.meta.url).pathname;
    const listening = (line: string): number | null => Number(/^listening at (\d+)$/.exec(line)?.[1] ?? NaN) || null;
    await add(ECHO, jsonRequests('/predict', rows), () => startProgram({ words: [process.execPath, echo], listening }));
    const nodeOptions = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
    await add(OWN, ownRequests(rows), () => startOwnServer({ telemetry: true, nodeOptions }));
    await add(OWN_SILENT, ownRequests(rows), () => startOwnServer({ telemetry: false }));
    if (flags.rivals) for (const { name, requests, start } of RIVALS) await add(name, requests(rows), start);
    return started;
  } catch (err) {
    await Promise.all(started.map(({ program }) => program.end()));
    throw err;
  }
}

function targetOf({ program, requests }: Contestant): Target {
  return { port: program.port, requests };
}

async function measure(contestant: Contestant): Promise<Figures> {
  const target = targetOf(contestant);
  const single = await closedLoop(target, { connectionCount: 1, ms: ROUND_MS / 2 });
  const cpuBefore = contestant.program.cpuSeconds();
  const many = await closedLoop(target, { connectionCount: CONNECTIONS, ms: ROUND_MS });
  const cpu = contestant.program.cpuSeconds() - cpuBefore;
  const perSecond = many.micros.length / many.seconds;
  const isQuickEnough = perSecond > 1.5 * PER_SECOND;
  const steady = isQuickEnough
    ? await openLoop(target, { perSecond: PER_SECOND, connectionCount: CONNECTIONS, ms: ROUND_MS })
    : null;
  return {
    singleP50: quantile(single, 0.5),
    perSecond,
    perCore: many.micros.length / cpu,
    p50: quantile(many, 0.5),
    p99: quantile(many, 0.99),
    steadyP99: steady === null ? NaN : quantile(steady, 0.99),
  };
}

/** Many more clients than are taken, each of which asks again at once. */
async function overloaded(): Promise<Answers> {
  const own = contestants.find(({ name }) => name === OWN);
  if (own === undefined) throw new Error('our server is not there');
  return closedLoop(targetOf(own), { connectionCount: OVERLOAD_CONNECTIONS, ms: 2 * ROUND_MS });
}

function report(rounds: readonly Map<string, Figures>[], overload: Answers): void {
  console.log(`single rows, Node ${process.version}: ${TREES} trees x ${LEAVES} leaves, ${COLUMNS} features (${CATEGORIES.length} categorical), one core a server, ${ROUNDS} rounds`); // prettier-ignore
  const of = (name: string, key: keyof Figures): number => median(rounds.map((round) => round.get(name)?.[key] ?? NaN));
  for (const { name, program } of contestants) {
    const text = (key: keyof Figures): string => of(name, key).toFixed(0);
    console.log(
      `${name.padEnd(42)} c=1 p50 ${text('singleP50')} us; c=${CONNECTIONS} ${text('perSecond')} requests/s, ${text('perCore')} per core second ` +
        `(${(1e6 / of(name, 'perCore')).toFixed(1)} us of processor each), p50 ${text('p50')} us, p99 ${text('p99')} us; ` +
        `at ${PER_SECOND}/s p99 ${text('steadyP99')} us; ${(program.residentBytes() / MEGABYTE).toFixed(0)} MB, ready in ${(program.startedInMs / 1000).toFixed(1)} s`,
    );
  }
  const ratio = (key: keyof Figures, to: string): number =>
    median(rounds.map((round) => (round.get(OWN)?.[key] ?? NaN) / (round.get(to)?.[key] ?? NaN)));
  for (const { name } of contestants.filter((contestant) => contestant.name !== OWN))
    console.log(
      `with telemetry, of ${name}: ${ratio('perSecond', name).toFixed(2)} of its requests/s, ${ratio('perCore', name).toFixed(2)} per core second, ${ratio('singleP50', name).toFixed(2)} of its p50 at c=1`,
    );
  const overloadP99 = quantile(overload, 0.99);
  console.log(
    `overload, ${OVERLOAD_CONNECTIONS} connections: ${(overload.micros.length / overload.seconds).toFixed(0)} predictions/s, ${(overload.refusedCount / overload.seconds).toFixed(0)} refusals/s, p99 of predictions ${overloadP99.toFixed(0)} us`,
  );
  const missed = [
    of(OWN, 'perSecond') < BUDGETS.perSecond ? `${of(OWN, 'perSecond').toFixed(0)} requests/s, budget ${BUDGETS.perSecond}` : '', // prettier-ignore
    ratio('perSecond', ECHO) < BUDGETS.ofEcho ? `${ratio('perSecond', ECHO).toFixed(2)} of the echo, budget ${BUDGETS.ofEcho}` : '', // prettier-ignore
    ratio('singleP50', ECHO) > BUDGETS.singleOfEcho ? `p50 at c=1 is ${ratio('singleP50', ECHO).toFixed(2)} of the echo's, budget ${BUDGETS.singleOfEcho}` : '', // prettier-ignore
    of(OWN, 'steadyP99') > BUDGETS.steadyP99Micros ? `p99 at ${PER_SECOND}/s is ${of(OWN, 'steadyP99').toFixed(0)} us, budget ${BUDGETS.steadyP99Micros}` : '', // prettier-ignore
    overloadP99 > BUDGETS.overloadP99Micros ? `p99 at overload is ${overloadP99.toFixed(0)} us, budget ${BUDGETS.overloadP99Micros}` : '', // prettier-ignore
  ].filter((line) => line !== '');
  for (const line of missed) console.log(`BUDGET MISSED: ${line}`);
  process.exitCode = missed.length === 0 ? 0 : 1;
}

/** The lower of the two in the middle; numbers that are not there are left out. */
function median(values: readonly number[]): number {
  const sorted = values.filter((value) => !Number.isNaN(value)).toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? NaN;
}
