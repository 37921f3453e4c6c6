/**
 * Autopilot beside other systems on real data: what is compared, and how to call it, is in `automl/README.md`. Prints each run
 * as it ends, then a table for each set and the mean ranks. A run that fails is printed, and its system has no rank on that set.
 */
import { appendFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { benchSets, scoreOf, type BenchSet } from './automl/data-sets.ts';
import { kept } from './automl/kept-runs.ts';
import { pairedDifference, standings, type Predicted } from './automl/ranking.ts';
import { RIVAL_NAMES, rival, type RivalName, type RunReport, type System } from './automl/systems.ts';
import { trainyard, trainyardVersion } from './automl/trainyard.ts';

const OURS = 'trainyard';
const THREADS = 2;
const MIB = 1024 ** 2;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    budget: { type: 'string', default: '60' },
    seeds: { type: 'string', default: '1' },
    sets: { type: 'string', default: '' },
    systems: { type: 'string', default: [OURS, ...RIVAL_NAMES].join(',') },
    out: { type: 'string', default: '' },
    keep: { type: 'string', default: '' },
  },
});
const budgetSeconds = Number(values.budget);
const listOf = (text: string): string[] => text.split(',').filter((word) => word !== '');

const isRival = (name: string): name is RivalName => RIVAL_NAMES.some((known) => known === name);

function systemOf(name: string): System {
  const keep = (version: string, run: System): System =>
    values.keep === '' ? run : kept(values.keep, name, version, run);
  if (name === OURS) return keep(trainyardVersion(), trainyard);
  if (!isRival(name)) throw new Error(`there is no system ${name}: ${OURS} or ${RIVAL_NAMES.join(', ')}`);
  // Which version runs is pinned by rivals/requirements.txt.
  return keep('', rival(name));
}

function tell(set: BenchSet, name: string, seed: number, report: RunReport): void {
  const score = scoreOf(set, report.predicted, Uint32Array.from(set.actual.keys()));
  const { version, fitSeconds, cpuSeconds } = report;
  const peakMib = Math.round(report.peakBytes / MIB);
  const idleMib = Math.round(report.idleBytes / MIB);
  const facts = {
    set: set.name,
    system: name,
    version,
    seed,
    budgetSeconds,
    score,
    fitSeconds,
    cpuSeconds,
    peakMib,
    idleMib,
  };
  if (values.out !== '') appendFileSync(values.out, `${JSON.stringify(facts)}\n`);
  console.log(
    `${set.name} ${set.metric} ${name} ${version} seed ${seed}: ${score.toPrecision(6)}; ${fitSeconds.toFixed(1)} s of ` +
      `${budgetSeconds}, processor ${cpuSeconds.toFixed(0)} s, peak ${peakMib} MiB of which ${idleMib} idle` +
      (report.said === undefined ? '' : `\n  ${report.said}`),
  );
}

function tellStandings(set: BenchSet, systems: readonly Predicted[]): void {
  console.log(`\n| ${set.name} | ${set.metric} | rank | better than the best rival by |\n| --- | --- | --- | --- |`);
  const all = standings(set, systems);
  const best = all.find(({ system }) => system !== OURS);
  for (const { system, score, rank } of all) {
    const own = systems.find((one) => one.system === system);
    const other = systems.find((one) => one.system === best?.system);
    let difference = '';
    if (system === OURS && own !== undefined && other !== undefined) {
      const { gain, error } = pairedDifference(set, own, other);
      difference = `${gain.toPrecision(3)} +- ${error.toPrecision(2)}`;
    }
    console.log(`| ${system} | ${score.toPrecision(6)} | ${rank} | ${difference} |`);
    ranks.set(system, [...(ranks.get(system) ?? []), rank]);
  }
  console.log('');
}

const ranks = new Map<string, number[]>();
const systems = listOf(values.systems).map((name) => ({ name, run: systemOf(name) }));
for (const set of benchSets(positionals[0] ?? '.', listOf(values.sets))) {
  const predicted: Predicted[] = [];
  for (const { name, run } of systems) {
    const bySeed = [];
    try {
      for (const seed of listOf(values.seeds).map(Number)) {
        const report = await run({ set, budgetSeconds, seed, threads: THREADS });
        tell(set, name, seed, report);
        bySeed.push(report.predicted);
      }
      predicted.push({ system: name, bySeed });
    } catch (err) {
      console.log(`${set.name} ${name}: FAILED ${err instanceof Error ? err.message : String(err)}`);
    }
  }
  tellStandings(set, predicted);
}
console.log('| system | mean rank | sets |\n| --- | --- | --- |');
const mean = (list: readonly number[]): number => list.reduce((sum, value) => sum + value, 0) / list.length;
for (const [system, list] of [...ranks].sort((a, b) => mean(a[1]) - mean(b[1])))
  console.log(`| ${system} | ${mean(list).toFixed(2)} | ${list.length} |`);
