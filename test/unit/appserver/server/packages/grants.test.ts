import { expect } from 'chai';
import type { ApiKeyGrant } from '#contracts';
import { packagedGrants } from '../../../../../appserver/server/packages/grants.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { makeGrant } from '../../../../support/serving/models.ts';

const key = (keyId: string, changes: Partial<ApiKeyGrant> = {}) =>
  makeGrant(keyId, { keyId, scopes: ['predict'], ...changes });
const record = { deploymentId: 'dep_1', readers: ['usr_1'] };
const idsOf = (grants: readonly ApiKeyGrant[], own: string | null = null) =>
  packagedGrants(grants, record, own).map(({ keyId }) => keyId);

describe('packages: keys', () => {
  it('are those of readers and administrators that may only predict', () => {
    const grants = [
      key('reader'),
      key('admin', { userId: 'usr_0', role: 'admin' }),
      key('stranger', { userId: 'usr_2' }),
      key('wide', { scopes: ['read', 'predict'] }),
      key('useless', { scopes: [] }),
      key('writer', { scopes: ['write'] }),
      key('held', { deploymentIds: ['dep_0', 'dep_1'] }),
      key('held-to-another', { deploymentIds: ['dep_10'] }),
    ];
    expect(idsOf(grants)).to.deep.equal(['reader', 'admin', 'held']);
  });

  it('have the one that asks, which may only predict there', () => {
    const own = key('own', { scopes: ['read', 'write', 'predict'], expiresAt: '2030-01-01T00:00:00.000Z' });
    expect(packagedGrants([own], record, 'own')).to.deep.equal([{ ...own, scopes: ['predict'] }]);
  });

  it('are refused where there is none, with what to do', async () => {
    const wide = key('wide', { scopes: ['read', 'write'] });
    for (const own of [null, 'wide', 'gone']) {
      const { message } = await appErrorOf('CONFLICT', () => packagedGrants([wide], record, own));
      expect(message).to.include('dep_1').and.include('trainyard api-keys create --name NAME --deployments dep_1');
    }
  });
});
