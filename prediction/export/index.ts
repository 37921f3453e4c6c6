export { exportedFile, parityFiles, rowsFor, type ExportedFile, type ExportWish } from './homes.ts';
export { portableModel, type PortableModel } from './model/portable-model.ts';
export { writeOnnx } from './onnx/write-onnx.ts';
export { compareParity, PARITY_BOUND, type MeasuredRow, type ParityFacts } from './parity/compare.ts';
export { measuredRows } from './parity/measured.ts';
export { parityRows, type ParityRows } from './parity/parity-rows.ts';
export { sqlParity } from './parity/sql-parity.ts';
export { quotedTable, writeSql } from './sql/write-sql.ts';
