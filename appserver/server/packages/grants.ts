import { AppError, type ApiKeyGrant, type DeploymentRecord } from '#contracts';

/** The scope that asking for predictions needs, and the only one that a key has in a package. */
const SCOPE = 'predict';

/**
 * The keys that a package takes: those of who may ask the deployment that are good for predictions and nothing else, held to no other deployment, and the key that
 * asked for the package, as one that may only predict there. Keys that may do more stay at home: a client in a network that nobody
 * looks after is not to hold one of them.
 *
 * @param ownKeyId of the key that the package was asked for with; null: it is not to be in it
 * @throws CONFLICT when there is none
 */
export function packagedGrants(
  grants: readonly ApiKeyGrant[],
  { deploymentId, readers }: Pick<DeploymentRecord, 'deploymentId' | 'readers'>,
  ownKeyId: string | null,
): readonly ApiKeyGrant[] {
  const isNarrow = ({ scopes }: ApiKeyGrant) => scopes.length === 1 && scopes[0] === SCOPE;
  const isFor = ({ deploymentIds }: ApiKeyGrant) => deploymentIds?.includes(deploymentId) ?? true;
  const mayAsk = ({ role, userId }: ApiKeyGrant) => role === 'admin' || readers.includes(userId);
  const isOwn = ({ keyId, scopes }: ApiKeyGrant) => keyId === ownKeyId && scopes.includes(SCOPE);
  const taken = grants
    .filter((grant) => mayAsk(grant) && isFor(grant) && (isNarrow(grant) || isOwn(grant)))
    .map((grant) => ({ ...grant, scopes: [SCOPE] }));
  if (taken.length > 0) return taken;
  throw new AppError(
    'CONFLICT',
    `deployment ${deploymentId}: nobody could ask its package; expected an API key with the scope ${SCOPE} alone of who may ask it, found none. Make one: trainyard api-keys create --name NAME --deployments ${deploymentId}`,
  );
}
