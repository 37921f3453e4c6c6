import { expect } from 'chai';
import { isAppError, type ApiKeyGrant } from '#contracts';
import {
  checkDeployment,
  createAuthenticator,
  mayAsk,
  UnknownKey,
} from '../../../../../prediction/server/http/authenticate.ts';
import { API_KEY, createSigner, makeGrant, makeRecord } from '../../../../support/serving/models.ts';

const NOW = Date.parse('2026-11-23T12:00:00Z');
const grantsOf = (...grants: ApiKeyGrant[]) => new Map(grants.map((grant) => [grant.keySha256, grant]));
const bearer = `Bearer ${API_KEY}`;

function outcome(run: () => ApiKeyGrant): string {
  try {
    return run().userId;
  } catch (err) {
    if (err instanceof UnknownKey) return 'unknown';
    return isAppError(err) ? err.code : String(err);
  }
}

describe('prediction server: keys', () => {
  it('finds the user of a key by its hash', () => {
    const { authenticate } = createAuthenticator(() => grantsOf(makeGrant()));
    for (let i = 0; i < 2; i += 1) expect(outcome(() => authenticate(bearer, NOW))).to.equal('usr_1');
  });

  for (const header of [undefined, '', 'Bearer', 'Bearer ', `Basic ${API_KEY}`, `Bearer a b`, API_KEY])
    it(`refuses the header ${JSON.stringify(header) ?? 'none'}`, () => {
      const { authenticate } = createAuthenticator(() => grantsOf(makeGrant()));
      expect(outcome(() => authenticate(header, NOW))).to.equal('UNAUTHENTICATED');
    });

  it('tells an unknown key, which may be a new one, from a malformed header', () => {
    const { authenticate } = createAuthenticator(() => grantsOf(makeGrant()));
    expect(outcome(() => authenticate('Bearer other', NOW))).to.equal('unknown');
  });

  it('ends a remembered key at the moment it expires', () => {
    const expiresAt = new Date(NOW).toISOString();
    const { authenticate } = createAuthenticator(() => grantsOf(makeGrant(API_KEY, { expiresAt })));
    expect(outcome(() => authenticate(bearer, NOW - 1))).to.equal('usr_1');
    expect(outcome(() => authenticate(bearer, NOW))).to.equal('UNAUTHENTICATED');
  });

  it('takes an expiry that cannot be read as passed', () => {
    const { authenticate } = createAuthenticator(() => grantsOf(makeGrant(API_KEY, { expiresAt: 'Z' })));
    expect(outcome(() => authenticate(bearer, NOW))).to.equal('UNAUTHENTICATED');
  });

  it('asks for the scope predict', () => {
    for (const scopes of [[], ['read', 'write'], ['Predict'], ['predict:dep_1']]) {
      const { authenticate } = createAuthenticator(() => grantsOf(makeGrant(API_KEY, { scopes })));
      expect(outcome(() => authenticate(bearer, NOW))).to.equal('FORBIDDEN');
    }
  });

  it('forgets and learns keys with the next grants', () => {
    let grants = grantsOf(makeGrant());
    const { authenticate } = createAuthenticator(() => grants);
    expect(outcome(() => authenticate(bearer, NOW))).to.equal('usr_1');
    grants = grantsOf(makeGrant('other', { userId: 'usr_2' }));
    expect(outcome(() => authenticate(bearer, NOW))).to.equal('unknown');
    expect(outcome(() => authenticate('Bearer other', NOW))).to.equal('usr_2');
  });

  it('holds a key to its deployments, and says which they are', () => {
    const check = (deploymentIds: string[] | undefined, id: string) => {
      try {
        checkDeployment(makeGrant(API_KEY, deploymentIds === undefined ? {} : { deploymentIds }), id);
        return null;
      } catch (err) {
        return isAppError(err, 'FORBIDDEN') ? err.message : String(err);
      }
    };
    expect(check(undefined, 'dep_9')).to.be.null;
    expect(check(['dep_1', 'dep_2'], 'dep_2')).to.be.null;
    expect(check(['dep_1'], 'dep_10')).to.equal('the API key may ask deployment dep_1 alone; found "dep_10"');
    expect(check([], 'dep_1')).to.be.a('string');
    expect(check(['d1', 'd2', 'd3', 'd4', 'd5', 'd6', 'd7'], 'd8')).to.include('d4, d5 and 2 others alone');
  });

  it('lets readers and administrators ask', () => {
    const record = makeRecord(createSigner(), { modelId: 'm', manifestSha256: '0'.repeat(64) }, { readers: ['usr_1'] });
    expect(mayAsk(makeGrant(), record)).to.be.true;
    expect(mayAsk(makeGrant(API_KEY, { userId: 'usr_2' }), record)).to.be.false;
    expect(mayAsk(makeGrant(API_KEY, { userId: 'usr_2', role: 'admin' }), record)).to.be.true;
  });
});
