import { createReadStream, readFileSync, statSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import { Readable } from 'node:stream';
import { AppError } from '#contracts';
import { HttpClient, newId, PROGRAM_VERSION, type HttpAnswer, type HttpRequest } from '#runtime';

/** A JSON object whose fields the command line only shows or passes on. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** An object as it was when it was looked at. */
export interface Tagged {
  readonly json: JsonObject;
  readonly etag: string;
}

/** A job as `GET /jobs/{id}` shows it. */
export interface JobView extends JsonObject {
  readonly id: string;
  readonly kind: string;
  readonly state: 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
  readonly progress: { readonly fraction: number; readonly phase: string; readonly message: string };
  readonly resource: string | null;
  readonly error: { readonly code: string; readonly detail: string } | null;
}

/** Longest transfer of a file, milliseconds. */
const TRANSFER_TIMEOUT_MS = 24 * 3_600_000;

/** The REST API as the command line uses it. */
export class ApiClient {
  readonly #http: HttpClient;
  readonly #signal: AbortSignal;

  constructor(options: { url: string; apiKey: string; caFile?: string; signal: AbortSignal }) {
    this.#http = new HttpClient({
      baseUrl: options.url,
      token: options.apiKey,
      caFile: options.caFile ?? '',
      timeoutMs: 120_000,
      userAgent: `trainyard-cli/${PROGRAM_VERSION}`,
    });
    this.#signal = options.signal;
  }

  async get(route: string): Promise<JsonObject> {
    return asObject((await this.#request({ method: 'GET', path: apiPath(route) })).json, route);
  }

  async post(route: string, json: unknown): Promise<JsonObject> {
    const headers = { 'idempotency-key': newId('cli') };
    return asObject((await this.#request({ method: 'POST', path: apiPath(route), json, headers })).json, route);
  }

  /** POSTs bytes. */
  async postBytes(route: string, body: Uint8Array, mediaType: string): Promise<JsonObject> {
    const headers = { 'content-type': mediaType, 'content-length': String(body.length) };
    return asObject((await this.#request({ method: 'POST', path: apiPath(route), body, headers })).json, route);
  }

  /** An object with its ETag, for `If-Match`. */
  async getTagged(route: string): Promise<Tagged> {
    const { json, headers } = await this.#request({ method: 'GET', path: apiPath(route) });
    return { json: asObject(json, route), etag: headers.etag ?? '*' };
  }

  async put(route: string, json: unknown, headers: Readonly<Record<string, string>> = {}): Promise<JsonObject> {
    return asObject((await this.#request({ method: 'PUT', path: apiPath(route), json, headers })).json, route);
  }

  async patch(route: string, json: unknown): Promise<JsonObject> {
    const headers = { 'idempotency-key': newId('cli') };
    return asObject((await this.#request({ method: 'PATCH', path: apiPath(route), json, headers })).json, route);
  }

  async delete(route: string): Promise<void> {
    await this.#request({ method: 'DELETE', path: apiPath(route) });
  }

  /** Every object of a list, page by page, up to `max`. */
  async list(route: string, max = 1000): Promise<readonly JsonObject[]> {
    const rows: JsonObject[] = [];
    let next: string | null = apiPath(route);
    while (next !== null && rows.length < max) {
      const page = asObject((await this.#request({ method: 'GET', path: next })).json, route);
      for (const row of page['data'] as readonly unknown[]) rows.push(asObject(row, route)); // a list answer has `data`
      next = typeof page['next'] === 'string' ? page['next'] : null;
    }
    return rows.slice(0, max);
  }

  /** The newest object of a list. @throws NOT_FOUND when it is empty */
  async newest(route: string, what: string): Promise<JsonObject> {
    const rows = await this.list(route);
    const newest = rows.toSorted((a, b) => String(b['createdAt']).localeCompare(String(a['createdAt'])))[0];
    if (newest === undefined) throw new AppError('NOT_FOUND', `there is no ${what} yet`);
    return newest;
  }

  /** Waits until a job is final; `onProgress` sees each state on the way. @throws the job's own error when it failed */
  async waitForJob(id: string, onProgress: (job: JobView) => void): Promise<JobView> {
    for (;;) {
      const job = (await this.#request({ method: 'GET', path: apiPath(`/jobs/${id}`), headers: { prefer: 'wait=1' } }))
        .json as JobView; // Job of the contract
      onProgress(job);
      if (job.state !== 'queued' && job.state !== 'running') return job;
    }
  }

  /** Uploads a file as multipart/form-data; streams it, so that its size does not matter. */
  async upload(route: string, file: string, fields: Readonly<Record<string, string>>): Promise<JsonObject> {
    const size = fileSize(file);
    const boundary = newId('boundary');
    const part = (name: string, value: string) =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const head = Object.entries(fields)
      .map(([name, value]) => part(name, value))
      .join('');
    const fileName = path.basename(file).replaceAll('"', '%22');
    const start = Buffer.from(
      `${head}--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${fileName}"\r\nContent-Type: application/octet-stream\r\n\r\n`,
    );
    const end = Buffer.from(`\r\n--${boundary}--\r\n`);
    async function* body() {
      yield start;
      yield* createReadStream(file) as AsyncIterable<Buffer>;
      yield end;
    }
    const answer = await this.#request({
      method: 'POST',
      path: apiPath(route),
      body: Readable.from(body(), { objectMode: false }),
      headers: {
        'content-type': `multipart/form-data; boundary=${boundary}`,
        'content-length': String(start.length + size + end.length),
      },
      timeoutMs: TRANSFER_TIMEOUT_MS,
    });
    return asObject(answer.json, route);
  }

  /** A streamed answer. */
  async download(route: string, accept: string): Promise<Readable> {
    return this.open(route, { accept });
  }

  /** A streamed answer with its headers. */
  async open(route: string, headers: Readonly<Record<string, string>>): Promise<IncomingMessage> {
    return this.#http.open({
      method: 'GET',
      path: apiPath(route),
      headers,
      signal: this.#signal,
      timeoutMs: TRANSFER_TIMEOUT_MS,
    });
  }

  /** A request to an absolute URL (a prediction server's) with a body of bytes; the answer's text. */
  async send(url: string, body: Uint8Array, headers: Readonly<Record<string, string>>): Promise<Readable> {
    return this.#http.open({ method: 'POST', path: url, body, headers, signal: this.#signal });
  }

  close(): void {
    this.#http.close();
  }

  #request(request: HttpRequest): Promise<HttpAnswer> {
    return this.#http.request({ ...request, signal: this.#signal });
  }
}

/** A route below the API's base; a path that has it already, or a URL, stays as it is. */
const apiPath = (route: string): string =>
  route.startsWith('/api/') || route.startsWith('http') ? route : `/api/v1${route}`;

function asObject(value: unknown, route: string): JsonObject {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject; // shown by the line's own test
  throw new AppError(
    'SERVER_UNAVAILABLE',
    `${route} answered something that is not an object; is this a Trainyard server?`,
  );
}

function fileSize(file: string): number {
  const stat = statSync(file, { throwIfNoEntry: false });
  if (stat?.isFile() !== true) throw new AppError('BAD_REQUEST', `${file} is not a file`);
  return stat.size;
}

/** Where the server is, by whom it is known, and who asks: flags, then environment, then the data folder's own key file. */
export function connectionOf(options: {
  readonly url: string | undefined;
  readonly apiKey: string | undefined;
  readonly dataDir: string | undefined;
  readonly caFile?: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
}): { url: string; apiKey: string; caFile: string } {
  const url = options.url ?? options.env['TRAINYARD_URL'] ?? 'http://127.0.0.1:8080';
  const keyFile = path.join(options.dataDir ?? options.env['TRAINYARD_DATA_DIR'] ?? './trainyard-data', 'admin.key');
  const apiKey =
    options.apiKey ??
    options.env['TRAINYARD_API_KEY'] ??
    options.env['TRAINYARD_ADMIN_API_KEY'] ??
    readIfThere(keyFile);
  if (apiKey === null) {
    throw new AppError(
      'UNAUTHENTICATED',
      `no API key: give --api-key, set TRAINYARD_API_KEY, or name the data folder by --data-dir (looked for ${keyFile})`,
    );
  }
  return { url, apiKey, caFile: options.caFile ?? options.env['TRAINYARD_SERVER_CA_FILE'] ?? '' };
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return null; // absent or not ours to read: the caller names the file
  }
}
