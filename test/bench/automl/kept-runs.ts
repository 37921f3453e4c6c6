import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { RunReport, RunRequest, System } from './systems.ts';

/** A report as JSON: its columns of predictions by name. */
type KeptReport = Omit<RunReport, 'predicted'> & { readonly predicted: Readonly<Record<string, readonly number[]>> };

/**
 * A system whose runs are kept, so that a comparison that takes hours can be gone on with after a break: a run that is there is not
 * repeated. A run of another version has a file of its own only where `version` says which one would run; delete the folder to
 * begin anew.
 *
 * @param folder made where it is not there; one JSON file a run
 */
export function kept(folder: string, name: string, version: string, run: System): System {
  return async (request) => {
    const file = path.join(folder, `${fileNameOf(name, version, request)}.json`);
    if (existsSync(file)) return reportOf(readFileSync(file, 'utf8'));
    const report = await run(request);
    mkdirSync(folder, { recursive: true });
    const whole: KeptReport = {
      ...report,
      predicted: Object.fromEntries([...report.predicted].map(([column, values]) => [column, [...values]])),
    };
    writeFileSync(`${file}.part`, JSON.stringify(whole));
    renameSync(`${file}.part`, file);
    return report;
  };
}

const fileNameOf = (name: string, version: string, { set, seed, budgetSeconds, threads }: RunRequest): string =>
  [set.name, name, version, `seed${seed}`, `${budgetSeconds}s`, `${threads}threads`]
    .filter((part) => part !== '')
    .join('-');

function reportOf(text: string): RunReport {
  // The cast holds: `kept` wrote it.
  const { predicted, ...report } = JSON.parse(text) as KeptReport;
  return {
    ...report,
    predicted: new Map(Object.entries(predicted).map(([column, values]) => [column, Float64Array.from(values)])),
  };
}
