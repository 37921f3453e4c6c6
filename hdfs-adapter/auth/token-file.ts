import { readFileSync } from 'node:fs';
import { AppError } from '#contracts';
import { readToken, type DelegationToken } from './delegation-token.ts';
import { WritableReader } from './writable.ts';

/** Tokens and secrets that a job was started with, by their alias. All values are secret. */
export interface TokenFile {
  readonly tokens: ReadonlyMap<string, DelegationToken>;
  readonly secrets: ReadonlyMap<string, Uint8Array>;
}

/** Alias of the secret with which workers register at the app server. */
export const POOL_SECRET_ALIAS = 'trainyard.pool';
/** Kinds of tokens that a NameNode accepts in `delegation=`. */
const HDFS_KINDS: readonly string[] = ['HDFS_DELEGATION_TOKEN', 'WEBHDFS delegation', 'SWEBHDFS delegation'];
const MAGIC = 'HDTS';
const WRITABLE = 0;
const PROTOBUF = 1;
const LENGTH_DELIMITED = 2;

/**
 * Reads a token storage file, as YARN puts it into a container and `hdfs fetchdt` writes it.
 *
 * ```text
 * file       = "HDTS" version
 * version 0  : vlong n, n * (text alias, token), vlong m, m * (text alias, bytes secret)
 * version 1  : varint length, CredentialsProto { 1: repeated KV tokens, 2: repeated KV secrets }
 * KV         = { 1: alias, 2: TokenProto { 1: identifier, 2: password, 3: kind, 4: service }, 3: secret }
 * ```
 *
 * @see org.apache.hadoop.security.Credentials, Security.proto
 * @throws HADOOP_TOKEN_FILE_INVALID
 */
export function parseTokenFile(bytes: Uint8Array, name: string): TokenFile {
  const reader = new WritableReader(bytes, `Token file ${name}`);
  if (bytes.length < MAGIC.length + 1 || reader.take(MAGIC.length).toString('latin1') !== MAGIC)
    throw reader.broken(`expected ${MAGIC}, the mark of a token file`);
  const version = reader.byte();
  if (version === WRITABLE) return readWritable(reader);
  if (version === PROTOBUF) return readProtobuf(new WritableReader(reader.take(reader.varint()), `Token file ${name}`));
  throw reader.broken(`expected version 0 or 1, found ${version}`);
}

/**
 * Tokens and secrets of this container, from the file that HADOOP_TOKEN_FILE_LOCATION names; null outside a container.
 *
 * @throws HADOOP_TOKEN_FILE_INVALID
 */
export function readContainerTokens(env: Readonly<Record<string, string | undefined>>): TokenFile | null {
  const file = env['HADOOP_TOKEN_FILE_LOCATION'] ?? '';
  if (file === '') return null;
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch (err) {
    throw new AppError('HADOOP_TOKEN_FILE_INVALID', `Token file ${file} (HADOOP_TOKEN_FILE_LOCATION): cannot be read`, {
      cause: err,
      details: { file },
    });
  }
  return parseTokenFile(bytes, file);
}

/** The first token that a NameNode accepts, or null. */
export function findHdfsToken(file: TokenFile): DelegationToken | null {
  return [...file.tokens.values()].find(({ kind }) => HDFS_KINDS.includes(kind)) ?? null;
}

function readWritable(reader: WritableReader): TokenFile {
  const tokens = new Map<string, DelegationToken>();
  const secrets = new Map<string, Uint8Array>();
  for (let left = reader.vlong(); left > 0; left -= 1) tokens.set(reader.text(), readToken(reader));
  for (let left = reader.vlong(); left > 0; left -= 1) secrets.set(reader.text(), reader.bytes());
  return { tokens, secrets };
}

function readProtobuf(reader: WritableReader): TokenFile {
  const tokens = new Map<string, DelegationToken>();
  const secrets = new Map<string, Uint8Array>();
  for (const [field, bytes] of fieldsOf(reader)) {
    const entry = message(bytes);
    const alias = textOf(entry, 1);
    if (field === 1) tokens.set(alias, tokenOf(message(entry.get(2) ?? Buffer.alloc(0))));
    else if (field === 2) secrets.set(alias, entry.get(3) ?? Buffer.alloc(0));
  }
  return { tokens, secrets };
}

function tokenOf(fields: ReadonlyMap<number, Buffer>): DelegationToken {
  const bytes = (field: number): Buffer => fields.get(field) ?? Buffer.alloc(0);
  return { identifier: bytes(1), password: bytes(2), kind: textOf(fields, 3), service: textOf(fields, 4) };
}

function textOf(fields: ReadonlyMap<number, Buffer>, field: number): string {
  return fields.get(field)?.toString('utf8') ?? '';
}

function message(bytes: Buffer): ReadonlyMap<number, Buffer> {
  return new Map(fieldsOf(new WritableReader(bytes, 'Token file entry')));
}

function* fieldsOf(reader: WritableReader): Generator<[number, Buffer]> {
  while (!reader.done) {
    const tag = reader.varint();
    if ((tag & 7) !== LENGTH_DELIMITED) throw reader.broken(`expected wire type 2, found ${tag & 7}`);
    yield [tag >>> 3, reader.take(reader.varint())];
  }
}
