import { connectHadoop } from '#hadoop-auth';
import type { Config } from '#runtime';
import { openWebHdfs, type HdfsAccess } from '#webhdfs';
import { FileObjectStore } from './file-object-store.ts';
import { HdfsObjectStore } from './hdfs-object-store.ts';
import type { ObjectStore } from './object-store.ts';

export interface OpenedObjectStore {
  readonly store: ObjectStore;
  /** Closes connections, and cancels tokens that were taken out for them. */
  close(): Promise<void>;
}

/**
 * The object store of a configuration.
 *
 * @param access as whom to work in HDFS; by default the service, or in a container the owner of its token
 * @throws CONFIG_INVALID, HADOOP_CONFIG_INVALID, KERBEROS_LOGIN_FAILED, HADOOP_TOKEN_FILE_INVALID
 */
export function openObjectStore(
  { objectStore, hadoop }: Pick<Config, 'objectStore' | 'hadoop'>,
  access?: HdfsAccess,
): OpenedObjectStore {
  switch (objectStore.driver) {
    case 'file':
      return { store: new FileObjectStore(objectStore.root), close: () => Promise.resolve() };
    case 'hdfs': {
      const connection = connectHadoop(hadoop);
      const client = openWebHdfs(connection, hadoop, access);
      const close = async (): Promise<void> => {
        await client.close();
        connection.close();
      };
      return { store: new HdfsObjectStore(client, objectStore.root), close };
    }
  }
}
