import type { IncomingMessage } from 'node:http';
import { Transform, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyFileStream } from '@fastify/busboy';
import { AppError, CreateDatasetForm, DatasetOptions, parse } from '#contracts';
import type { ObjectStore, WrittenObject } from '#object-store';
import { discardRest } from '../http/body.ts';
import { parseJsonText } from '../http/json.ts';
import { refuseUnstorable } from '../http/storable.ts';
import { HEAD_BYTES, refuseForeignFormat } from './format.ts';

/** Longest text field of the form. */
const FIELD_BYTES_MAX = 64 * 1024;
/** Fields and files of the form together. */
const PARTS_MAX = 10;
/** Longest file name that is kept. */
const FILE_NAME_CHARS_MAX = 255;

/** A file that is in the object store as a whole, with what the form said beside it. */
export interface Upload extends WrittenObject {
  readonly objectPath: string;
  readonly fileName: string;
  readonly name: string | null;
  readonly options: DatasetOptions;
}

export interface ReceiveLimits {
  readonly fileBytesMax: number;
  /** Longest pause between two pieces of the body. */
  readonly idleMs: number;
}

/**
 * Streams a multipart upload into the object store; memory is bounded by a few chunks. Nothing is left of an upload
 * that fails in any way.
 *
 * @throws UPLOAD_INCOMPLETE when it breaks off, BODY_TOO_LARGE, VALIDATION_FAILED, UNSUPPORTED_FORMAT, DATASET_EMPTY
 */
export async function receiveUpload(
  req: IncomingMessage,
  store: ObjectStore,
  objectPath: string,
  limits: ReceiveLimits,
): Promise<Upload> {
  const form = new FormReader(store, objectPath, limits.fileBytesMax);
  try {
    const busboy = makeBusboy(req, limits.fileBytesMax);
    form.attach(busboy);
    await feed(req, idleGuard(limits.idleMs), busboy, form.broken);
    return await form.finish();
  } catch (err) {
    await form.discard();
    throw uploadError(err, form);
  }
}

function makeBusboy(req: IncomingMessage, fileBytesMax: number) {
  try {
    return new Busboy({
      // The route has seen that there is a content type.
      headers: { ...req.headers, 'content-type': req.headers['content-type'] ?? '' },
      limits: { fileSize: fileBytesMax, fieldSize: FIELD_BYTES_MAX, fields: PARTS_MAX, parts: PARTS_MAX },
    });
  } catch (err) {
    throw new AppError('BAD_REQUEST', 'Content-Type: multipart/form-data needs a boundary', { cause: err });
  }
}

/**
 * Passes the body on to the form. When the form fails first (a full disk, a file above the limit), the request is not
 * destroyed: its sender still has to be answered.
 */
async function feed(
  req: IncomingMessage,
  guard: Transform,
  busboy: InstanceType<typeof Busboy>,
  broken: Promise<never>,
): Promise<void> {
  const breakOff = () => {
    if (!req.complete) guard.destroy(new Error('the connection broke off'));
  };
  req.once('close', breakOff);
  req.once('error', breakOff);
  req.pipe(guard);
  const all = pipeline(guard, busboy);
  try {
    await Promise.race([all, broken]);
  } finally {
    req.unpipe(guard);
    req.off('close', breakOff);
    guard.destroy();
    discardRest(req);
    all.catch(() => undefined); // its failure is the one that is thrown, or a consequence of it
  }
}

/** Passes chunks on and fails when none comes for too long. */
function idleGuard(idleMs: number): Transform {
  const guard = new Transform({
    transform(chunk, _encoding, done) {
      timer.refresh();
      done(null, chunk);
    },
    destroy(err, done) {
      clearTimeout(timer);
      done(err);
    },
    flush(done) {
      clearTimeout(timer);
      done();
    },
  });
  const timer = setTimeout(() => guard.destroy(new Error(`no data for ${idleMs} ms`)), idleMs);
  return guard;
}

function uploadError(err: unknown, form: FormReader): unknown {
  const first = form.failure ?? err;
  if (first instanceof AppError) return first;
  return new AppError('UPLOAD_INCOMPLETE', `file: broke off after ${form.receivedBytes} bytes; nothing was kept`, {
    cause: first,
  });
}

class FormReader {
  /** What went wrong first: later errors are its consequences. */
  failure: AppError | null = null;
  receivedBytes = 0;
  /** Rejects when the file can be written no further. */
  readonly broken: Promise<never>;
  #breakOff: (err: unknown) => void = () => undefined;
  readonly #store: ObjectStore;
  readonly #objectPath: string;
  readonly #fileBytesMax: number;
  readonly #fields = new Map<string, string>();
  #head = Buffer.alloc(0);
  #fileName: string | null = null;
  #stream: BusboyFileStream | null = null;
  #written: Promise<WrittenObject> | null = null;

