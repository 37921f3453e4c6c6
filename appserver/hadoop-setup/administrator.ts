import { connectHadoop } from '#hadoop-auth';
import type { Config } from '#runtime';
import { openWebHdfs, type WebHdfsClient } from '#webhdfs';

/** Who makes and removes folders where the service may not. */
export interface AdministratorOptions {
  /** Of a cluster without Kerberos; '' for none. */
  readonly adminUser: string;
  /** With Kerberos; '' for none. */
  readonly adminKeytab: string;
  readonly adminPrincipal: string;
}

export interface Administrator {
  readonly hdfs: WebHdfsClient;
  close(): Promise<void>;
}

/** HDFS as the administrator; null where none is named. @throws KERBEROS_LOGIN_FAILED, HADOOP_CONFIG_INVALID */
export function openAdministrator(
  hadoop: Config['hadoop'],
  { adminUser, adminKeytab, adminPrincipal }: AdministratorOptions,
): Administrator | null {
  if (adminUser === '' && adminKeytab === '') return null;
  const asAdmin = { ...hadoop, user: adminUser, keytab: adminKeytab, principal: adminPrincipal };
  const connection = connectHadoop(asAdmin);
  const hdfs = openWebHdfs(connection, asAdmin);
  return {
    hdfs,
    async close() {
      await hdfs.close();
      connection.close();
    },
  };
}
