import { writeFileSync } from 'node:fs';
import type { BatchSource, DatasetOptions, RegisteredFile, StoredTable } from '#contracts';
import {
  DEFAULT_INGEST_LIMITS,
  openInPlace,
  registerInPlace,
  type IngestLimits,
  type InPlaceFiles,
  type OpenInPlaceOptions,
  type RegisteredTable,
} from '#tables';
import { LocalFiles } from './local-files.ts';
import type { TableLab } from './tables.ts';

/** A text file of a dataset: its bytes, and what its name ends in. */
export interface TextFile {
  readonly content: string | Uint8Array;
  readonly extension?: string;
  readonly partition?: NonNullable<RegisteredFile['partition']>;
}

export interface InPlaceSettings {
  readonly format?: 'csv' | 'tsv';
  readonly options?: DatasetOptions;
  readonly pieceBytes?: number;
  readonly files?: InPlaceFiles;
  readonly limits?: Partial<IngestLimits>;
}

let count = 0;

/** Writes files into the lab, as they are registered. */
export function writtenTexts(lab: TableLab, texts: readonly (TextFile | string)[]): RegisteredFile[] {
  return texts.map((text) => {
    const { content, extension = 'csv', partition } = typeof text === 'string' ? { content: text } : text;
    count += 1;
    const path = lab.at('in', `text-${count}.${extension}`);
    writeFileSync(path, content);
    const file = LocalFiles.registered(path);
    return partition === undefined ? file : { ...file, partition };
  });
}

/** Registers text files in place. */
export function registerTexts(
  lab: TableLab,
  registered: readonly RegisteredFile[],
  { format = 'csv', options = {}, pieceBytes = 1e9, files = new LocalFiles(), limits = {} }: InPlaceSettings = {},
): Promise<RegisteredTable> {
  return registerInPlace({
    ...{ registered, format, options, files, pieceBytes },
    duckdb: lab.duckdb,
    scratchDirectory: lab.at('scratch'),
    limits: { ...DEFAULT_INGEST_LIMITS, ...limits },
  });
}

/** The table of files in place. */
export function openTexts(
  lab: TableLab,
  table: StoredTable,
  options: Partial<Pick<OpenInPlaceOptions, 'pieceBytes' | 'files' | 'batchRows'>> = {},
): BatchSource {
  const place = { duckdb: lab.duckdb, scratchDirectory: lab.at('scratch') };
  return openInPlace(table, { files: new LocalFiles(), pieceBytes: 1e9, ...place, ...options });
}
