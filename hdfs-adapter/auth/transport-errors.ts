import { AppError } from '#contracts';
import { isCertificateFault } from '#runtime';
import { describeUrl } from './redact.ts';

/** The system's name of an error (`ECONNREFUSED`), or ''. */
export function networkCode(err: unknown): string {
  return err instanceof Error && 'code' in err && typeof err.code === 'string' ? err.code : '';
}

/**
 * A failed exchange as an error that names the service and never its secrets: HADOOP_TLS_UNTRUSTED for a certificate,
 * else HADOOP_UNAVAILABLE; an AppError and the reason of an aborted signal are as they are.
 */
export function transportError(err: unknown, method: string, url: URL, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted === true) return signal.reason;
  if (err instanceof AppError) return err;
  const code = networkCode(err);
  const what = `${method} ${describeUrl(url)}`;
  const details = { origin: url.origin, systemCode: code };
  if (isCertificateFault(err))
    return new AppError('HADOOP_TLS_UNTRUSTED', `${what}: its certificate is not accepted (${textOf(err)})`, {
      cause: err,
      details,
    });
  const hint = code === 'EPROTO' ? '; the port may speak plain HTTP' : '';
  return new AppError('HADOOP_UNAVAILABLE', `${what}: ${textOf(err)}${hint}`, { cause: err, details });
}

/** A name with several addresses fails with an AggregateError, whose own message is empty. */
function textOf(err: unknown): string {
  if (err instanceof AggregateError && err.errors.length > 0) return textOf(err.errors[0] as unknown);
  return err instanceof Error && err.message !== '' ? err.message : networkCode(err) || 'failed';
}
