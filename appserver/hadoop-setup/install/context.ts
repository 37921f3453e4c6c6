import type { WebHdfsClient } from '#webhdfs';
import type { Places } from '../places.ts';

/** Whose hands install and uninstall, and where. */
export interface InstallContext {
  /** HDFS as the service, which owns what is installed. */
  readonly hdfs: WebHdfsClient;
  readonly serviceUser: string;
  /** HDFS as somebody who may make folders where the service may not; null: the service makes them. */
  readonly admin: WebHdfsClient | null;
  readonly places: Places;
  readonly signal?: AbortSignal | undefined;
}
