import { AppError } from '#contracts';
import { encodeBytes, WritableReader } from './writable.ts';

/** A Hadoop token: who it speaks for, the proof, what kind it is and which service it is for. `password` is secret. */
export interface DelegationToken {
  readonly identifier: Uint8Array;
  readonly password: Uint8Array;
  readonly kind: string;
  readonly service: string;
}

/** What the identifier of an HDFS token says; anybody who holds the token can read it. */
export interface TokenIdentifier {
  readonly owner: string;
  readonly renewer: string;
  /** Who asked for it on behalf of the owner; '' for nobody. */
  readonly realUser: string;
  readonly issuedAt: Date;
  /** After this moment it cannot be renewed. */
  readonly expiresAt: Date;
  readonly sequenceNumber: number;
  readonly masterKeyId: number;
}

/**
 * Reads `Token.encodeToUrlString`: base64url without padding of
 * `bytes identifier, bytes password, text kind, text service`.
 *
 * @see org.apache.hadoop.security.token.Token
 * @throws HADOOP_TOKEN_FILE_INVALID
 */
export function parseToken(urlString: string): DelegationToken {
  if (!/^[A-Za-z0-9_-]+={0,2}$/.test(urlString))
    throw new AppError('HADOOP_TOKEN_FILE_INVALID', 'Delegation token: expected base64url text');
  const reader = new WritableReader(Buffer.from(urlString, 'base64url'), 'Delegation token');
  const token = readToken(reader);
  if (!reader.done) throw reader.broken('expected its end');
  return token;
}

/** `Token.encodeToUrlString` of a token: what `delegation=` and YARN's `credentials.tokens` carry. */
export function tokenToUrlString(token: DelegationToken): string {
  return Buffer.concat([
    encodeBytes(token.identifier),
    encodeBytes(token.password),
    encodeBytes(token.kind),
    encodeBytes(token.service),
  ]).toString('base64url');
}

/** The same token for another service, and of another kind where one is given: the proof stays valid. */
export function withService(token: DelegationToken, service: string, kind: string = token.kind): DelegationToken {
  return { ...token, service, kind };
}

/** One token as a `Writable`. */
export function readToken(reader: WritableReader): DelegationToken {
  return { identifier: reader.bytes(), password: reader.bytes(), kind: reader.text(), service: reader.text() };
}

/**
 * Reads the identifier of an HDFS token: `byte 0, text owner, renewer, realUser, vlong issueDate, maxDate (ms),
 * sequenceNumber, masterKeyId`. HttpFS and YARN use other layouts.
 *
 * @see AbstractDelegationTokenIdentifier
 * @throws HADOOP_TOKEN_FILE_INVALID
 */
export function parseTokenIdentifier(token: DelegationToken): TokenIdentifier {
  const reader = new WritableReader(token.identifier, `Identifier of the ${token.kind} token`);
  const version = reader.byte();
  if (version !== 0) throw reader.broken(`expected version 0, found ${version}`);
  return {
    owner: reader.text(),
    renewer: reader.text(),
    realUser: reader.text(),
    issuedAt: new Date(reader.vlong()),
    expiresAt: new Date(reader.vlong()),
    sequenceNumber: reader.vlong(),
    masterKeyId: reader.vlong(),
  };
}
