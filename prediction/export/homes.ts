import { EXPORT_TABLE, type ExportHome } from '#contracts';
import type { Scorer } from '#scoring';
import type { PortableModel } from './model/portable-model.ts';
import { writeOnnx } from './onnx/write-onnx.ts';
import type { Cell } from './parity/edge-cells.ts';
import { ONNX_FILES, ONNX_PROGRAM } from './parity/onnx-program.ts';
import { isOnnxRow, onnxRows } from './parity/onnx-parity.ts';
import { parityRows, type ParityRows } from './parity/parity-rows.ts';
import { sqlParity } from './parity/sql-parity.ts';
import { quotedTable, writeSql } from './sql/write-sql.ts';

/** Which export is asked for; the table and what is kept of it are asked of SQL only. */
export interface ExportWish {
  readonly home: ExportHome;
  /** Of the program that writes it. */
  readonly version: string;
  readonly table?: string;
  readonly keep?: readonly string[];
}

export interface ExportedFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** The one file that predicts at a home. @throws EXPORT_UNSUPPORTED */
export function exportedFile(model: PortableModel, { home, version, table, keep = [] }: ExportWish): ExportedFile {
  if (home === 'onnx') return { name: ONNX_FILES.model, bytes: writeOnnx(model, version) };
  const source = quotedTable(table ?? EXPORT_TABLE, home);
  return { name: 'model.sql', bytes: utf8(writeSql(model, home, { source, keep })) };
}

/** The rows that a home is compared on. @param data rows of the dataset, by feature index */
export const rowsFor = (
  home: ExportHome,
  model: PortableModel,
  scorer: Scorer,
  data: readonly (readonly Cell[])[],
): ParityRows => parityRows(model, scorer, data, home === 'onnx' ? isOnnxRow(model) : undefined);

/** All that is needed to have a home predict the rows. @throws EXPORT_UNSUPPORTED */
export function parityFiles(model: PortableModel, wish: ExportWish, rows: ParityRows): ExportedFile[] {
  const { home } = wish;
  const file = exportedFile(model, wish);
  if (home === 'onnx')
    return [
      file,
      { name: ONNX_FILES.rows, bytes: utf8(JSON.stringify(onnxRows(model, rows))) },
      { name: ONNX_FILES.program, bytes: utf8(ONNX_PROGRAM) },
    ];
  return [file, { name: 'parity.sql', bytes: utf8(sqlParity(model, home, rows)) }];
}

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
