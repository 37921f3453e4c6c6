import { createPrivateKey, X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import { issueGroupCertificates, rankUri, type RankCertificate } from '#runtime';
import { appErrorOf } from '../../support/expect-error.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 10, 30, 12);

const issue = (groupId = 'g_1', size = 2) => issueGroupCertificates({ groupId, size, now: NOW, validMs: 24 * HOUR_MS });
const first = ([rank]: readonly RankCertificate[]): RankCertificate => rank ?? expect.fail('no certificate');
const read = (pem: string) => new X509Certificate(pem);

describe('certificates of a group', () => {
  it('name group and rank, and are signed by the group’s authority', () => {
    const ranks = issue('g_1', 3);
    expect(new Set(ranks.map(({ authority }) => authority)).size).to.equal(1);
    const authority = read(first(ranks).authority);
    expect([authority.ca, authority.subject, authority.verify(authority.publicKey)]).to.deep.equal([
      ...[true, 'CN=group g_1', true],
    ]);
    for (const [rank, { certificate, key }] of ranks.entries()) {
      const own = read(certificate);
      expect(own.subjectAltName).to.equal(`URI:${rankUri('g_1', rank)}`);
      expect(own.subject).to.equal(`CN=rank ${rank}`);
      expect([own.ca, own.checkIssued(authority), own.verify(authority.publicKey)]).to.deep.equal([false, true, true]);
      expect(own.keyUsage).to.deep.equal(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
      expect(own.checkPrivateKey(createPrivateKey(key))).to.equal(true);
      expect(createPrivateKey(key).asymmetricKeyDetails).to.deep.equal({ namedCurve: 'prime256v1' });
    }
  });

  it('are valid from an hour before to the time asked for', () => {
    for (const pem of [first(issue()).authority, first(issue()).certificate]) {
      expect(read(pem).validFromDate.getTime()).to.equal(NOW - HOUR_MS);
      expect(read(pem).validToDate.getTime()).to.equal(NOW + 24 * HOUR_MS);
    }
  });

  it('have keys and serial numbers of their own, and another group’s authority does not vouch for them', () => {
    const ranks = issue('g_1', 20);
    expect(new Set(ranks.map(({ key }) => key)).size).to.equal(20);
    const serials = ranks.map(({ certificate }) => read(certificate).serialNumber);
    expect(new Set(serials).size).to.equal(20);
    for (const serial of serials) expect(serial).to.match(/^[4-7][0-9A-F]{31}$/);
    const stranger = read(first(issue()).authority);
    expect(read(first(ranks).certificate).verify(stranger.publicKey)).to.equal(false);
  });

  it('are not made for an id that would change the name', async () => {
    for (const groupId of ['', 'a:rank:1', 'a,URI:b', 'a b', 'x'.repeat(49)])
      await appErrorOf('INTERNAL', () => issue(groupId));
  });
});
