import { expect } from 'chai';
import {
  bitString,
  boolean,
  element,
  integer,
  objectIdentifier,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from '../../../conf/der.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');

// Examples of X.690, and values as `openssl asn1parse -genstr` writes them.
describe('DER', () => {
  it('writes lengths in the fewest bytes', () => {
    const begins = { 0: '00', 127: '7f', 128: '8180', 255: '81ff', 256: '820100', 65535: '82ffff', 65536: '83010000' };
    for (const [size, length] of Object.entries(begins)) {
      const written = element(0x04, Buffer.alloc(Number(size)));
      expect(hex(written).slice(0, 2 + length.length)).to.equal(`04${length}`);
      expect(written.length).to.equal(1 + length.length / 2 + Number(size));
    }
  });

  it('writes whole numbers in the fewest bytes, and never a negative one', () => {
    expect(hex(integer(Buffer.of(0)))).to.equal('020100');
    expect(hex(integer(Buffer.of()))).to.equal('020100');
    expect(hex(integer(Buffer.of(0, 0, 127)))).to.equal('02017f');
    expect(hex(integer(Buffer.of(128)))).to.equal('02020080');
    expect(hex(integer(Buffer.of(1, 0)))).to.equal('02020100');
  });

  it('writes object identifiers', () => {
    expect(hex(objectIdentifier('2.5.29.17'))).to.equal('0603551d11');
    expect(hex(objectIdentifier('1.2.840.10045.4.3.2'))).to.equal('06082a8648ce3d040302');
    expect(hex(objectIdentifier('1.2.840.113549'))).to.equal('06062a864886f70d');
  });

  it('writes times of certificates: two digits of the year through 2049', () => {
    expect(hex(time(Date.UTC(2026, 10, 30, 7, 5, 9, 999)))).to.equal(`170d${hex(Buffer.from('261130070509Z'))}`);
    expect(hex(time(Date.UTC(2049, 11, 31, 23, 59, 59)))).to.equal(`170d${hex(Buffer.from('491231235959Z'))}`);
    expect(hex(time(Date.UTC(2050, 0, 1)))).to.equal(`180f${hex(Buffer.from('20500101000000Z'))}`);
  });

  it('writes the rest', () => {
    expect(hex(boolean(true)) + hex(boolean(false))).to.equal('0101ff010100');
    expect(hex(bitString(Buffer.of(0x80), 7))).to.equal('03020780');
    expect(hex(sequence(set(utf8String('é')), octetString(Buffer.of(1), Buffer.of(2))))).to.equal(
      '300a31040c02c3a904020102',
    );
  });
});
