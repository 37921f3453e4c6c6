import { createHash } from 'node:crypto';
import { AppError } from '#contracts';

/**
 * SPNEGO as an initiator through the system's libgssapi_krb5 (MIT), by koffi: no compiler, no `kinit`. The one file that
 * knows koffi and the C signatures; both are loaded by the first login, so importing this module loads no native code.
 *
 * @see RFC 2743 and 2744 (GSS-API), RFC 4178 (SPNEGO), gssapi_ext.h of MIT krb5 1.11 (`gss_acquire_cred_from`)
 */

/** Where a login takes its tickets from. */
export interface GssLogin {
  /** Principal of the keytab, `name@REALM`. */
  readonly principal: string;
  readonly keytab: string;
}

/** A failed call, with the library's own words. */
export class GssError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'GssError';
  }
}

/** One exchange with one service. */
export interface GssContext {
  /** The token to send: the first one without, the answer to the server's with an argument. */
  step(input?: Uint8Array): Promise<Uint8Array>;
  /** True once both sides have proved who they are. */
  readonly established: boolean;
  close(): void;
}

/** A pointer as koffi hands it out. */
type Pointer = bigint | null;
interface Bytes {
  readonly length: number;
  readonly elements: Uint8Array;
}
interface InputBuffer {
  readonly length: number;
  readonly value: Uint8Array;
}
interface OutputBuffer {
  length?: number | bigint;
  value?: unknown;
}
type AsyncCall = (...args: readonly unknown[]) => Promise<number>;

interface Library {
  readonly importName: (minor: [number], name: InputBuffer, type: Bytes, out: [Pointer]) => number;
  readonly acquireFrom: AsyncCall;
  readonly initContext: AsyncCall;
  readonly displayStatus: (
    minor: [number],
    status: number,
    type: number,
    mechanism: Bytes | null,
    more: [number],
    out: OutputBuffer,
  ) => number;
  readonly releaseName: (minor: [number], name: [Pointer]) => number;
  readonly releaseCredential: (minor: [number], credential: [Pointer]) => number;
  readonly deleteContext: (minor: [number], context: [Pointer], out: null) => number;
  /** Copies a buffer out of C memory and frees it there. */
  readonly take: (buffer: OutputBuffer) => Buffer;
}

const LIBRARY = 'libgssapi_krb5.so.2';
const oid = (hex: string): Bytes => ({ length: hex.length / 2, elements: Buffer.from(hex, 'hex') });
/** 1.3.6.1.5.5.2 */
const SPNEGO = oid('2b0601050502');
/** 1.2.840.113554.1.2.2 */
const KRB5 = oid('2a864886f712010202');
/** 1.2.840.113554.1.2.1.4: `service@host` */
const HOST_BASED_SERVICE = oid('2a864886f71201020104');
/** 1.2.840.113554.1.2.2.1: `name@REALM` */
const KRB5_PRINCIPAL = oid('2a864886f71201020201');
const INITIATE = 1;
const CONTINUE_NEEDED = 1;
const MUTUAL_REPLAY_SEQUENCE = 2 | 4 | 8;
const GSS_CODE = 1;
const MECHANISM_CODE = 2;

const failed = (major: number): boolean => major >>> 16 !== 0;

let loading: Promise<Library> | undefined;

/** @throws NATIVE_LIBRARY */
async function library(): Promise<Library> {
  loading ??= load().catch((err: unknown) => {
    loading = undefined;
    throw new AppError(
      'NATIVE_LIBRARY',
      `${LIBRARY}: cannot be loaded; install the package libgssapi-krb5-2 (krb5-libs)`,
      {
        cause: err,
      },
    );
  });
  return loading;
}

async function load(): Promise<Library> {
  const { default: koffi } = await import('koffi');
  const gss = koffi.load(LIBRARY);
  koffi.struct('gss_OID_desc', { length: 'uint32_t', elements: 'void *' });
  koffi.struct('gss_OID_set_desc', { count: 'size_t', elements: 'gss_OID_desc *' });
  koffi.struct('gss_buffer_desc', { length: 'size_t', value: 'void *' });
  koffi.struct('gss_key_value_element_desc', { key: 'const char *', value: 'const char *' });
  koffi.struct('gss_key_value_set_desc', { count: 'uint32_t', elements: 'gss_key_value_element_desc *' });
  const sync = (prototype: string): unknown => gss.func(prototype);
  const later = (prototype: string): AsyncCall => {
    const fn = gss.func(prototype);
    return (...args) =>
      new Promise((resolve, reject) => {
        fn.async(...args, (err: Error | null, major: number) => (err === null ? resolve(major) : reject(err)));
      });
  };
  const releaseBuffer = sync('uint32_t gss_release_buffer(_Out_ uint32_t *minor, _Inout_ gss_buffer_desc *buffer)') as (
    minor: [number],
    buffer: OutputBuffer,
  ) => number;
  // Casts: each type says the prototype beside it.
  return {
    importName: sync(
      'uint32_t gss_import_name(_Out_ uint32_t *minor, gss_buffer_desc *name, gss_OID_desc *type, _Out_ void **out)',
    ) as Library['importName'],
    acquireFrom: later(
      'uint32_t gss_acquire_cred_from(_Out_ uint32_t *minor, void *name, uint32_t time, gss_OID_set_desc *mechanisms, int usage, gss_key_value_set_desc *store, _Out_ void **credential, void *actual, void *actualTime)',
    ),
    initContext: later(
      'uint32_t gss_init_sec_context(_Out_ uint32_t *minor, void *credential, _Inout_ void **context, void *name, gss_OID_desc *mechanism, uint32_t flags, uint32_t time, void *bindings, gss_buffer_desc *input, void *actual, _Out_ gss_buffer_desc *output, void *actualFlags, void *actualTime)',
    ),
    displayStatus: sync(
      'uint32_t gss_display_status(_Out_ uint32_t *minor, uint32_t status, int type, gss_OID_desc *mechanism, _Inout_ uint32_t *more, _Out_ gss_buffer_desc *text)',
    ) as Library['displayStatus'],
    releaseName: sync(
      'uint32_t gss_release_name(_Out_ uint32_t *minor, _Inout_ void **name)',
    ) as Library['releaseName'],
    releaseCredential: sync(
      'uint32_t gss_release_cred(_Out_ uint32_t *minor, _Inout_ void **credential)',
    ) as Library['releaseCredential'],
    deleteContext: sync(
      'uint32_t gss_delete_sec_context(_Out_ uint32_t *minor, _Inout_ void **context, void *out)',
    ) as Library['deleteContext'],
    take(buffer) {
      const length = Number(buffer.length ?? 0);
      if (length === 0 || buffer.value === null || buffer.value === undefined) return Buffer.alloc(0);
      const bytes = Buffer.from(koffi.decode(buffer.value, 'uint8_t', length) as Uint8Array);
      releaseBuffer([0], buffer);
      return bytes;
    },
  };
}

