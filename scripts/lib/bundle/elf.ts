import { AppError } from '#contracts';

/** What an ELF file asks of the system that it is loaded on. */
export interface ElfNeeds {
  /** Names of the libraries that it is linked against, in its order. */
  readonly libraries: readonly string[];
  /** Versions of symbols that must be there, by library: `GLIBC_2.28`. */
  readonly versions: ReadonlyMap<string, readonly string[]>;
  /** Its own name for others that are linked against it. */
  readonly soname: string | null;
}

const MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_SONAME = 14;
const DT_VERNEED = 0x6ffffffe;
const DT_VERNEEDNUM = 0x6fffffff;
const PROGRAM_HEADER_BYTES = 56;
const DYNAMIC_BYTES = 16;

/** True for a file that begins as ELF files do. */
export const isElf = (bytes: Uint8Array): boolean => bytes.length > 64 && viewOf(bytes).getUint32(0) === MAGIC;

/**
 * Reads the dynamic section of a 64-bit little-endian ELF file: what `readelf -d -V` prints as NEEDED and "Version needs".
 *
 *     file    = header program-header* ...;  PT_DYNAMIC -> { tag value }*, tag 0 ends
 *     VERNEED = { version cnt file aux next } -> cnt x { hash flags other name next }, offsets from the record's own start
 *
 * @throws INTERNAL for any other file
 * @see System V ABI, "Program Loading and Dynamic Linking"; Linux Standard Base Core, "Symbol Versioning"
 */
export function readElfNeeds(bytes: Uint8Array, name: string): ElfNeeds {
  const view = viewOf(bytes);
  if (!isElf(bytes) || bytes[4] !== CLASS_64 || bytes[5] !== LITTLE_ENDIAN)
    throw new AppError('INTERNAL', `${name}: expected a 64-bit little-endian ELF file`);
  const segments = segmentsOf(view);
  const dynamic = dynamicOf(view, segments);
  const at = (tag: number): number => offsetOf(segments, dynamic.find((entry) => entry.tag === tag)?.value ?? 0);
  const names = at(DT_STRTAB);
  const text = (offset: number): string => {
    const start = names + offset;
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, bytes.indexOf(0, start) - start).toString('latin1');
  };
  const values = (tag: number): number[] => dynamic.filter((entry) => entry.tag === tag).map(({ value }) => value);
  const versions =
    values(DT_VERNEED).length === 0
      ? new Map<string, string[]>()
      : new Map(readVersionNeeds(view, at(DT_VERNEED), values(DT_VERNEEDNUM)[0] ?? 0, text));
  return {
    libraries: values(DT_NEEDED).map(text),
    versions,
    soname: values(DT_SONAME).map(text)[0] ?? null,
  };
}

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly sizeBytes: number;
}

function segmentsOf(view: DataView): Segment[] {
  const start = Number(view.getBigUint64(32, true));
  return Array.from({ length: view.getUint16(56, true) }, (_, index) => {
    const at = start + index * PROGRAM_HEADER_BYTES;
    return {
      type: view.getUint32(at, true),
      offset: Number(view.getBigUint64(at + 8, true)),
      address: Number(view.getBigUint64(at + 16, true)),
      sizeBytes: Number(view.getBigUint64(at + 32, true)),
    };
  });
}

function dynamicOf(view: DataView, segments: readonly Segment[]): { tag: number; value: number }[] {
  const segment = segments.find(({ type }) => type === PT_DYNAMIC);
  const entries: { tag: number; value: number }[] = [];
  for (let done = 0; segment !== undefined && done < segment.sizeBytes; done += DYNAMIC_BYTES) {
    const at = segment.offset + done;
    const tag = Number(view.getBigInt64(at, true));
    if (tag === 0) break;
    entries.push({ tag, value: Number(view.getBigUint64(at + 8, true)) });
  }
  return entries;
}

/** Where the byte that will lie at an address lies in the file. */
function offsetOf(segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    (one) => one.type === PT_LOAD && address >= one.address && address < one.address + one.sizeBytes,
  );
  return segment === undefined ? 0 : address - segment.address + segment.offset;
}

function* readVersionNeeds(
  view: DataView,
  start: number,
  count: number,
  text: (offset: number) => string,
): Generator<[string, string[]]> {
  let at = start;
  for (let index = 0; index < count; index += 1) {
    const found: string[] = [];
    let aux = at + view.getUint32(at + 8, true);
    for (let left = view.getUint16(at + 2, true); left > 0; left -= 1) {
      found.push(text(view.getUint32(aux + 8, true)));
      aux += view.getUint32(aux + 12, true);
    }
    yield [text(view.getUint32(at + 4, true)), found];
    at += view.getUint32(at + 12, true);
  }
}

/**
 * The highest version of a family that any of the files needs: `2.28` of `GLIBC`; null when none needs any. Versions that
 * are no numbers (`GLIBC_PRIVATE`) do not count.
 */
export function versionFloor(needs: readonly ElfNeeds[], family: string): string | null {
  const numbers = needs
    .flatMap(({ versions }) => [...versions.values()].flat())
    .filter((version) => version.startsWith(`${family}_`))
    .map((version) => version.slice(family.length + 1))
    .filter((version) => /^\d+(\.\d+)*$/.test(version));
  return numbers.toSorted(compareVersions).at(-1) ?? null;
}

function compareVersions(a: string, b: string): number {
  const left = a.split('.').map(Number);
  const right = b.split('.').map(Number);
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
