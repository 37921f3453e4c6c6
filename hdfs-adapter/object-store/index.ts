export { FileObjectStore } from './file-object-store.ts';
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
