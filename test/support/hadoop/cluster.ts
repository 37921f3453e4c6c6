import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { tailOf, type Answer } from './command.ts';
import { haShape } from './ha.ts';
import { javaTool, layFolders, writeConfiguration, type Bed } from './jvm.ts';
import { startKeeper } from './keeper.ts';
import { kerberosPrograms } from './kerberos-programs.ts';
import { hadoopLibrary, type Library } from './library.ts';
import { plainShape } from './plain.ts';
import { reservePorts, type PortBlock } from './ports.ts';
import { requireProgram } from './prerequisites.ts';
import { securedShape } from './secured.ts';
import type { ShapeInput, ShapePlan } from './shape.ts';
import type { Sites } from './site.ts';
import type { ClusterOptions, DaemonName, HadoopCluster, JavaOptions, Shape } from './types.ts';
import { endApplications } from './yarn-rest.ts';

type ShapeBuilder = (bed: Bed, ports: PortBlock, input: ShapeInput) => Promise<ShapePlan>;

const BUILDERS: Readonly<Record<Shape, ShapeBuilder>> = {
  plain: plainShape,
  secured: securedShape,
  ha: haShape,
};
const SUPERUSER = 'hdfs';

/**
 * Starts a cluster of real daemons on free loopback ports, with everything in one folder. It ends with `close()` or
 * with this process, however that ends.
 * @throws MissingPrerequisite
 * @throws Error with the end of the log of the daemon that did not start
 */
export async function startHadoopCluster(options: ClusterOptions): Promise<HadoopCluster> {
  const { shape, nodeManagers = 2, properties = {} } = options;
  const library = await prepareHadoop(shape);
  const ports = await reservePorts();
  const folder = await makeFolder(options.folder);
  const keeper = startKeeper(folder);
  const close = async (): Promise<void> => {
    await keeper.close();
    await ports.close();
  };
  try {
    const bed: Bed = { folder, library, jvmArgs: [] };
    await layFolders(bed);
    await writeFile(path.join(folder, 'conf/nodes.exclude'), '');
    const plan = await BUILDERS[shape](bed, ports, { nodeManagers, properties });
    const confDir = await writeConfiguration(bed, 'client', clientSites(plan));
    const cluster = handle({ shape, plan, confDir, close });
    await plan.start(async (mainClass, ...args) => {
      const { code, stderr } = await cluster.java(mainClass, args);
      if (code !== 0) throw new Error(`${mainClass} ${args.join(' ')} ended with ${String(code)}\n${tailOf(stderr)}`);
    });
    const dead = plan.daemons.filter((daemon) => !daemon.isRunning).map(({ name }) => name);
    if (dead.length > 0) throw new Error(`ended while the others were starting: ${dead.join(', ')}`);
    return cluster;
  } catch (err) {
    await close();
    throw err;
  }
}

/**
 * Brings what the shape needs from outside into the cache, unless it is there; says so on standard error.
 * @throws MissingPrerequisite
 */
export async function prepareHadoop(shape: Shape): Promise<Library> {
  requireProgram('java');
  if (shape !== 'secured') return hadoopLibrary('plain');
  for (const name of ['keytool', 'openssl', 'curl'] as const) requireProgram(name);
  await kerberosPrograms();
  return hadoopLibrary('secured');
}

async function makeFolder(wanted: string | undefined): Promise<string> {
  if (wanted === undefined) return mkdtemp(path.join(os.tmpdir(), 'trainyard-hadoop-'));
  await mkdir(path.dirname(wanted), { recursive: true });
  await mkdir(wanted);
  return wanted;
}

/** Nothing of the daemons' own: no folders of theirs, no scheduler, no keys. */
function clientSites({ client }: ShapePlan): Sites {
  const names = ['core-site', 'hdfs-site', 'yarn-site', 'ssl-client'] as const;
  return Object.fromEntries(names.flatMap((name) => (client[name] === undefined ? [] : [[name, client[name]]])));
}

interface Parts {
  readonly shape: Shape;
  readonly plan: ShapePlan;
  readonly confDir: string;
  readonly close: () => Promise<void>;
}

function handle({ shape, plan, confDir, close }: Parts): HadoopCluster {
  const { bed } = plan;
  const java = async (mainClass: string, args: readonly string[], options: JavaOptions = {}): Promise<Answer> => {
    const { asUser = SUPERUSER, ticket = true, ...rest } = options;
    const identity = ticket ? await plan.identity(asUser) : {};
    return javaTool(bed, mainClass, args, { confDir, ...identity, ...rest });
  };
  const fsAs = async (user: string, ...args: readonly string[]): Promise<string> => {
    const answer = await java('org.apache.hadoop.fs.FsShell', args, { asUser: user });
    if (answer.code === 0) return answer.stdout;
    throw new Error(`FsShell ${args.join(' ')} as ${user} ended with ${String(answer.code)}\n${tailOf(answer.stderr)}`);
  };
  return {
    shape,
    hadoopVersion: bed.library.hadoopVersion,
    folder: bed.folder,
    confDir,
    nameNodeUrls: plan.nameNodeUrls,
    resourceManagerUrls: plan.resourceManagerUrls,
    nodeManagerUrls: plan.nodeManagerUrls,
    ...(plan.security === undefined ? {} : { security: plan.security }),
    daemons: plan.daemons,
    daemon(name: DaemonName) {
      const found = plan.daemons.find((daemon) => daemon.name === name);
      if (found !== undefined) return found;
      const names = plan.daemons.map((daemon) => daemon.name).join(', ');
      throw new Error(`a ${shape} cluster has no daemon ${name}; it has ${names}`);
    },
    fs: (...args) => fsAs(SUPERUSER, ...args),
    fsAs,
    java,
    close,
  };
}

const shared = new Map<Shape, Promise<HadoopCluster>>();

/**
 * The one cluster of a shape that all tests of this process share; the first call starts it, the end of the process
 * ends it. A test leaves it as it was: what it killed it starts again, and its files have names of their own. One that
 * failed may leave applications, which take room and stand in the way of others: without Kerberos they are ended here.
 */
export async function sharedHadoopCluster(shape: Shape): Promise<HadoopCluster> {
  const known = shared.get(shape);
  if (known === undefined) {
    const started = startHadoopCluster({ shape });
    shared.set(shape, started);
    return started;
  }
  const cluster = await known;
  if (shape !== 'secured') {
    const left = await endApplications(cluster.resourceManagerUrls[0] ?? '');
    if (left.length > 0) console.log(`left by tests before, and ended: ${left.join(', ')}`);
  }
  return cluster;
}
