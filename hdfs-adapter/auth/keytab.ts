import { readFileSync } from 'node:fs';
import { AppError } from '#contracts';

/** Larger than any keytab. */
const FILE_BYTES_MAX = 1024 * 1024;
const VERSION = 0x0502;

/**
 * The principals whose keys a keytab holds, in its order. Keys are not looked at.
 *
 * ```text
 * keytab = uint16 0x0502, entry*        big-endian
 * entry  = int32 size (negative: a hole of that many bytes), uint16 n, string realm, n * string component, ...
 * string = uint16 length, bytes
 * ```
 *
 * @see https://web.mit.edu/kerberos/krb5-devel/doc/formats/keytab_file_format.html
 * @throws KERBEROS_LOGIN_FAILED when the file cannot be read or is no keytab
 */
export function readKeytabPrincipals(file: string): readonly string[] {
  const bytes = readFile(file);
  if (bytes.length < 2 || bytes.readUInt16BE(0) !== VERSION) throw bad(file, 'expected a keytab, found another format');
  const principals = new Set<string>();
  try {
    for (let at = 2; at + 4 <= bytes.length;) {
      const size = bytes.readInt32BE(at);
      if (size === 0) break;
      if (size > 0) principals.add(readPrincipal(bytes.subarray(at + 4, at + 4 + size)));
      at += 4 + Math.abs(size);
    }
  } catch (err) {
    if (err instanceof RangeError) throw bad(file, 'it is damaged');
    throw err;
  }
  return [...principals];
}

/**
 * The principal to log in as: the one asked for, which must be in the keytab, or the keytab's first.
 *
 * @throws KERBEROS_LOGIN_FAILED naming keytab, expected and found principals
 */
export function choosePrincipal(file: string, wanted: string): string {
  const found = readKeytabPrincipals(file);
  const chosen = wanted === '' ? found[0] : found.find((name) => name === wanted);
  if (chosen !== undefined) return chosen;
  throw bad(file, `expected a key of ${wanted || 'some principal'}, found ${found.join(', ') || 'none'}`);
}

function readFile(file: string): Buffer {
  try {
    const bytes = readFileSync(file);
    if (bytes.length <= FILE_BYTES_MAX) return bytes;
  } catch (err) {
    const { code = '' } = err as NodeJS.ErrnoException;
    throw bad(file, code === 'ENOENT' ? 'no such file' : `cannot be read by this user (${code})`, err);
  }
  throw bad(file, 'expected a keytab, found a file that is too large for one');
}

function readPrincipal(entry: Buffer): string {
  let at = 2;
  const text = (): string => {
    const length = entry.readUInt16BE(at);
    at += 2 + length;
    return entry.toString('utf8', at - length, at);
  };
  const count = entry.readUInt16BE(0);
  const realm = text();
  const components = Array.from({ length: count }, text);
  return `${components.join('/')}@${realm}`;
}

function bad(file: string, problem: string, cause?: unknown): AppError {
  return new AppError('KERBEROS_LOGIN_FAILED', `Keytab ${file}: ${problem}`, { cause, details: { keytab: file } });
}
