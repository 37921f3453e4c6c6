import path from 'node:path';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { runCommand, type Answer } from './command.ts';
import { createDaemon, type Daemon } from './daemon.ts';
import { MARK } from './keeper.ts';
import type { Library } from './library.ts';
import { javaHome } from './prerequisites.ts';
import { writeSites, type Sites } from './site.ts';

/** What all JVMs of a cluster share. */
export interface Bed {
  /** The cluster's folder. */
  readonly folder: string;
  readonly library: Library;
  /** Further arguments of every JVM. */
  readonly jvmArgs: readonly string[];
}

export interface JavaDaemonOptions {
  readonly name: string;
  readonly mainClass: string;
  readonly sites: Sites;
  /** Hadoop's name for the process while Kerberos is off; containers of a NodeManager have it too. */
  readonly user?: string;
  /** @default 256 */
  readonly heapMb?: number;
  readonly jvmArgs?: readonly string[];
  readonly args?: readonly string[];
  readonly ready: readonly RegExp[];
}

export interface ToolOptions {
  /** The whole configuration folder. */
  readonly confDir: string;
  /** Beside those of every JVM. */
  readonly env?: Readonly<Record<string, string>>;
  readonly jvmArgs?: readonly string[];
  readonly input?: string;
  readonly timeoutMs?: number;
}

/** Short start and little memory: many JVMs on few cores, none of which lives long. */
const LEAN = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-XX:-UsePerfData', '-Djava.net.preferIPv4Stack=true'];
/** Folders that the web servers demand and that the jar of hadoop-hdfs on Maven Central lacks. */
const WEB_APPS = ['hdfs', 'datanode', 'journal', 'secondary', 'static'];
/** Names of an installed Hadoop's folders: the default `yarn.application.classpath` finds the jars in containers. */
const HOMES = ['HADOOP_HOME', 'HADOOP_COMMON_HOME', 'HADOOP_HDFS_HOME', 'HADOOP_YARN_HOME', 'HADOOP_MAPRED_HOME'];

/** A JVM daemon with a configuration folder of its own; `conf/<name>`, `logs/<name>.log`, `logs/<name>.out`. */
export async function javaDaemon(bed: Bed, options: JavaDaemonOptions): Promise<Daemon> {
  const { name, mainClass, sites, user, heapMb = 256, jvmArgs = [], args = [], ready } = options;
  const confDir = await writeConfiguration(bed, name, sites);
  const logFile = path.join(bed.folder, 'logs', `${name}.log`);
  return createDaemon({
    name,
    command: path.join(javaHome(), 'bin/java'),
    args: [
      ...[
        ...LEAN,
        `-Xmx${heapMb}m`,
        '-Dtrainyard.appender=file',
        `-Dtrainyard.log=${logFile}`,
        `-Dproc_${name}`,
        `-Djava.io.tmpdir=${bed.folder}/tmp`,
      ],
      ...[...bed.jvmArgs, ...jvmArgs, '-cp', classPath(bed, confDir), mainClass, ...args],
    ],
    env: { ...environment(bed, confDir), ...(user === undefined ? {} : { HADOOP_USER_NAME: user }) },
    cwd: path.join(bed.folder, 'data'),
    logFile,
    outputFile: path.join(bed.folder, 'logs', `${name}.out`),
    ready,
  });
}

/** Writes `conf/<name>` and gives its path. */
export async function writeConfiguration(bed: Bed, name: string, sites: Sites): Promise<string> {
  const confDir = path.join(bed.folder, 'conf', name);
  await writeSites(confDir, sites);
  // HttpFS looks for a name of its own.
  for (const file of ['log4j.properties', 'httpfs-log4j.properties']) {
    await writeFile(path.join(confDir, file), LOGGING);
  }
  return confDir;
}

/** Runs one of Hadoop's command line tools; it logs warnings to its standard error. */
export async function javaTool(
  bed: Bed,
  mainClass: string,
  args: readonly string[],
  options: ToolOptions,
): Promise<Answer> {
  const { confDir, env = {}, jvmArgs = [], ...rest } = options;
  const flags = [...LEAN, '-Xmx256m', '-Dtrainyard.level=WARN'];
  return runCommand(
    path.join(javaHome(), 'bin/java'),
    [...flags, ...bed.jvmArgs, ...jvmArgs, '-cp', classPath(bed, confDir), mainClass, ...args],
    { cwd: bed.folder, env: { ...environment(bed, confDir), ...env }, ...rest },
  );
}

/** Makes the folders that daemons expect: `data`, `logs`, `conf`, `tmp`, and `home` as an installed Hadoop has it. */
export async function layFolders({ folder, library }: Bed): Promise<void> {
  const share = path.join(folder, 'home/share/hadoop');
  for (const name of ['data', 'logs', 'conf', 'tmp']) await mkdir(path.join(folder, name));
  await mkdir(share, { recursive: true });
  for (const name of ['common', 'hdfs', 'yarn', 'mapreduce']) await symlink(library.folder, path.join(share, name));
  for (const name of WEB_APPS) {
    const webInf = path.join(folder, 'home/web/webapps', name, 'WEB-INF');
    await mkdir(webInf, { recursive: true });
    await writeFile(path.join(webInf, 'web.xml'), '<web-app/>');
  }
}

function classPath(bed: Bed, confDir: string): string {
  return [confDir, path.join(bed.folder, 'home/web'), `${bed.library.folder}/*`].join(':');
}

function environment(bed: Bed, confDir: string): Record<string, string> {
  const home = path.join(bed.folder, 'home');
  return {
    PATH: process.env['PATH'] ?? '/usr/bin:/bin',
    HOME: bed.folder,
    LANG: 'C.UTF-8',
    JAVA_HOME: javaHome(),
    HADOOP_CONF_DIR: confDir,
    ...Object.fromEntries(HOMES.map((name) => [name, home])),
    [MARK]: bed.folder,
  };
}

/** Programs in containers that have a NodeManager's configuration on their class path log to standard error. */
const LOGGING = `trainyard.appender=console
trainyard.level=INFO
log4j.rootLogger=\${trainyard.level},\${trainyard.appender}
log4j.appender.file=org.apache.log4j.RollingFileAppender
log4j.appender.file.File=\${trainyard.log}
log4j.appender.file.MaxFileSize=20MB
log4j.appender.file.MaxBackupIndex=2
log4j.appender.file.layout=org.apache.log4j.PatternLayout
log4j.appender.file.layout.ConversionPattern=%d{ISO8601} %p %c{2}: %m%n
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%p %c{2}: %m%n
`;
