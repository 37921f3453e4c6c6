import { createHash, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';
import { AppError } from '#contracts';
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
} from './der.ts';

/**
 * Certificates of a group of processes that trust each other and nobody else: an authority of the group's own, made for it
 * and forgotten, and one certificate a rank, whose name is {@link rankUri}.
 *
 * Node makes keys and signatures and reads certificates, but writes none (`docs/adr/0067-own-collectives.md`); OpenSSL judges
 * what is written here at every handshake.
 *
 * @see RFC 5280, sections 4.1 and 4.2; RFC 5758, section 3.2 (ECDSA with SHA-256); RFC 5480 (P-256)
 */

/** What one rank is given: PEM. The key is for its eyes only. */
export interface RankCertificate {
  /** Of the group's authority. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export interface GroupCertificateWish {
  /** Letters, digits, `-` and `_`, 48 at most. */
  readonly groupId: string;
  /** Number of ranks. */
  readonly size: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Only handshakes look at it: a mesh that stands is not torn by a certificate that ends. */
  readonly validMs: number;
}

/** Clocks of the group's hosts may be behind by so much. */
const CLOCK_SKEW_MS = 3_600_000;
/** 126 random bits: RFC 5280 wants them unique and asks for 20 bytes at most. */
const SERIAL_BYTES = 16;
const GROUP_ID = /^[A-Za-z0-9_-]{1,48}$/;

const ECDSA_WITH_SHA256 = sequence(objectIdentifier('1.2.840.10045.4.3.2'));
const COMMON_NAME = objectIdentifier('2.5.4.3');
const SUBJECT_KEY_IDENTIFIER = '2.5.29.14';
const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALTERNATIVE_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const AUTHORITY_KEY_IDENTIFIER = '2.5.29.35';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const SERVER_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.1');
const CLIENT_AUTH = objectIdentifier('1.3.6.1.5.5.7.3.2');
/** Bits of a key's usage, counted from the most significant one. */
const DIGITAL_SIGNATURE = bitString(Buffer.of(0x80), 7);
const CERTIFICATE_SIGNING = bitString(Buffer.of(0x04), 2);

/** The name in a rank's certificate, a URI among its alternative names. */
export const rankUri = (groupId: string, rank: number): string => `urn:trainyard:group:${groupId}:rank:${rank}`;

/**
 * Makes the authority of a group and a certificate for each of its ranks. The authority's key is not kept: nobody can make
 * another certificate of this group.
 *
 * @returns one a rank
 * @throws INTERNAL for a group id that a name cannot hold
 */
export function issueGroupCertificates(wish: GroupCertificateWish): RankCertificate[] {
  const { groupId, size } = wish;
  if (!GROUP_ID.test(groupId)) throw new AppError('INTERNAL', `group id ${groupId}: expected ${String(GROUP_ID)}`);
  const authority = newKey();
  const issuer = commonName(`group ${groupId}`);
  const ofAuthority = pem(
    'CERTIFICATE',
    certificate(wish, {
      issuer,
      subject: issuer,
      publicKey: authority.subjectPublicKeyInfo,
      signingKey: authority.privateKey,
      extensions: [
        // No authority below it.
        extension(BASIC_CONSTRAINTS, sequence(boolean(true), integer(Buffer.of(0))), true),
        extension(KEY_USAGE, CERTIFICATE_SIGNING, true),
        extension(SUBJECT_KEY_IDENTIFIER, octetString(authority.identifier)),
      ],
    }),
  );
  return Array.from({ length: size }, (_, rank) => {
    const own = newKey();
    const written = certificate(wish, {
      issuer,
      subject: commonName(`rank ${rank}`),
      publicKey: own.subjectPublicKeyInfo,
      signingKey: authority.privateKey,
      extensions: [
        extension(BASIC_CONSTRAINTS, sequence(), true),
        extension(KEY_USAGE, DIGITAL_SIGNATURE, true),
        extension(EXTENDED_KEY_USAGE, sequence(SERVER_AUTH, CLIENT_AUTH)),
        extension(SUBJECT_ALTERNATIVE_NAME, sequence(element(0x86, Buffer.from(rankUri(groupId, rank))))),
        extension(AUTHORITY_KEY_IDENTIFIER, sequence(element(0x80, authority.identifier))),
      ],
    });
    const key = own.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { authority: ofAuthority, certificate: pem('CERTIFICATE', written), key };
  });
}

function newKey() {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  // Method 1 of section 4.2.1.2: a hash of the bits of the key, which are an uncompressed point. It names, it does not protect.
  const point = Buffer.concat([Buffer.of(4), Buffer.from(x, 'base64url'), Buffer.from(y, 'base64url')]);
  return {
    privateKey,
    subjectPublicKeyInfo: publicKey.export({ type: 'spki', format: 'der' }),
    identifier: createHash('sha1').update(point).digest(),
  };
}

interface Contents {
  readonly issuer: Uint8Array;
  readonly subject: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly signingKey: KeyObject;
  readonly extensions: readonly Uint8Array[];
}

/** A certificate of version 3, in DER. */
function certificate({ now, validMs }: GroupCertificateWish, contents: Contents): Uint8Array {
  const serial = randomBytes(SERIAL_BYTES);
  // Positive, and of this length.
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const toBeSigned = sequence(
    element(0xa0, integer(Buffer.of(2))),
    integer(serial),
    ECDSA_WITH_SHA256,
    contents.issuer,
    sequence(time(now - CLOCK_SKEW_MS), time(now + validMs)),
    contents.subject,
    contents.publicKey,
    element(0xa3, sequence(...contents.extensions)),
  );
  return sequence(toBeSigned, ECDSA_WITH_SHA256, bitString(sign('sha256', toBeSigned, contents.signingKey)));
}

const commonName = (text: string): Uint8Array => sequence(set(sequence(COMMON_NAME, utf8String(text))));

/** DER leaves out what is a default: not critical. */
const extension = (id: string, value: Uint8Array, isCritical = false): Uint8Array =>
  sequence(objectIdentifier(id), ...(isCritical ? [boolean(true)] : []), octetString(value));

function pem(label: string, bytes: Uint8Array): string {
  const lines =
    Buffer.from(bytes)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
