/** Significant digits of measured figures. */
const DIGITS = 5;

/** Digits in groups of three: no locale, so that the text is the same everywhere. */
const grouped = (digits: string): string => digits.replace(/\B(?=(\d{3})+(?!\d))/g, ',');

/** A count, exact, its digits in groups; a dash for what is not known. */
export const count = (value: number | null | undefined): string =>
  value === null || value === undefined ? '–' : `${value < 0 ? '-' : ''}${grouped(String(Math.abs(value)))}`;

/** A measured figure of so many significant digits; integers below a million are exact. A dash for what is not known. */
export function figure(value: number | null | undefined, digits = DIGITS): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  if (!Number.isFinite(value)) return value > 0 ? '∞' : '-∞';
  if (Number.isInteger(value) && Math.abs(value) < 1e6) return count(value);
  const size = Math.abs(value);
  if (size >= 1e15 || size < 1e-6) return value.toExponential(digits - 1);
  const [whole = '', fraction] = plain(value.toPrecision(digits)).split('.');
  const sign = whole.startsWith('-') ? '-' : '';
  const digitsOfWhole = grouped(whole.replace('-', ''));
  return `${sign}${digitsOfWhole}${fraction === undefined ? '' : `.${fraction}`}`;
}

/** `toPrecision` takes to exponents where digits are fewer than the whole part has. */
const plain = (text: string): string => (text.includes('e') ? String(Number(text)) : text);

/** A figure with its standard error, in digits that the error leaves a meaning to: `0.3127 ± 0.0021`. */
export function withError(value: number | null | undefined, error: number | null | undefined): string {
  if (value === null || value === undefined) return '–';
  if (error === null || error === undefined || !(error > 0)) return figure(value);
  const place = Math.max(0, 1 - Math.floor(Math.log10(error)));
  if (place > 10 || Math.abs(value) >= 1e15) return `${figure(value)} ± ${figure(error, 2)}`;
  const shown = (number: number): string => {
    const [whole = '', fraction] = Math.abs(number).toFixed(place).split('.');
    return `${number < 0 ? '-' : ''}${grouped(whole)}${fraction === undefined ? '' : `.${fraction}`}`;
  };
  return `${shown(value)} ± ${shown(error)}`;
}

/** A share as a percentage of three significant digits. */
export function percent(share: number | null | undefined): string {
  if (share === null || share === undefined || Number.isNaN(share)) return '–';
  return share === 0 || share === 1 ? `${100 * share} %` : `${plain((100 * share).toPrecision(3))} %`;
}

/** Bytes in binary units. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let unit = 0;
  while (size >= 1024 && unit < units.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return unit === 0 ? `${count(value)} B` : `${plain(size.toPrecision(3))} ${units[unit] ?? ''}`;
}

/** A time in UTC, to the second: `2026-11-29 10:02:03 UTC`; a day by itself stays one. */
export const instant = (iso: string): string =>
  iso.length > 10 ? `${iso.slice(0, 10)} ${iso.slice(11, 19)} UTC` : iso;

/** A bound of a feature's values: of dates the day. */
export function bound(value: number | null, type: string): string {
  if (value === null || type !== 'date') return figure(value);
  const date = new Date(value * 1000);
  return Number.isNaN(date.getTime()) ? figure(value) : date.toISOString().slice(0, 10);
}
