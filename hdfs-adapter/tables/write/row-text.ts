/** A cell that is written: an exact text or a number; null is NULL, and so is NaN. */
export type Cell = string | number | null;

const NEEDS_QUOTES = /[",\r\n]/;

/**
 * A cell by RFC 4180: quoted where it must be, and when empty, so that an empty text is told from NULL. Numbers in
 * shortest round-trip form (ECMAScript), infinities by name.
 */
export function csvCell(cell: Cell): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return Number.isNaN(cell) ? '' : String(cell);
  return cell === '' || NEEDS_QUOTES.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** A cell as JSON (RFC 8259). JSON has no infinities: they are the texts `Infinity` and `-Infinity`. */
export function jsonCell(cell: Cell): string {
  if (typeof cell !== 'number') return JSON.stringify(cell);
  if (Number.isNaN(cell)) return 'null';
  return Number.isFinite(cell) ? String(cell) : `"${cell}"`;
}
