/** The largest double below a finite one. @see IEEE 754-2019, 5.3.1, nextDown */
export function nextBelow(value: number): number {
  if (value === 0) return -Number.MIN_VALUE;
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigInt64(0, view.getBigInt64(0) + (value > 0 ? -1n : 1n));
  return view.getFloat64(0);
}

/** The smallest double above a finite one. */
export const nextAbove = (value: number): number => -nextBelow(-value);
