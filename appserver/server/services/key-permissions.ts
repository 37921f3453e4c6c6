import { AppError, type CreateApiKeyRequest, type Scope, type Static } from '#contracts';
import { findDeployment, type ApiKeyRecord, type Queryable, type UserRecord } from '#store';
import type { Caller } from '../auth/caller.ts';

/** The one scope of a key that is held to deployments. */
const SCOPE: Scope = 'predict';

type Asked = Pick<Static<typeof CreateApiKeyRequest>, 'scopes' | 'deploymentIds'>;

/**
 * What a new key may do: no more than who makes it, and with deployments nothing but to ask them.
 *
 * @param user whose key it will be
 * @throws FORBIDDEN for what the caller may not, VALIDATION_FAILED for deployments that the user may not read, or with other scopes
 */
export async function keyPermissions(
  db: Queryable,
  { scopes, deploymentIds }: Asked,
  caller: Caller,
  user: UserRecord,
): Promise<Pick<ApiKeyRecord, 'scopes' | 'deploymentIds'>> {
  const given = scopes ?? (deploymentIds === undefined ? caller.scopes : [SCOPE]);
  const missing = given.filter((scope) => !caller.scopes.includes(scope));
  if (missing.length > 0)
    throw new AppError('FORBIDDEN', `scopes: your own key lacks ${missing.join(', ')}, so it cannot give it`);
  if (deploymentIds === undefined) return { scopes: given, deploymentIds: null };
  if (given.some((scope) => scope !== SCOPE))
    throw invalid('/scopes', `with deploymentIds expected ${SCOPE} alone, or none; found ${given.join(', ')}`);
  for (const [index, id] of deploymentIds.entries()) {
    const deployment = await findDeployment(db, id);
    if (deployment === undefined || (user.role !== 'admin' && deployment.createdBy !== user.id))
      throw invalid(`/deploymentIds/${index}`, `there is no deployment ${id} that ${user.name} may read`);
  }
  return { scopes: given, deploymentIds };
}

const invalid = (path: string, message: string): AppError =>
  new AppError('VALIDATION_FAILED', `body: ${path} ${message}`, { errors: [{ path, message }] });
