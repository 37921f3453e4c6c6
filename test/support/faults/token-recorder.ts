import diagnostics from 'node:diagnostics_channel';
import { appendFileSync } from 'node:fs';
import type { ClientRequest } from 'node:http';

/** Loaded before a worker, this writes each bearer token that it sends into the file TOKEN_FILE, one per line. */
const FILE = process.env['TOKEN_FILE'] ?? '';
if (FILE === '') throw new Error('TOKEN_FILE: expected the file to write to');

const seen = new Set<string>();

diagnostics.subscribe('http.client.request.start', (message) => {
  const { request } = message as { readonly request: ClientRequest }; // documented for this channel
  const token = /^Bearer (\S+)$/.exec(String(request.getHeader('authorization')))?.[1];
  if (token === undefined || seen.has(token)) return;
  seen.add(token);
  appendFileSync(FILE, `${token}\n`);
});
