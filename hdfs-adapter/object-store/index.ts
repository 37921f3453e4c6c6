export { BINS_INDEX, BINS_ROOT, BINS_USED, binObjectOf, binsFolder, projectBins } from './bins-folder.ts';
export { FileObjectStore } from './file-object-store.ts';
export { HdfsSharing } from './hdfs-sharing.ts';
export { HdfsObjectStore } from './hdfs-object-store.ts';
export { openObjectStore, type OpenedObjectStore } from './open-object-store.ts';
export { readBytes } from './read-bytes.ts';
export { storeTokens, type StoreTokens } from './store-tokens.ts';
export { storeError } from './file-errors.ts';
export { PATH_LENGTH_MAX, SEGMENT_LENGTH_MAX, parseObjectPath, parseObjectPrefix } from './object-path.ts';
export type {
  CallOptions,
  ListOptions,
  ObjectBody,
  ObjectEntry,
  ObjectStat,
  ObjectStore,
  ReadOptions,
  WrittenObject,
} from './object-store.ts';
