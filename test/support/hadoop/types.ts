import type { Answer } from './command.ts';
import type { Daemon } from './daemon.ts';
import type { Sites } from './site.ts';

/**
 * `plain`: Hadoop 3.5, no Kerberos. `secured`: Hadoop 3.4 with Kerberos, TLS, encrypted RPC and block transfer, KMS
 * and HttpFS. `ha`: Hadoop 3.5 with two NameNodes and two ResourceManagers.
 */
export type Shape = 'plain' | 'secured' | 'ha';

export interface ClusterOptions {
  readonly shape: Shape;
  /** @default 2 */
  readonly nodeManagers?: number;
  /** Properties by file that add to or replace those of the shape, for all daemons and clients. */
  readonly properties?: Sites;
  /** Where everything lies until the cluster is closed; must not exist. @default a temporary folder */
  readonly folder?: string;
}

export type DaemonName =
  | ('namenode' | 'namenode2' | 'datanode' | 'resourcemanager' | 'resourcemanager2' | `nodemanager${number}`)
  | ('zookeeper' | 'failovercontroller' | 'failovercontroller2' | 'kms' | 'httpfs' | 'kdc');

export interface JavaOptions {
  /**
   * As whom: a user name while Kerberos is off, else the short name of a principal of the realm.
   * @default `hdfs`, the superuser of HDFS
   */
  readonly asUser?: string;
  /** False runs it in a secured cluster without a login. @default true */
  readonly ticket?: boolean;
  readonly input?: string;
  /** @default 120_000 */
  readonly timeoutMs?: number;
}

/** Real daemons of Hadoop on loopback, each a process of its own. All ends with `close` or with this process. */
export interface HadoopCluster {
  readonly shape: Shape;
  readonly hadoopVersion: string;
  /** Holds all data, logs and configuration: `logs/<daemon>.log`, `conf/<daemon>`. Gone after `close`. */
  readonly folder: string;
  /** Configuration of a client, as an edge node of the cluster has it. */
  readonly confDir: string;
  /** `http(s)://localhost:port`; in the shape `ha` two. */
  readonly nameNodeUrls: readonly string[];
  readonly resourceManagerUrls: readonly string[];
  /** In the order of their numbers; in the shapes without Kerberos each has a host of its own, `127.0.0.2` and on. */
  readonly nodeManagerUrls: readonly string[];
  /** What only the shape `secured` has. */
  readonly security?: ClusterSecurity;
  /** All daemons of the shape, in the order in which they start. */
  readonly daemons: readonly Daemon[];
  /** @throws Error when the shape has no such daemon */
  daemon(name: DaemonName): Daemon;
  /** FsShell as the superuser of HDFS. Returns its standard output. @throws Error with its words unless it exits with 0 */
  fs(...args: readonly string[]): Promise<string>;
  /** FsShell as somebody. */
  fsAs(user: string, ...args: readonly string[]): Promise<string>;
  /** Any main class of Hadoop with the configuration of {@link confDir}, e.g. `...yarn.client.cli.RMAdminCLI`. */
  java(mainClass: string, args: readonly string[], options?: JavaOptions): Promise<Answer>;
  /** Ends all daemons and containers, and removes the folder. */
  close(): Promise<void>;
}

export interface ClusterSecurity {
  readonly realm: string;
  readonly krb5Conf: string;
  /** PEM of the authority that signed every daemon's certificate. */
  readonly caFile: string;
  readonly httpFsUrl: string;
  readonly kmsUrl: string;
  /** Path of a file with the keys of one principal: `trainyard`, `alice`, `bob`, `hdfs`, `yarn`, `HTTP`, `httpfs`. */
  keytab(principalShortName: string): string;
  /** Runs commands of kadmin.local: `addprinc -randkey NAME`, `ktadd -k FILE -norandkey NAME`, ... */
  administer(...commands: readonly string[]): Promise<void>;
  /** An encrypted folder of HDFS that everybody may write. */
  readonly encryptionZone: string;
}
