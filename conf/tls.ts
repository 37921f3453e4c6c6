import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
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
 * @throws CONFIG_INVALID when it cannot be read or holds no certificate
 */
export function readAuthorities(file: string, key: string): string {
  let pem: string;
  try {
    pem = readFileSync(file, 'utf8');
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `${key} ${file}: cannot be read`, { cause: err });
  }
  if (!pem.includes('-----BEGIN CERTIFICATE-----'))
    throw new AppError(
      'CONFIG_INVALID',
      `${key} ${file}: expected certificates in PEM, found none; keytool -exportcert -rfc writes one from a Java trust store`,
    );
  return pem;
}

/** Those of a file alone; without one Node's own, with `NODE_EXTRA_CA_CERTS`, and the system's. @throws CONFIG_INVALID */
export function trustedAuthorities(file: string, key: string): readonly string[] {
  if (file !== '') return [readAuthorities(file, key)];
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system')])];
}