  constructor(store: ObjectStore, objectPath: string, fileBytesMax: number) {
    this.#store = store;
    this.#objectPath = objectPath;
    this.#fileBytesMax = fileBytesMax;
    this.broken = new Promise((_resolve, reject) => (this.#breakOff = reject));
    this.broken.catch(() => undefined); // `feed` looks at it
  }

  attach(busboy: InstanceType<typeof Busboy>): void {
    busboy.on('file', (field, stream, fileName) => this.#file(field, stream, fileName));
    busboy.on('field', (name, value, _nameTruncated, valueTruncated) => {
      if (valueTruncated) this.#fail('VALIDATION_FAILED', name, `expected at most ${FIELD_BYTES_MAX} bytes`);
      else if (!Object.hasOwn(CreateDatasetForm.properties, name) || name === 'file')
        this.#fail(
          'VALIDATION_FAILED',
          name,
          name === 'file' ? 'expected a file; found a text' : 'is not a known field',
        );
      else this.#fields.set(name, value);
    });
    for (const limit of ['partsLimit', 'fieldsLimit'] as const)
      busboy.on(limit, () => this.#fail('VALIDATION_FAILED', '', `expected at most ${PARTS_MAX} parts`));
  }

  async finish(): Promise<Upload> {
    const written = this.#written === null ? null : await this.#written;
    if (this.failure !== null) throw this.failure;
    if (written === null || this.#fileName === null)
      throw this.#fail('VALIDATION_FAILED', 'file', 'is required: the file to upload');
    refuseForeignFormat(this.#fileName, this.#head);
    const name = this.#fields.get('name');
    const form = { file: '', ...(name === undefined ? {} : { name }) };
    parse(CreateDatasetForm, form, 'form');
    const text = this.#fields.get('options');
    const options = text === undefined ? undefined : parseJsonText(text, 'options');
    refuseUnstorable(options, 'options');
    return {
      ...written,
      objectPath: this.#objectPath,
      fileName: this.#fileName,
      name: name ?? null,
      options: options === undefined ? {} : parse(DatasetOptions, options, 'options'),
    };
  }

  /** Removes what was written; the failure that led here is what counts. */
  async discard(): Promise<void> {
    // Busboy leaves the file's stream open when it is destroyed itself.
    this.#stream?.destroy();
    await this.#written?.catch(() => undefined);
    await this.#store.delete(this.#objectPath);
  }

  #file(field: string, stream: BusboyFileStream, fileName: string): void {
    if (field !== 'file' || this.#written !== null) {
      this.#fail(
        'VALIDATION_FAILED',
        field,
        field === 'file' ? 'is there more than once' : 'is not a known file field',
      );
      stream.resume();
      return;
    }
    this.#fileName = baseName(fileName);
    this.#stream = stream;
    // Whoever reads the stream gets its error; without a listener it would end the process when nobody reads just then.
    stream.on('error', () => undefined);
    stream.once('limit', () => {
      const message = `more than ${this.#fileBytesMax} bytes (server.uploadBytesMax)`;
      this.failure ??= new AppError('BODY_TOO_LARGE', `file: ${message}`, { errors: [{ path: '/file', message }] });
    });
    this.#written = this.#store.write(this.#objectPath, this.#counted(stream));
    this.#written.catch((err: unknown) => this.#breakOff(err));
  }

  async *#counted(stream: Readable): AsyncGenerator<Uint8Array> {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      if (this.#head.length < HEAD_BYTES)
        this.#head = Buffer.concat([this.#head, chunk.subarray(0, HEAD_BYTES - this.#head.length)]);
      this.receivedBytes += chunk.length;
      yield chunk;
    }
    // A file that was cut at the limit ends like a whole one.
    if (this.failure !== null) throw this.failure;
  }

  #fail(code: 'VALIDATION_FAILED', field: string, message: string): AppError {
    this.failure ??= new AppError(code, `form: /${field} ${message}`, { errors: [{ path: `/${field}`, message }] });
    return this.failure;
  }
}

/** The last part of a name, however the client's system writes paths, without control characters. */
function baseName(name: string): string {
  const base = (name.split(/[/\\]/).at(-1) ?? '').replace(/[\u0000-\u001f\u007f]/g, '').slice(-FILE_NAME_CHARS_MAX);
  return base === '' ? 'upload' : base;
}
