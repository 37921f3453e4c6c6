import { createHmac } from 'node:crypto';
import http from 'node:http';
import https from 'node:https';
import type { AlertMessage } from '#contracts';
import { allowedAddress, pinnedTo, trusting, type Config } from '#runtime';

/** Longest wait for a connection, and for the answer, milliseconds. */
const TIMEOUT_MS = 10_000;

export const SIGNATURE_HEADER = 'x-trainyard-signature';

/**
 * What a message is signed by: `t=<seconds since 1970>,v1=<HMAC-SHA-256 of "<t>.<body>" in hexadecimal>`. A receiver refuses an old `t`, lest a
 * message that was overheard be sent again.
 * @see RFC 2104
 */
export function signatureOf(secret: string, body: string, seconds: number): string {
  return `t=${seconds},v1=${createHmac('sha256', secret).update(`${seconds}.${body}`).digest('hex')}`;
}

/**
 * POSTs a message as JSON. Redirects are not followed: whoever is allowed is asked himself.
 *
 * @param secret null: it is not signed
 * @throws SOURCE_NOT_ALLOWED, SOURCE_UNAVAILABLE, Error for what the receiver answers and for no answer
 */
export async function postWebhook(
  { webhookHosts, caFile }: Config['alerts'],
  { url: address, secret }: { readonly url: string; readonly secret: string | null },
  message: AlertMessage,
): Promise<void> {
  const url = new URL(address);
  const pinned = await allowedAddress(url, { hosts: webhookHosts, key: 'alerts.webhookHosts' });
  const body = JSON.stringify(message);
  const headers = {
    'content-type': 'application/json',
    'content-length': String(Buffer.byteLength(body)),
    'user-agent': 'trainyard',
    'idempotency-key': message.id,
    ...(secret === null ? {} : { [SIGNATURE_HEADER]: signatureOf(secret, body, Math.floor(Date.now() / 1_000)) }),
  };
  const isSecure = url.protocol === 'https:';
  const options = {
    ...{ method: 'POST', headers, agent: false, lookup: pinnedTo(pinned), signal: AbortSignal.timeout(TIMEOUT_MS) },
    ...(isSecure ? trusting(caFile, 'alerts.caFile') : {}),
  };
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const request = (isSecure ? https : http).request(url, options, resolve);
    request.on('error', reject);
    request.end(body);
  });
  // What it says beside its status is nobody's concern.
  response.destroy();
  const status = response.statusCode ?? 0;
  if (status < 200 || status > 299) throw new Error(`was answered ${status}`);
}
