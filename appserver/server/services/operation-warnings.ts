import type { OperationWarning } from '#contracts';
import { clusterSecurity } from '#hadoop-auth';
import type { Config } from '#runtime';

/** What everybody should know of an installation, by its configuration. @throws HADOOP_CONFIG_INVALID */
export function warningsOf({
  compute,
  objectStore,
  hadoop,
}: Pick<Config, 'compute' | 'objectStore' | 'hadoop'>): readonly OperationWarning[] {
  const usesCluster = compute.driver === 'yarn' || objectStore.driver === 'hdfs';
  return usesCluster && clusterSecurity(hadoop) === 'simple' ? [UNSECURED] : [];
}

const UNSECURED: OperationWarning = {
  code: 'CLUSTER_UNSECURED',
  message:
    'The Hadoop cluster is unsecured: it runs without Kerberos, so whoever reaches it can act as anybody, and read and change all data and models there.',
};
