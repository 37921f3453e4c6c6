import { globSync } from 'node:fs';
import path from 'node:path';
import { HdfsSharing } from '#object-store';
import { systemClock, urlsForContainers, type Config, type Logger } from '#runtime';
import { listYarnPools, mostWantedBytes, type Database } from '#store';
import { JarSubmitter, type Submitter } from '#yarn';
import type { Duty } from '../duties/index.ts';
import { sharedAccess, type AttemptAccess, type TaskQueue } from '../queue/index.ts';
import type { Route } from '../route.ts';
import { applicationReconcilerDuty } from './application-reconciler.ts';
import { connectCluster, type Cluster } from './cluster.ts';
import { localCompute, yarnCompute, type Compute } from './compute.ts';
import { containerSize } from './container-size.ts';
import { poolControllerDuty } from './controller.ts';
import { hdfsAccess } from './hdfs-access.ts';
import { workerLaunch, type Launches, type LaunchOptions } from './launches.ts';
import { poolRoutes } from './routes.ts';
import { RuntimeFolder } from './runtime-files.ts';
import { chooseSubmitter } from './submitters.ts';
import { UserTokens } from './user-tokens.ts';
import { waitReasons } from './wait-reasons.ts';
import { ApplicationWatch } from './watch.ts';

export interface PoolsOptions {
  readonly config: Config;
  readonly database: Database;
  readonly logger: Logger;
  /** Names this installation among all that use the cluster. */
  readonly installationId: string;
}

/** Where tasks run, and what this app server has to do for it. */
export interface Pools {
  readonly compute: Compute;
  readonly access: AttemptAccess;
  /** HDFS as an end user; null where no cluster does the work. */
  readonly hdfsAs: HdfsAs | null;
  /** What this app server answers and does for pools. */
  serve(queue: TaskQueue): { readonly routes: readonly Route[]; readonly duties: readonly Duty[] };
  close(): Promise<void>;
}

/** A client of the cluster's HDFS that works in a user's name. */
export type HdfsAs = Cluster['hdfsAs'];

/** Tag of an installation's YARN applications: lower case, at most 100 characters. */
export const applicationTag = (installationId: string): string => `trainyard-${installationId}`.toLowerCase();

/** @throws CONFIG_INVALID, HADOOP_CONFIG_INVALID; the cluster itself is not asked yet */
export function openPools(options: PoolsOptions): Pools {
  if (options.config.compute.driver === 'yarn') return openYarnPools(options);
  return {
    compute: localCompute,
    access: sharedAccess,
    hdfsAs: null,
    serve: () => ({ routes: [], duties: [] }),
    close: () => Promise.resolve(),
  };
}

function openYarnPools({ config, database, logger, installationId }: PoolsOptions): Pools {
  const { yarn } = config;
  const clock = systemClock;
  const cluster = connectCluster(config.hadoop);
  const runtime = new RuntimeFolder(
    cluster.hdfs,
    yarn.runtimeDir,
    cluster.settings.defaultNameservice.authority,
    clock,
    config.server.caFile !== '',
  );
  const tag = applicationTag(installationId);
  const launch: LaunchOptions = {
    config,
    serverUrls: urlsForContainers(config),
    tag,
    serviceUser: cluster.serviceUser,
  };
  const launches: Launches = {
    async launchOf({ pool: poolName, maximum }) {
      const pool = (await listYarnPools(database)).find(({ name }) => name === poolName);
      if (pool === undefined) return null;
      const size = containerSize(yarn, await mostWantedBytes(database, pool.name), maximum);
      return workerLaunch(launch, pool, await runtime.files(), size);
    },
  };
  const submitterFor = submitters(config, cluster);
  const submit = { database, logger, config: yarn, cluster, runtime, launch, submitterFor };
  const access = accessOf(config, database, cluster);
  return {
    compute: yarnCompute(
      yarn,
      cluster.settings.configuration.get('yarn.http.policy') === 'HTTPS_ONLY' ? 'https' : 'http',
    ),
    access,
    hdfsAs: cluster.hdfsAs,
    serve: (queue) => ({
      routes: poolRoutes({ database, queue, logger, launches }),
      duties: [
        poolControllerDuty({
          config: yarn,
          queue: config.queue,
          submit,
          watch: new ApplicationWatch(cluster, yarn, clock),
          waits: waitReasons(cluster, yarn, clock),
        }),
        applicationReconcilerDuty(cluster, tag, yarn, clock),
      ],
    }),
    close: () => cluster.close(),
  };
}

/** In HDFS the platform's users are told apart; elsewhere all programs are one user. */
function accessOf({ objectStore, hadoop, retention }: Config, database: Database, cluster: Cluster): AttemptAccess {
  if (objectStore.driver !== 'hdfs') return sharedAccess;
  const { hdfs, serviceUser, hdfsAs, settings } = cluster;
  const sharing = new HdfsSharing(hdfs, objectStore.root, serviceUser, hdfsAs);
  const tokens = settings.security === 'simple' ? null : new UserTokens(cluster, hadoop.tokenRefreshMs, systemClock);
  return hdfsAccess(database, sharing, tokens, retention.binsBytesMax > 0);
}

function submitters({ yarn, hadoop }: Config, cluster: Cluster): (userName: string) => Submitter {
  const byUser = new Map<string, Submitter>();
  const jarFor = (userName: string): Submitter => {
    const jars = yarn.jarFolder === '' ? [] : globSync('*.jar', { cwd: yarn.jarFolder }).sort();
    const { folder, security } = cluster.settings;
    const login = security === 'simple' ? null : { principal: hadoop.principal, keytabFile: hadoop.keytab };
    const files = jars.map((jar) => path.join(yarn.jarFolder, jar));
    return new JarSubmitter({ jars: files, confDir: folder, login, user: userName });
  };
  return (userName) => {
    const known = byUser.get(userName) ?? chooseSubmitter(yarn.viaJar, cluster.managerFor(userName), jarFor(userName));
    byUser.set(userName, known);
    return known;
  };
}
