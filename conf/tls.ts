import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext, getCACertificates, type ConnectionOptions } from 'node:tls';
import { AppError } from '#contracts';

/**
 * What an authority that we do not trust, a date, or a name makes of a connection.
 *
 * @see https://nodejs.org/api/tls.html#x509-certificate-error-codes
 */
const CERTIFICATE_CODES: readonly string[] = [
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'CERT_HAS_EXPIRED',
  'CERT_NOT_YET_VALID',
  'CERT_SIGNATURE_FAILURE',
  'CERT_REVOKED',
  'CERT_UNTRUSTED',
  'CERT_REJECTED',
  'INVALID_CA',
  'INVALID_PURPOSE',
  'PATH_LENGTH_EXCEEDED',
  'ERR_TLS_CERT_ALTNAME_INVALID',
];

const codeOf = (err: unknown): string =>
  err instanceof Error && 'code' in err && typeof err.code === 'string' ? err.code : '';

/** Whether a connection failed because the other side's certificate was not accepted. */
export const isCertificateFault = (err: unknown): boolean => CERTIFICATE_CODES.includes(codeOf(err));

/**
 * Why a certificate was not accepted, in a sentence; null for another failure.
 *
 * @param trusted whom we trust, for the sentence
 */
export function certificateFault(err: Error, trusted: string): string | null {
  const code = codeOf(err);
  if (!CERTIFICATE_CODES.includes(code)) return null;
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `its certificate, or that of its authority, has expired (${code})`;
    case 'CERT_NOT_YET_VALID':
      return `its certificate is not valid yet; are the clocks right? (${code})`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `its certificate is for another name: ${err.message}`;
    default:
      return `its certificate was not signed by ${trusted} (${code})`;
  }
}

/** Whether TLS was answered by something that is none: OpenSSL reads the `HTTP/1.1` of the answer as a version. */
export const isPlainHttpAnswer = (err: Error): boolean =>
  /wrong version number|packet length too long/.test(err.message);

/**
 * PEM text of a file of authorities.
 *
 * @param key of the configuration that names the file
 * @throws CONFIG_INVALID when it cannot be read, or holds no certificate or a damaged one
 */
export function readAuthorities(file: string, key: string): string {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `${key} ${file}: cannot be read`, { cause: err });
  }
  const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]*(-----END CERTIFICATE-----)?/g);
  if (certificates === null)
    throw new AppError(
      'CONFIG_INVALID',
      `${key} ${file}: expected certificates in PEM, found none; keytool -exportcert -rfc writes one from a Java trust store`,
    );
  // OpenSSL would silently leave out what it cannot read, and all behind it.
  for (const [index, certificate] of certificates.entries()) requireReadable(certificate, `${key} ${file}`, index + 1);
  return pem;
}

function requireReadable(certificate: string, subject: string, number: number): void {
  try {
    new X509Certificate(certificate);
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `${subject}: its certificate ${number} cannot be read`, { cause: err });
  }
}

/**
 * How a client of TLS believes the authorities of a file alone; without one Node's own, with `NODE_EXTRA_CA_CERTS`, and
 * the system's. No variable of the environment switches it off (`NODE_TLS_REJECT_UNAUTHORIZED` would). The context is made
 * once, since Node would read hundreds of certificates again for each connection.
 *
 * @throws CONFIG_INVALID
 */
export function trusting(file: string, key: string): Pick<ConnectionOptions, 'secureContext' | 'rejectUnauthorized'> {
  const ca =
    file === ''
      ? [...new Set([...getCACertificates('default'), ...getCACertificates('system')])]
      : [readAuthorities(file, key)];
  return { secureContext: createSecureContext({ ca, minVersion: 'TLSv1.2' }), rejectUnauthorized: true };
}
