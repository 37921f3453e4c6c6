import { X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { Server as HttpsServer } from 'node:https';
import { Socket } from 'node:net';
import { createSecureContext } from 'node:tls';
import { AppError } from '#contracts';
import type { Logger } from './logger.ts';

/** A certificate with its key, as TLS takes them. */
export interface ServerCertificate {
  readonly cert: string;
  readonly key: string;
  readonly minVersion: 'TLSv1.2';
}

/** Where a program's certificate and key lie. */
export interface CertificateFiles {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** The part of the configuration that names the files, and whose they are in messages. */
export interface CertificateOwner {
  readonly section: 'server' | 'predictionServer';
  readonly name: string;
}

const DAY_MS = 24 * 3600 * 1000;
/** So long before its end a certificate is warned of. */
const ENDS_SOON_MS = 14 * DAY_MS;

/**
 * The certificate of the configuration, or null where there is none.
 *
 * @throws CONFIG_INVALID naming the file that is missing, no PEM, or does not fit the other
 */
export function readCertificate(
  { certificateFile, keyFile }: CertificateFiles,
  { section }: CertificateOwner,
): ServerCertificate | null {
  if (certificateFile === '' && keyFile === '') return null;
  if (certificateFile === '' || keyFile === '') {
    const missing = certificateFile === '' ? `${section}.certificateFile` : `${section}.keyFile`;
    throw new AppError(
      'CONFIG_INVALID',
      `${missing}: expected a PEM file, since the other of the two is set; found none`,
    );
  }
  const cert = readPem(`${section}.certificateFile`, certificateFile, 'CERTIFICATE');
  const key = readPem(`${section}.keyFile`, keyFile, 'PRIVATE KEY');
  const found = { cert, key, minVersion: 'TLSv1.2' } as const;
  try {
    createSecureContext(found);
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `${section}.keyFile ${keyFile}: is not the key of ${certificateFile}`, {
      cause: err,
    });
  }
  return found;
}

function readPem(name: string, file: string, what: 'CERTIFICATE' | 'PRIVATE KEY'): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `${name} ${file}: cannot be read`, { cause: err });
  }
  if (new RegExp(`-----BEGIN [A-Z ]*${what}-----`).test(text)) return text;
  throw new AppError('CONFIG_INVALID', `${name} ${file}: expected a ${what.toLowerCase()} in PEM, found none`);
}

/** Says what an operator should know of a certificate: clients refuse one that has ended. */
export function tellOfCertificate(
  { cert }: ServerCertificate,
  { certificateFile, keyFile }: CertificateFiles,
  { name }: CertificateOwner,
  logger: Logger,
): void {
  const { mode } = statSync(keyFile);
  if ((mode & 0o077) !== 0)
    logger.warn('key_readable', `others of this host may read the ${name}’s key: chmod 600`, {
      keyFile,
      mode: (mode & 0o777).toString(8),
    });
  const { validTo, subject, subjectAltName } = new X509Certificate(cert);
  const endsAt = new Date(validTo);
  const facts = { certificateFile, subject, names: subjectAltName ?? '', endsAt: endsAt.toISOString() };
  const leftMs = endsAt.getTime() - Date.now();
  if (leftMs <= 0) logger.error('certificate_expired', `the ${name}’s certificate has expired`, facts);
  else if (leftMs < ENDS_SOON_MS) logger.warn('certificate_ends_soon', `the ${name}’s certificate ends soon`, facts);
  else logger.info('certificate', `the ${name} serves HTTPS`, facts);
}

/**
 * Takes up certificate and key whenever the files change; connections that are open stay as they are. What cannot be used
 * (half written, of another key) is said once, and the former certificate goes on.
 *
 * @returns a function that ends it
 */
export function followCertificate(
  server: HttpsServer,
  { certificateReloadMs, ...files }: CertificateFiles & { readonly certificateReloadMs: number },
  owner: CertificateOwner,
  logger: Logger,
): () => void {
  let seen = stampOf(files);
  const look = () => {
    const stamp = stampOf(files);
    if (stamp === seen) return;
    seen = stamp;
    try {
      const found = readCertificate(files, owner);
      if (found === null) return;
      server.setSecureContext(found);
      tellOfCertificate(found, files, owner, logger);
    } catch (err) {
      logger.error('certificate_not_taken', 'the changed certificate cannot be used; the former one is served', {
        err,
      });
    }
  };
  const timer = setInterval(look, certificateReloadMs);
  return () => clearInterval(timer);
}

function stampOf({ certificateFile, keyFile }: CertificateFiles): string {
  return [certificateFile, keyFile]
    .map((file) => statSync(file, { throwIfNoEntry: false }))
    .map((found) => (found === undefined ? 'none' : `${found.mtimeMs}/${found.size}/${found.ino}`))
    .join(' ');
}

/**
 * The TCP connection below a TLS socket, by its port: the way to answer who speaks no TLS. Its errors then have the code
 * `ERR_SSL_HTTP_REQUEST`.
 */
export function rememberConnections(server: HttpsServer): (port: number | undefined) => Socket | null {
  const byPort = new Map<number, Socket>();
  server.on('connection', (socket) => {
    if (!(socket instanceof Socket) || socket.remotePort === undefined) return;
    const { remotePort } = socket;
    byPort.set(remotePort, socket);
    socket.once('close', () => byPort.delete(remotePort));
  });
  return (port) => byPort.get(port ?? 0) ?? null;
}
