import { findHdfsToken, readContainerTokens, tokenToUrlString } from '#hadoop-auth';
import type { HdfsAccess } from '#webhdfs';

/** Access to the store by the newest token that was given. */
export interface StoreTokens {
  readonly access: HdfsAccess;
  set(token: string): void;
}

/**
 * The token that this container was started with, until a newer one is given; null where the store asks for none, or the
 * container has none: then the store is opened by name or keytab.
 *
 * @throws HADOOP_TOKEN_FILE_INVALID
 */
export function storeTokens(environment: Readonly<Record<string, string | undefined>>): StoreTokens | null {
  const tokens = readContainerTokens(environment);
  const first = tokens === null ? null : findHdfsToken(tokens);
  if (first === null) return null;
  let newest = tokenToUrlString(first);
  return {
    access: { kind: 'token', token: () => newest },
    set: (token) => {
      newest = token;
    },
  };
}
