import { parseToken, parseTokenIdentifier, type Identity } from '#hadoop-auth';

/** As whom a client works. */
export type HdfsAccess =
  /** The service itself. */
  | { readonly kind: 'self' }
  /** An end user, by the service's right to act for him. */
  | { readonly kind: 'doAs'; readonly user: string }
  /** The owner of a delegation token. It is asked for at each call, so a fresh one can be put in while the client lives. */
  | {
      readonly kind: 'token';
      readonly token: () => string | Promise<string>;
      /** Told when HDFS does not accept a token any more, before the next one is asked for. */
      readonly refused?: (token: string) => void;
    };

/** The end user that `doas=` names; undefined where it would be the service itself, which Hadoop refuses. */
export function impersonated(access: HdfsAccess, identity: Identity): string | undefined {
  return access.kind === 'doAs' && access.user !== shortName(identity) ? access.user : undefined;
}

/** Who HDFS will see, for messages. */
export function userOf(access: HdfsAccess, identity: Identity, token: string | undefined): string {
  if (access.kind === 'doAs') return access.user;
  if (access.kind === 'token' && token !== undefined) return ownerOf(token);
  switch (identity.kind) {
    case 'simple':
      return identity.user;
    case 'kerberos':
      return identity.negotiator.principal;
    case 'none':
      return 'nobody';
  }
}

function shortName(identity: Identity): string | undefined {
  if (identity.kind === 'simple') return identity.user;
  return identity.kind === 'kerberos' ? identity.negotiator.principal.split(/[/@]/)[0] : undefined;
}

function ownerOf(token: string): string {
  try {
    return parseTokenIdentifier(parseToken(token)).owner;
  } catch {
    // HttpFS has identifiers of its own; the name is for messages only.
    return 'the token’s owner';
  }
}
