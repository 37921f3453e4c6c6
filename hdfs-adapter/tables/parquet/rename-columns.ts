import { open } from 'node:fs/promises';
import { storeError } from '#object-store';
import { writeThrift, type ThriftStruct } from '#parquet';
import {
  FILE,
  GROUP,
  META,
  SCHEMA,
  footerBytes,
  items,
  metaDataOf,
  readFooter,
  structs,
  unexpected,
} from './footer.ts';

const TYPE_BINARY = 8;

/**
 * Gives the columns of a flat Parquet file their names, by position, by writing its footer anew. DuckDB cannot write
 * names that differ by case only, and no empty one; Parquet can.
 *
 * @throws DISK_FULL; INTERNAL
 */
export async function renameColumns(file: string, names: readonly string[]): Promise<void> {
  const { footer, dataEnd } = await readFooter(file);
  const columns = structs(footer, FILE.schema).slice(1);
  if (columns.length !== names.length) throw unexpected(`${columns.length} columns, not ${names.length}`);
  const texts = names.map((name) => Buffer.from(name));
  columns.forEach((column, index) => setName(column, SCHEMA.name, texts[index]));
  for (const group of structs(footer, FILE.rowGroups)) {
    structs(group, GROUP.columns).forEach((chunk, index) => {
      const path = items(metaDataOf(chunk), META.path);
      const text = texts[index];
      if (path.length !== 1 || text === undefined) throw unexpected('a nested column');
      path[0] = text;
    });
  }
  const handle = await open(file, 'r+');
  try {
    const bytes = footerBytes(writeThrift(footer));
    await handle.truncate(dataEnd);
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await handle.write(bytes, at, bytes.length - at, dataEnd + at);
      at += bytesWritten;
    }
  } catch (err) {
    throw storeError(err, 'Naming columns', file);
  } finally {
    await handle.close();
  }
}

function setName(column: ThriftStruct, id: number, text: Buffer | undefined): void {
  if (text !== undefined) column.fields.set(id, { type: TYPE_BINARY, value: text });
}
