/**
 * The few types of ASN.1 that a certificate is made of, written in DER.
 *
 *     element = tag length content
 *     length  = below 128 one byte; else 0x80 + count of the bytes that follow, big-endian, the fewest
 *
 * @see ITU-T X.690 (02/2021), sections 8 and 10
 */

type Bytes = Uint8Array;

/** An element of any tag; its content is the parts one after another. */
export function element(tag: number, ...parts: readonly Bytes[]): Bytes {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.of(tag), lengthOf(content), content]);
}

function lengthOf({ length }: Bytes): Bytes {
  if (length < 0x80) return Buffer.of(length);
  const digits = base(256, length);
  return Buffer.of(0x80 + digits.length, ...digits);
}

export const sequence = (...parts: readonly Bytes[]): Bytes => element(0x30, ...parts);
export const set = (...parts: readonly Bytes[]): Bytes => element(0x31, ...parts);
export const boolean = (value: boolean): Bytes => element(0x01, Buffer.of(value ? 0xff : 0));
export const octetString = (...parts: readonly Bytes[]): Bytes => element(0x04, ...parts);
export const utf8String = (text: string): Bytes => element(0x0c, Buffer.from(text));

/** A number of 0 or more, big-endian. */
export function integer(digits: Bytes): Bytes {
  const first = digits.findIndex((digit) => digit !== 0);
  const fewest = first < 0 ? Buffer.of(0) : digits.subarray(first);
  // A first bit of 1 would make it negative.
  return element(0x02, ...((fewest[0] ?? 0) >= 0x80 ? [Buffer.of(0)] : []), fewest);
}

/** @param unused bits of the last byte that do not count */
export const bitString = (bytes: Bytes, unused = 0): Bytes => element(0x03, Buffer.of(unused), bytes);

/** @param text such as `2.5.29.17`; the second arc is below 40 */
export function objectIdentifier(text: string): Bytes {
  const [first = 0, second = 0, ...arcs] = text.split('.').map(Number);
  const bytes = arcs.flatMap((arc) => base(128, arc).map((digit, index, all) => digit | more(index, all)));
  return element(0x06, Buffer.of(first * 40 + second, ...bytes));
}

/** The bit that says that another digit follows. */
const more = (index: number, { length }: readonly number[]): number => (index < length - 1 ? 0x80 : 0);

/** A whole second of UTC, as certificates have it: with two digits of the year through 2049. @see RFC 5280, section 4.1.2.5 */
export function time(ms: number): Bytes {
  const text = `${new Date(ms).toISOString().replaceAll(/[-:T]|\.\d+Z$/g, '')}Z`;
  return text < '2050' ? element(0x17, Buffer.from(text.slice(2))) : element(0x18, Buffer.from(text));
}

/** Digits of a whole number, most significant first. */
function base(radix: number, value: number): number[] {
  const digits = [value % radix];
  for (let rest = Math.floor(value / radix); rest > 0; rest = Math.floor(rest / radix)) digits.unshift(rest % radix);
  return digits;
}
