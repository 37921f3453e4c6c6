import { expect } from 'chai';
import {
  ERROR_TABLE,
  Job,
  parse,
  Problem,
  PROBLEM_MEDIA_TYPE,
  type ErrorCode,
  type Static,
  type TSchema,
} from '#contracts';
import { until } from './processes.ts';

/** Longest wait for a job of a test, milliseconds. */
const JOB_MS = 120_000;

export interface ApiRequest {
  readonly json?: unknown;
  readonly body?: NonNullable<RequestInit['body']>;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly headers: Headers;
  readonly bytes: Buffer;
  readonly text: string;
  /** Parsed body when it is JSON, else undefined. */
  readonly json: unknown;
}

/** What a refused request must be answered with. */
export interface Refusal {
  readonly status: number;
  readonly code: ErrorCode;
  /** Each must match `detail`, or the path or message of one of `errors`. */
  readonly says?: readonly (string | RegExp)[];
}

/** A file to upload. */
export interface UploadFile {
  readonly content: string | Uint8Array<ArrayBuffer>;
  readonly fileName?: string;
  readonly name?: string;
  readonly options?: unknown;
}

/**
 * A REST client of one key that holds every answer against the contract: a request id on all of them, and a problem
 * document whose code, status and title are of the one error table on each of 400 or more.
 */
export class Api {
  readonly url: string;
  readonly key: string | null;

  constructor(url: string, key: string | null) {
    this.url = url;
    this.key = key;
  }

  /** The same server, asked with another key; null: without one. */
  as(key: string | null): Api {
    return new Api(this.url, key);
  }

