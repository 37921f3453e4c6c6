export type { HdfsAccess } from './access.ts';
export { openWebHdfs } from './connect.ts';
export type { ContentSummary, FileStatus } from './file-status.ts';
export { parseHdfsPath } from './hdfs-path.ts';
export type { OpenOptions } from './read-file.ts';
export type { RetryBudget } from './retry.ts';
export { WebHdfsClient, type CreateOptions, type HdfsCallOptions, type WebHdfsOptions } from './webhdfs-client.ts';
export type { FileBody } from './write-file.ts';
