/**
 * Reads tables of FlatBuffers. All offsets are relative and unsigned but that to the vtable, all numbers little endian:
 *
 *     buffer = uoffset32 (to the root table) ...
 *     table  = soffset32 (back to its vtable) fields
 *     vtable = uint16 (its size) uint16 (the table's size) *uint16 (where each field lies in the table; 0: it is not there)
 *     vector = uint32 (count) elements          string = vector of UTF-8
 *
 * A place outside of the bytes is a `RangeError` of the view, which the caller takes for a damaged message.
 *
 * @see https://flatbuffers.dev/internals/
 */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;
  readonly #vtable: number;
  readonly #vtableSize: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
    this.#vtable = at - view.getInt32(at, true);
    this.#vtableSize = view.getUint16(this.#vtable, true);
  }

  /** The root table of a buffer. */
  static root(view: DataView): FlatTable {
    return new FlatTable(view, view.getUint32(0, true));
  }

  /** Where a field lies; 0 where the table does not have it. */
  #place(field: number): number {
    const slot = 4 + 2 * field;
    if (slot + 2 > this.#vtableSize) return 0;
    const offset = this.#view.getUint16(this.#vtable + slot, true);
    return offset === 0 ? 0 : this.#at + offset;
  }

  int8(field: number, otherwise: number): number {
    const place = this.#place(field);
    return place === 0 ? otherwise : this.#view.getInt8(place);
  }

  int16(field: number, otherwise: number): number {
    const place = this.#place(field);
    return place === 0 ? otherwise : this.#view.getInt16(place, true);
  }

  int32(field: number, otherwise: number): number {
    const place = this.#place(field);
    return place === 0 ? otherwise : this.#view.getInt32(place, true);
  }

  /** A 64-bit number; NaN where a double does not hold it exactly. */
  int64(field: number): number {
    const place = this.#place(field);
    return place === 0 ? 0 : longAt(this.#view, place);
  }

  /** Null where the table does not have it. */
  text(field: number): string | null {
    const place = this.#place(field);
    if (place === 0) return null;
    const start = this.#indirect(place);
    const length = this.#view.getUint32(start, true);
    const bytes = new Uint8Array(this.#view.buffer, this.#view.byteOffset, this.#view.byteLength);
    if (start + 4 + length > bytes.length) throw new RangeError('a text ends outside of the message');
    return new TextDecoder().decode(bytes.subarray(start + 4, start + 4 + length));
  }

  table(field: number): FlatTable | null {
    const place = this.#place(field);
    return place === 0 ? null : new FlatTable(this.#view, this.#indirect(place));
  }

  /** Tables of a vector; none where it is not there. @param countMax more are a `RangeError` */
  tables(field: number, countMax: number): FlatTable[] {
    const { start, count } = this.vector(field, 4);
    if (count > countMax) throw new RangeError(`a vector has ${count} tables`);
    return Array.from({ length: count }, (_, index) => new FlatTable(this.#view, this.#indirect(start + 4 * index)));
  }

  /** Where the elements of a vector begin, and how many of `widthBytes` there are, all of them inside the bytes. */
  vector(field: number, widthBytes: number): { readonly start: number; readonly count: number } {
    const place = this.#place(field);
    if (place === 0) return { start: 0, count: 0 };
    const at = this.#indirect(place);
    const count = this.#view.getUint32(at, true);
    if (at + 4 + count * widthBytes > this.#view.byteLength)
      throw new RangeError('a vector ends outside of the message');
    return { start: at + 4, count };
  }

  #indirect(place: number): number {
    return place + this.#view.getUint32(place, true);
  }
}

/** A signed 64-bit number; NaN where a double does not hold it exactly. */
export function longAt(view: DataView, place: number): number {
  const value = Number(view.getBigInt64(place, true));
  return Number.isSafeInteger(value) ? value : NaN;
}
