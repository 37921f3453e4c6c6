import { TELEMETRY_MEDIA_TYPE, TELEMETRY_SEGMENTS_PATH } from '#contracts';
import { HttpClient, PROGRAM_VERSION } from '#runtime';
import { tokenOf, type AppServerPlace } from '../feed/app-server-client.ts';
import type { Transport } from './shipper.ts';

/** Longest wait for the app server's answer, milliseconds. */
const TIMEOUT_MS = 30_000;

/** POSTs segments to the app server, which keeps them for its monitors. */
export function httpTransport({ baseUrl, caFile, tokenFile }: AppServerPlace): Transport {
  const http = new HttpClient({
    baseUrl,
    caFile,
    token: () => tokenOf(tokenFile),
    userAgent: `trainyard-prediction-server/${PROGRAM_VERSION}`,
    timeoutMs: TIMEOUT_MS,
  });
  return {
    name: 'http',
    send: async ({ sealed }, signal) => {
      const headers = { 'content-type': TELEMETRY_MEDIA_TYPE, 'content-length': String(sealed.length) };
      await http.request({ method: 'POST', path: TELEMETRY_SEGMENTS_PATH, body: sealed, headers, signal });
    },
    close: async () => http.close(),
  };
}
