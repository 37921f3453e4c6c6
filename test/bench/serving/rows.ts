import { randomGenerator } from '../../unit/prediction/scoring/support.ts';
import { CATEGORIES, COLUMNS, NUMERIC } from '../synthetic-model.ts';
import type { Requests } from '../../support/serving/load.ts';

/** Rows that are sent by turns. */
const ROWS = 256;

/** A cell by the name of its column, as a client has it. */
export type Row = Readonly<Record<string, number | string>>;

/** The same rows for every server: 6 numbers with one decimal, 8 categories. */
export function benchRows(): readonly Row[] {
  const random = randomGenerator(1);
  return Array.from({ length: ROWS }, () =>
    Object.fromEntries(
      Array.from({ length: COLUMNS }, (_, column): [string, number | string] =>
        column < NUMERIC
          ? [`number_${column}`, random.integer(1000) / 10]
          : [`category_${column}`, `value ${random.integer(CATEGORIES[column - NUMERIC] ?? 1)}`],
      ),
    ),
  );
}

/** The same rows as numbers, a category by its code: what servers without encoders are sent. */
export const encodedRow = (row: Row): readonly number[] =>
  Object.values(row).map((cell) => (typeof cell === 'number' ? cell : Number(cell.slice('value '.length))));

/** POSTs of JSON as bytes. */
export function jsonRequests(path: string, bodies: readonly unknown[], headers: readonly string[] = []): Requests {
  return bodies.map((body) => {
    const text = JSON.stringify(body);
    const lines = [
      `POST ${path} HTTP/1.1`,
      'Host: 127.0.0.1',
      ...headers,
      'Content-Type: application/json',
      `Content-Length: ${Buffer.byteLength(text)}`,
    ];
    return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${text}`);
  });
}
