export {
  isList,
  isStruct,
  readThrift,
  writeThrift,
  type ThriftList,
  type ThriftStruct,
  type ThriftValue,
} from './thrift-compact.ts';
export { writeParquet, type ParquetColumn, type ParquetKind } from './write-parquet.ts';
