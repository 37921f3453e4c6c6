import { Readable } from 'node:stream';
import { crc32 } from 'node:zlib';
import { AppError } from '#contracts';

/** A file of an archive. Its bytes are read twice: once for the checksum that the header needs, once to be sent. */
export interface ZipEntry {
  /** ASCII without folders. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly read: () => AsyncIterable<Uint8Array>;
}

/** Sizes and offsets are 32 bits wide without the ZIP64 extension. */
const ZIP_BYTES_MAX = 0xffff_ffff;
const LOCAL_HEADER_BYTES = 30;
const CENTRAL_HEADER_BYTES = 46;
const END_BYTES = 22;
/** 1 January 1980, so that equal files give equal archives. */
const DOS_DATE = 0x0021;
const VERSION_NEEDED = 20;

/**
 * An archive of stored (uncompressed) files as a stream of known length. Memory is bounded by a chunk.
 *
 * @see PKWARE APPNOTE 6.3.10, sections 4.3.7, 4.3.12, 4.3.16
 * @throws BODY_TOO_LARGE beyond 4 GiB
 */
export async function zipStream(entries: readonly ZipEntry[]): Promise<{ stream: Readable; sizeBytes: number }> {
  let sizeBytes = END_BYTES;
  for (const { name, sizeBytes: size } of entries)
    sizeBytes += LOCAL_HEADER_BYTES + CENTRAL_HEADER_BYTES + 2 * Buffer.byteLength(name) + size;
  if (sizeBytes > ZIP_BYTES_MAX)
    throw new AppError('BODY_TOO_LARGE', `archive: ${sizeBytes} bytes; expected at most ${ZIP_BYTES_MAX}`);
  const checksums: number[] = [];
  for (const entry of entries) checksums.push(await checksumOf(entry));
  return { stream: Readable.from(pieces(entries, checksums), { objectMode: false }), sizeBytes };
}

async function checksumOf(entry: ZipEntry): Promise<number> {
  let checksum = 0;
  for await (const chunk of entry.read()) checksum = crc32(chunk, checksum);
  return checksum;
}

async function* pieces(entries: readonly ZipEntry[], checksums: readonly number[]): AsyncGenerator<Uint8Array> {
  const central: Buffer[] = [];
  let offset = 0;
  for (const [index, entry] of entries.entries()) {
    const checksum = checksums[index] ?? 0;
    const local = localHeader(entry, checksum);
    central.push(centralHeader(entry, checksum, offset));
    yield local;
    yield* entry.read();
    offset += local.length + entry.sizeBytes;
  }
  const directory = Buffer.concat(central);
  yield directory;
  yield endRecord(entries.length, directory.length, offset);
}

/** Fields that local and central headers share, from "version needed" to "extra field length". */
function commonFields({ name, sizeBytes }: ZipEntry, checksum: number): Buffer {
  const fields = Buffer.alloc(26);
  fields.writeUInt16LE(VERSION_NEEDED, 0);
  fields.writeUInt16LE(DOS_DATE, 8);
  fields.writeUInt32LE(checksum, 10);
  fields.writeUInt32LE(sizeBytes, 14);
  fields.writeUInt32LE(sizeBytes, 18);
  fields.writeUInt16LE(Buffer.byteLength(name), 22);
  return fields;
}

function localHeader(entry: ZipEntry, checksum: number): Buffer {
  return Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), commonFields(entry, checksum), Buffer.from(entry.name)]);
}

function centralHeader(entry: ZipEntry, checksum: number, offset: number): Buffer {
  const made = Buffer.alloc(2);
  made.writeUInt16LE(VERSION_NEEDED);
  const tail = Buffer.alloc(14);
  tail.writeUInt32LE(offset, 10);
  const signature = Buffer.from('PK\x01\x02', 'latin1');
  return Buffer.concat([signature, made, commonFields(entry, checksum), tail, Buffer.from(entry.name)]);
}

function endRecord(count: number, directoryBytes: number, offset: number): Buffer {
  const end = Buffer.alloc(END_BYTES);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(count, 8);
  end.writeUInt16LE(count, 10);
  end.writeUInt32LE(directoryBytes, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}
