/**
 * Memory of a prediction server that answers 500 single rows a second with telemetry on: `node test/bench/serving-memory.bench.ts [minutes]`,
 * 30 by default. Its resident memory is looked at every few seconds; the middle of the last quarter of the time may be 20 MB above that of
 * the second, else it exits 1.
 */
import { openLoop } from '../support/serving/load.ts';
import { ownRequests, startOwnServer } from './serving/own-server.ts';
import { keepToOwnCore } from './serving/programs.ts';
import { benchRows } from './serving/rows.ts';

const [minutes = 30] = process.argv.slice(2).map(Number);
const PER_SECOND = 500;
const CONNECTIONS = 16;
const LOOKS = 120;
const GROWTH_MB_MAX = 20;
const MEGABYTE = 1e6;

keepToOwnCore();
const server = await startOwnServer({ telemetry: true });
try {
  const ms = minutes * 60_000;
  const looks: number[] = [];
  const look = (): number => looks.push(server.residentBytes() / MEGABYTE);
  const timer = setInterval(look, ms / LOOKS);
  const load = { perSecond: PER_SECOND, connectionCount: CONNECTIONS, ms, isPatient: true };
  const answers = await openLoop({ port: server.port, requests: ownRequests(benchRows()) }, load);
  clearInterval(timer);
  const quarters = [0, 1, 2, 3].map((quarter) =>
    middle(looks.slice((quarter * LOOKS) / 4, ((quarter + 1) * LOOKS) / 4)),
  );
  const growth = (quarters[3] ?? NaN) - (quarters[1] ?? NaN);
  console.log(`${answers.micros.length} predictions in ${minutes} minutes, ${answers.refusedCount} refused, of ${(server.cpuSeconds() * 1e6 / answers.micros.length).toFixed(1)} us of processor each`); // prettier-ignore
  console.log(`resident, middle of each quarter: ${quarters.map((size) => size.toFixed(1)).join(', ')} MB; most ${Math.max(...looks).toFixed(1)}`); // prettier-ignore
  if (!(growth <= GROWTH_MB_MAX)) {
    console.log(`BUDGET MISSED: it grew by ${growth.toFixed(1)} MB, budget ${GROWTH_MB_MAX}`);
    process.exitCode = 1;
  }
} finally {
  await server.end();
}

function middle(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}
