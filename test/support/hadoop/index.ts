export { prepareHadoop, sharedHadoopCluster, startHadoopCluster } from './cluster.ts';
export type { Answer } from './command.ts';
export type { Daemon } from './daemon.ts';
export { processesOf as clusterProcesses } from './keeper.ts';
export { MissingPrerequisite } from './prerequisites.ts';
export type { Properties, SiteName, Sites } from './site.ts';
export type { ClusterOptions, ClusterSecurity, DaemonName, HadoopCluster, JavaOptions, Shape } from './types.ts';
