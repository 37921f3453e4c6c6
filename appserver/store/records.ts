import type { Knex } from 'knex';

/** The rows of a query whose columns the caller's table definition guarantees. */
export async function rowsOf<R>(query: Knex.QueryBuilder): Promise<R[]> {
  return (await query) as R[]; // the columns of R are those of the migration that made the table
}

/** The first row of a query, or undefined. */
export async function rowOf<R>(query: Knex.QueryBuilder): Promise<R | undefined> {
  const rows = await rowsOf<R>(query.limit(1));
  return rows[0];
}

/** Value of a column that this program wrote as JSON text. */
export function fromJson<T>(text: string): T {
  return JSON.parse(text) as T; // written by `toJson` from a T
}

/** Null stays null. */
export function fromJsonOrNull<T>(text: string | null): T | null {
  return text === null ? null : fromJson<T>(text);
}

export const toJson = (value: unknown): string => JSON.stringify(value);
