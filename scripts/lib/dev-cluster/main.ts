import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import {
  clusterProcesses,
  MissingPrerequisite,
  prepareHadoop,
  type Shape,
} from '../../../test/support/hadoop/index.ts';
import { isAlive, until } from '../../../test/support/processes.ts';
import { describeCluster, describeDaemons } from './describe.ts';
import { holderOf, placesOf, readState, removeState, SHAPE_NAMES, type ClusterState } from './state.ts';

const USAGE = `Usage: scripts/dev-cluster up|down|status [--secure|--ha]

Runs a real Hadoop cluster on this machine, in the background, on free loopback ports, and says how to use it.

  up        starts it (about 15 s, the first time a minute more) and prints its addresses
  status    prints them again, and its daemons; exit code 1 when it is not up
  down      ends it and removes its data

  --secure  Kerberos, TLS, encryption zone, HttpFS (Hadoop 3.4) in place of a plain cluster (Hadoop 3.5)
  --ha      two NameNodes and two ResourceManagers that fail over by themselves (Hadoop 3.5)
  --help

One cluster of each kind may be up. Exit code 2 names what the machine lacks.`;

const PREREQUISITE_EXIT = 2;
const USAGE_EXIT = 64;
const START_LIMIT_MS = 180_000;
const LEAVE_LIMIT_MS = 5_000;
const STOP_LIMIT_MS = 30_000;

class UsageError extends Error {}

interface Request {
  readonly command: 'up' | 'down' | 'status';
  readonly shape: Shape;
}

function readRequest(): Request | null {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      secure: { type: 'boolean', default: false },
      ha: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return null;
  const [command, ...rest] = positionals;
  if (rest.length > 0 || (command !== 'up' && command !== 'down' && command !== 'status')) {
    throw new UsageError(`expected up, down or status, found ${positionals.join(' ') || 'nothing'}`);
  }
  if (values.secure && values.ha) throw new UsageError('--secure and --ha do not go together');
  return { command, shape: values.secure ? 'secured' : values.ha ? 'ha' : 'plain' };
}

async function up(shape: Shape): Promise<void> {
  const { folder, clusterFolder, holderLog } = placesOf(shape);
  if (readState(shape) !== null) {
    throw new Error(`the ${SHAPE_NAMES[shape]} cluster is up already; "status" shows it, "down" ends it`);
  }
  await prepareHadoop(shape);
  removeState(shape);
  await removeRest(clusterFolder);
  mkdirSync(folder, { recursive: true });
  console.error(`starting a ${SHAPE_NAMES[shape]} Hadoop cluster`);
  const state = await started(shape, startHolder(shape, holderLog));
  console.log(describeCluster(shape, state));
}

/** A cluster that has just ended removes its folder itself; one that the machine's end has ended could not. */
async function removeRest(clusterFolder: string): Promise<void> {
  const isGone = (): boolean => !existsSync(clusterFolder);
  await until('the end of the cluster before', isGone, LEAVE_LIMIT_MS).catch(() => undefined);
  if (clusterProcesses(clusterFolder).length > 0) throw new Error(`processes of ${clusterFolder} do not end`);
  rmSync(clusterFolder, { recursive: true, force: true });
}

function startHolder(shape: Shape, log: string): number | undefined {
  const output = openSync(log, 'w');
  const program = path.join(import.meta.dirname, 'holder.ts');
  const child = spawn(process.execPath, [program, shape], {
    cwd: '/',
    stdio: ['ignore', output, output],
    detached: true,
  });
  child.unref();
  closeSync(output);
  return child.pid;
}

/** Waits for the holder's news. It writes its state before anything else. */
async function started(shape: Shape, pid: number | undefined): Promise<ClusterState> {
  const { holderLog } = placesOf(shape);
  const holder = holderOf(pid);
  return until(
    `the ${SHAPE_NAMES[shape]} cluster; see ${holderLog}`,
    () => {
      const state = readState(shape);
      if (state?.cluster !== undefined && state.holder.pid === pid) return state;
      if (!isAlive(holder)) throw new Error(readFileSync(holderLog, 'utf8').trim());
      return null;
    },
    START_LIMIT_MS,
  );
}

async function down(shape: Shape): Promise<void> {
  const state = readState(shape);
  if (state === null) throw new Error(`the ${SHAPE_NAMES[shape]} cluster is not up`);
  const { clusterFolder } = placesOf(shape);
  process.kill(state.holder.pid, 'SIGTERM');
  const isGone = (): boolean => !isAlive(state.holder) && !existsSync(clusterFolder);
  await until('the end of all its processes', isGone, STOP_LIMIT_MS);
  removeState(shape);
  console.log(`the ${SHAPE_NAMES[shape]} cluster is down and its data is removed`);
}

function status(shape: Shape): void {
  const state = readState(shape);
  if (state === null) {
    console.log(`the ${SHAPE_NAMES[shape]} cluster is not up`);
    process.exitCode = 1;
    return;
  }
  console.log(
    state.cluster === undefined ? `the ${SHAPE_NAMES[shape]} cluster is starting` : describeCluster(shape, state),
  );
  console.log(describeDaemons(clusterProcesses(placesOf(shape).clusterFolder)));
}

try {
  const request = readRequest();
  if (request === null) console.log(USAGE);
  else if (request.command === 'up') await up(request.shape);
  else if (request.command === 'down') await down(request.shape);
  else status(request.shape);
} catch (err) {
  const isUsage = err instanceof UsageError || (err instanceof TypeError && 'code' in err);
  console.error(err instanceof Error ? err.message : err);
  if (isUsage) console.error(USAGE);
  process.exitCode = isUsage ? USAGE_EXIT : err instanceof MissingPrerequisite ? PREREQUISITE_EXIT : 1;
}