  /** Any request; `route` is below `/api/v1` unless it begins with `/api/`, `/predict` or is a URL. */
  async request(method: string, route: string, request: ApiRequest = {}): Promise<ApiAnswer> {
    const { json, body, headers } = request;
    const response = await fetch(this.#address(route), {
      method,
      redirect: 'manual',
      headers: {
        ...(this.key === null ? {} : { authorization: `Bearer ${this.key}` }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(json === undefined ? (body === undefined ? {} : { body }) : { body: JSON.stringify(json) }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString('utf8');
    const isJson = /[/+]json(;|$)/.test(response.headers.get('content-type') ?? '');
    const answer: ApiAnswer = {
      status: response.status,
      headers: response.headers,
      bytes,
      text,
      json: isJson && bytes.length > 0 ? (JSON.parse(text) as unknown) : undefined,
    };
    expect(answer.headers.get('x-request-id'), `${method} ${route}: X-Request-Id`).to.match(/^\S+$/);
    if (answer.status >= 400) problemOf(answer, `${method} ${route}`);
    return answer;
  }

  /** A request that must succeed with this status; its JSON body, checked. */
  async call<T extends TSchema>(
    method: string,
    route: string,
    status: number,
    schema: T,
    request: ApiRequest = {},
  ): Promise<Static<T>> {
    const answer = await this.request(method, route, request);
    expect(answer.status, `${method} ${route}: ${answer.text.slice(0, 2000)}`).to.equal(status);
    return parse(schema, answer.json, `answer of ${method} ${route}`);
  }

  get<T extends TSchema>(route: string, schema: T): Promise<Static<T>> {
    return this.call('GET', route, 200, schema);
  }

  /** A request that must be refused. */
  async refused(method: string, route: string, refusal: Refusal, request: ApiRequest = {}): Promise<Problem> {
    const answer = await this.request(method, route, request);
    const what = `${method} ${route}: ${answer.text.slice(0, 2000)}`;
    expect(answer.status, what).to.equal(refusal.status);
    return expectProblem(problemOf(answer, what), refusal, what);
  }

  /** Sends a file as multipart form. */
  async upload(file: UploadFile, headers: Readonly<Record<string, string>> = {}): Promise<ApiAnswer> {
    const form = new FormData();
    form.set('file', new File([file.content], file.fileName ?? 'data.csv'));
    if (file.name !== undefined) form.set('name', file.name);
    if (file.options !== undefined) form.set('options', JSON.stringify(file.options));
    return this.request('POST', '/datasets', { body: form, headers });
  }

  /** Uploads a file that must become a dataset; its id. */
  async dataset(file: UploadFile): Promise<string> {
    const answer = await this.upload(file, { prefer: 'wait=60' });
    expect(answer.status, answer.text).to.equal(202);
    const job = await this.succeeded(parse(Job, answer.json, 'job'));
    return idOf(job);
  }

  /** Waits until a job is final, by `Prefer: wait`. */
  async final(jobId: string): Promise<Job> {
    return until(
      `the end of job ${jobId}`,
      async () => {
        const answer = await this.request('GET', `/jobs/${jobId}`, { headers: { prefer: 'wait=30' } });
        const job = parse(Job, answer.json, 'job');
        return isFinal(job) ? job : null;
      },
      JOB_MS,
    );
  }

  /** Waits until a job has succeeded. */
  async succeeded(job: Job): Promise<Job> {
    const final = isFinal(job) ? job : await this.final(job.id);
    expect(final.state, JSON.stringify(final.error)).to.equal('succeeded');
    expect(final.error).to.equal(null);
    expect(final.progress.fraction).to.equal(1);
    expect(final.finishedAt).to.be.a('string');
    return final;
  }

  /** Waits until a job has failed with the problem that is expected. */
  async failed(job: Job, refusal: Refusal): Promise<Problem> {
    const final = isFinal(job) ? job : await this.final(job.id);
    expect(final.state, JSON.stringify(final)).to.equal('failed');
    const problem = parse(Problem, final.error, 'the job’s error');
    return expectProblem(problem, refusal, `job ${job.kind}: ${JSON.stringify(problem)}`);
  }

  #address(route: string): string {
    if (route.startsWith('http')) return route;
    return route.startsWith('/api/') || route === '/' || route.startsWith('/ui/') || route.startsWith('/internal/')
      ? `${this.url}${route}`
      : `${this.url}/api/v1${route}`;
  }
}

export const isFinal = ({ state }: Job): boolean => state !== 'queued' && state !== 'running';

/** Id of the resource that a job made. */
export function idOf(job: Job): string {
  const id = job.resource?.split('/').at(-1);
  if (id === undefined || id === '') throw new Error(`job ${job.id} names no resource`);
  return id;
}

/** The problem document of an answer, every member checked. */
function problemOf({ status, headers, json, text }: ApiAnswer, what: string): Problem {
  expect(headers.get('content-type'), `${what}: ${text.slice(0, 500)}`).to.equal(PROBLEM_MEDIA_TYPE);
  const problem = parse(Problem, json, `problem of ${what}`);
  expect(problem, what).to.have.all.keys('type', 'title', 'status', 'detail', 'code', 'errors', 'requestId');
  expect(problem.status, what).to.equal(status);
  expect(problem.requestId, what).to.equal(headers.get('x-request-id'));
  return ofTheTable(problem, what);
}

function ofTheTable(problem: Problem, what: string): Problem {
  expect(ERROR_TABLE, what).to.have.property(problem.code);
  const row = ERROR_TABLE[problem.code as ErrorCode]; // the line above has shown it
  expect(problem.status, `${what}: status of ${problem.code}`).to.equal(row.status);
  expect(problem.title, what).to.equal(row.title);
  expect(problem.detail, what).to.match(/\S/);
  return problem;
}

function expectProblem(problem: Problem, refusal: Refusal, what: string): Problem {
  ofTheTable(problem, what);
  expect(problem.code, what).to.equal(refusal.code);
  expect(problem.status, what).to.equal(refusal.status);
  const texts = [problem.detail, ...problem.errors.flatMap(({ path, message }) => [path, message])];
  for (const wanted of refusal.says ?? []) {
    const found = texts.some((text) => (typeof wanted === 'string' ? text.includes(wanted) : wanted.test(text)));
    expect(found, `${what}\nshould say ${String(wanted)}`).to.equal(true);
  }
  return problem;
}

/** Records of RFC 4180 text, header first. Strict: every record ends with CR LF or LF, as many cells everywhere. */
export function csvRecords(text: string): string[][] {
  const records: string[][] = [];
  let record: string[] = [];
  const token = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n)/y;
  while (token.lastIndex < text.length) {
    const at = token.lastIndex;
    const match = token.exec(text);
    if (match === null) throw new Error(`not CSV at character ${at}: ${JSON.stringify(text.slice(at, at + 80))}`);
    record.push(match[1] === undefined ? (match[2] ?? '') : match[1].replaceAll('""', '"'));
    if (match[3] === ',') continue;
    records.push(record);
    record = [];
  }
  const width = records[0]?.length;
  for (const [index, { length }] of records.entries()) expect(length, `cells of record ${index}`).to.equal(width);
  return records;
}
