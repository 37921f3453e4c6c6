import { expect } from 'chai';
import { AppError } from '#contracts';
import { addressKind } from '../../../conf/address-rules.ts';
import { checkAddress, checkUrl, hostOf } from '../../../conf/allowed-hosts.ts';

const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (err) {
    return err instanceof AppError ? err.code : String(err);
  }
  return 'allowed';
};

describe('allowed hosts: which addresses a fetch may go to', () => {
  for (const [address, kind] of [
    ['93.184.216.34', 'public'],
    ['2606:2800:220:1::1', 'public'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['fd12::1', 'private'],
    ['127.0.0.1', 'forbidden'],
    ['127.8.8.8', 'forbidden'],
    ['0.0.0.0', 'forbidden'],
    ['169.254.169.254', 'forbidden'],
    ['100.100.100.200', 'forbidden'],
    ['fd00:ec2::254', 'forbidden'],
    ['255.255.255.255', 'forbidden'],
    ['224.0.0.1', 'forbidden'],
    ['::1', 'forbidden'],
    ['::', 'forbidden'],
    ['fe80::1', 'forbidden'],
    ['::ffff:127.0.0.1', 'forbidden'],
    ['::ffff:7f00:1', 'forbidden'],
    ['::ffff:10.0.0.1', 'private'],
    ['::ffff:8.8.8.8', 'public'],
    ['64:ff9b::a9fe:a9fe', 'forbidden'],
    ['2002:7f00:1::', 'forbidden'],
    ['2002:a00:1::1', 'private'],
    ['not an address', 'forbidden'],
  ] as const) {
    it(`${address} is ${kind}`, () => {
      expect(addressKind(address)).to.equal(kind);
    });
  }

  it('hosts are allowed by exact name and port, by address, or by a wildcard below a domain', () => {
    const allowed = [
      'data.example.com',
      'files.example.com:8443',
      '*.open.example.org',
      '127.0.0.1:9000',
      '[::1]:9000',
    ];
    const check = (url: string) => checkUrl(new URL(url), { hosts: allowed, key: 'ingest.urlHosts' });
    expect(check('https://data.example.com/x.csv')).to.equal('exact');
    expect(check('http://DATA.example.com/x.csv')).to.equal('exact');
    expect(check('https://data.example.com:8080/x.csv')).to.equal('exact');
    expect(check('https://files.example.com:8443/x')).to.equal('exact');
    expect(check('https://a.b.open.example.org/x')).to.equal('wildcard');
    expect(check('http://127.0.0.1:9000/x')).to.equal('literal');
    // Other spellings of the same address are the same address.
    expect(check('http://2130706433:9000/x')).to.equal('literal');
    expect(check('http://0x7f.1:9000/x')).to.equal('literal');
    expect(check('http://[0:0::1]:9000/x')).to.equal('literal');
    for (const url of [
      'https://files.example.com/x',
      'https://open.example.org/x',
      'https://evilopen.example.org/x',
      'https://example.com/x',
      'https://data.example.com.evil.org/x',
      'https://user:secret@data.example.com/x',
      'ftp://data.example.com/x',
      'file:///etc/passwd',
      'http://127.0.0.1/x',
      'http://2130706433/x',
    ])
      expect(
        refusal(() => check(url)),
        url,
      ).to.equal('SOURCE_NOT_ALLOWED');
  });

  it('a final dot names the same host', () => {
    expect(hostOf(new URL('http://data.example.com./'))).to.equal('data.example.com');
  });

  it('a listed name may lead inside, a wildcard only outside, neither to this machine', () => {
    const check = (address: string, permission: Parameters<typeof checkAddress>[2]) =>
      refusal(() => checkAddress('host', address, permission));
    expect(check('10.0.0.1', 'exact')).to.equal('allowed');
    expect(check('10.0.0.1', 'wildcard')).to.equal('SOURCE_NOT_ALLOWED');
    expect(check('8.8.8.8', 'wildcard')).to.equal('allowed');
    expect(check('127.0.0.1', 'exact')).to.equal('SOURCE_NOT_ALLOWED');
    expect(check('169.254.169.254', 'exact')).to.equal('SOURCE_NOT_ALLOWED');
    expect(check('127.0.0.1', 'literal')).to.equal('allowed');
  });
});
