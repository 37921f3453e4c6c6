import { createHash } from 'node:crypto';
import { AppError, type ApiKeyGrant, type DeploymentRecord, type Scope } from '#contracts';

/** Headers of known keys whose hash is remembered. */
const REMEMBERED_MAX = 10_000;

/** The scope that asking for predictions needs. */
const SCOPE: Scope = 'predict';

/** Deployments of a key that a refusal names. */
const NAMED_MAX = 5;

/** A key that was looked up once. */
interface Known {
  readonly grant: ApiKeyGrant;
  /** milliseconds since 1970; Infinity never */
  readonly expiresMs: number;
}

/** Finds out whose key an `Authorization` header holds. */
export interface Authenticator {
  /** @throws UNAUTHENTICATED when the key is missing, unknown or expired; FORBIDDEN without the scope `predict` */
  readonly authenticate: (authorization: string | undefined, nowMs: number) => ApiKeyGrant;
}

/**
 * Only hashes of keys are known here; a look-up by hash tells nothing of a key by its time. Headers of known keys are
 * remembered until the grants are replaced; unknown ones never, so that nobody can fill the memory.
 *
 * @param grants keys by SHA-256; another map whenever they changed
 */
export function createAuthenticator(grants: () => ReadonlyMap<string, ApiKeyGrant>): Authenticator {
  let current = grants();
  const remembered = new Map<string, Known>();
  return {
    authenticate: (authorization, nowMs) => {
      const latest = grants();
      if (latest !== current) {
        remembered.clear();
        current = latest;
      }
      let known = remembered.get(authorization ?? '');
      if (known === undefined) {
        known = lookUp(authorization, latest);
        if (remembered.size < REMEMBERED_MAX) remembered.set(authorization ?? '', known);
      }
      // Not `<=`: a time that cannot be read is no time to come.
      if (!(known.expiresMs > nowMs))
        throw new AppError('UNAUTHENTICATED', `the API key expired at ${known.grant.expiresAt ?? ''}`);
      if (!known.grant.scopes.includes(SCOPE)) {
        const scopes = known.grant.scopes.join(', ');
        throw new AppError('FORBIDDEN', `the API key lacks the scope ${SCOPE}; it has ${scopes}`);
      }
      return known.grant;
    },
  };
}

/** @see RFC 6750 section 2.1 */
function lookUp(authorization: string | undefined, grants: ReadonlyMap<string, ApiKeyGrant>): Known {
  const key = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1];
  if (key === undefined) throw new AppError('UNAUTHENTICATED', 'expected Authorization: Bearer <api key>');
  const grant = grants.get(createHash('sha256').update(key).digest('hex'));
  if (grant === undefined) throw new UnknownKey();
  return { grant, expiresMs: grant.expiresAt === null ? Infinity : Date.parse(grant.expiresAt) };
}

/** A key that the last feed does not have; it may be a new one. */
export class UnknownKey extends AppError {
  constructor() {
    super('UNAUTHENTICATED', 'the API key is not known here');
  }
}

/** Whether a key's user may ask a deployment: administrators always, others when they may read its project. */
export function mayAsk(grant: ApiKeyGrant, record: DeploymentRecord): boolean {
  return grant.role === 'admin' || record.readers.includes(grant.userId);
}

/**
 * Holds a key to its deployments. That comes before whether there is such a deployment, so that the answer tells nothing of it.
 *
 * @throws FORBIDDEN for another one
 */
export function checkDeployment({ deploymentIds }: ApiKeyGrant, deploymentId: string): void {
  if (deploymentIds === undefined || deploymentIds.includes(deploymentId)) return;
  const named = deploymentIds.slice(0, NAMED_MAX).join(', ');
  const others = deploymentIds.length - NAMED_MAX;
  const rest = others > 0 ? ` and ${others} others` : '';
  throw new AppError(
    'FORBIDDEN',
    `the API key may ask deployment ${named}${rest} alone; found ${JSON.stringify(deploymentId)}`,
  );
}