/**
 * Logs in from the keytab and begins an exchange with `HTTP@<host>`. Tickets are kept in this process's memory under the
 * principal's name; the library gets new ones from the keytab when they are old.
 *
 * @throws GssError, NATIVE_LIBRARY
 */
export async function openContext(login: GssLogin, service: string): Promise<GssContext> {
  const gss = await library();
  const credential = await acquire(gss, login);
  try {
    return makeContext(gss, credential, importName(gss, service, HOST_BASED_SERVICE));
  } catch (err) {
    gss.releaseCredential([0], credential);
    throw err;
  }
}

async function acquire(gss: Library, { principal, keytab }: GssLogin): Promise<[Pointer]> {
  const name = importName(gss, principal, KRB5_PRINCIPAL);
  const store = [
    { key: 'client_keytab', value: `FILE:${keytab}` },
    { key: 'ccache', value: `MEMORY:trainyard-${cacheName(principal, keytab)}` },
  ];
  const attempt = async (mechanism: Bytes): Promise<[Pointer]> => {
    const minor: [number] = [0];
    const credential: [Pointer] = [null];
    const major = await gss.acquireFrom(
      ...[minor, name[0], 0, { count: 1, elements: [mechanism] }, INITIATE, { count: store.length, elements: store }],
      ...[credential, null, null],
    );
    if (failed(major)) throw new GssError(errorText(gss, major, minor[0]));
    return credential;
  };
  try {
    return await attempt(SPNEGO);
  } catch (err) {
    // SPNEGO says no more than that no mechanism works; Kerberos itself says why.
    gss.releaseCredential([0], await attempt(KRB5));
    throw err;
  } finally {
    gss.releaseName([0], name);
  }
}

/** One cache a login: libkrb5 takes whatever ticket a cache has for the principal's own. */
function cacheName(principal: string, keytab: string): string {
  return createHash('sha256').update(`${principal}\0${keytab}`).digest('hex').slice(0, 32);
}

function importName(gss: Library, text: string, type: Bytes): [Pointer] {
  const bytes = Buffer.from(text);
  const minor: [number] = [0];
  const name: [Pointer] = [null];
  const major = gss.importName(minor, { length: bytes.length, value: bytes }, type, name);
  if (failed(major)) throw new GssError(errorText(gss, major, minor[0]));
  return name;
}

function makeContext(gss: Library, credential: [Pointer], name: [Pointer]): GssContext {
  const context: [Pointer] = [null];
  let established = false;
  return {
    get established() {
      return established;
    },
    async step(input) {
      const minor: [number] = [0];
      const output: OutputBuffer = {};
      const received = input === undefined ? null : { length: input.length, value: input };
      const major = await gss.initContext(
        ...[minor, credential[0], context, name[0], SPNEGO, MUTUAL_REPLAY_SEQUENCE, 0, null, received],
        ...[null, output, null, null],
      );
      if (failed(major)) throw new GssError(errorText(gss, major, minor[0]));
      established = (major & CONTINUE_NEEDED) === 0;
      return gss.take(output);
    },
    close() {
      if (context[0] !== null) gss.deleteContext([0], context, null);
      gss.releaseName([0], name);
      gss.releaseCredential([0], credential);
    },
  };
}

/** Everything that the library says about a failure. */
function errorText(gss: Library, major: number, minor: number): string {
  return `${statusText(gss, major, GSS_CODE)} (${statusText(gss, minor, MECHANISM_CODE)})`;
}

function statusText(gss: Library, status: number, type: number): string {
  const more: [number] = [0];
  const lines: string[] = [];
  do {
    const text: OutputBuffer = {};
    if (failed(gss.displayStatus([0], status, type, type === MECHANISM_CODE ? KRB5 : null, more, text))) break;
    lines.push(gss.take(text).toString('utf8').replace(/\0+$/, ''));
  } while (more[0] !== 0);
  return lines.join('; ');
}
