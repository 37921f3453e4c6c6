import type { Knex } from 'knex';
import { AppError } from '#contracts';

/** A page of a list; `next` continues it, null at its end. */
export interface Page<T> {
  readonly items: T[];
  readonly next: string | null;
}

export interface PageOptions {
  /** 1 to 1000. */
  readonly limit: number;
  /** Of an earlier page of the same list. */
  readonly cursor?: string | null | undefined;
}

/** An opaque cursor for a place in a list ordered by these values. */
export function encodeCursor(values: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(values)).toString('base64url');
}

/**
 * The values of a cursor.
 *
 * @param shape type of each value, in order
 * @throws VALIDATION_FAILED for a text that is not a cursor of this list
 */
export function decodeCursor(cursor: string, shape: readonly ('string' | 'number')[]): (string | number)[] {
  let values: unknown;
  try {
    values = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
  } catch {
    values = null;
  }
  const fits =
    Array.isArray(values) &&
    values.length === shape.length &&
    values.every((value, index) => typeof value === shape[index]);
  if (!fits) {
    const errors = [{ path: '/cursor', message: 'must be the cursor of an earlier answer of this list' }];
    throw new AppError('VALIDATION_FAILED', 'query: /cursor is not a cursor of this list', { errors });
  }
  return values as (string | number)[]; // the types were compared with the shape
}

/** Newest first by (`created_at`, `id`); rows that are added meanwhile neither move nor repeat others. */
export async function pageByCreation<R extends { created_at: number; id: string }>(
  query: Knex.QueryBuilder,
  table: string,
  { limit, cursor }: PageOptions,
): Promise<Page<R>> {
  const paged = query
    .orderBy([
      { column: `${table}.created_at`, order: 'desc' },
      { column: `${table}.id`, order: 'desc' },
    ])
    .limit(limit + 1);
  if (cursor !== undefined && cursor !== null) {
    const [createdAt = 0, id = ''] = decodeCursor(cursor, ['number', 'string']);
    void paged.whereRaw('(??, ??) < (?, ?)', [`${table}.created_at`, `${table}.id`, createdAt, id]);
  }
  const rows = (await paged) as R[]; // the caller selected the columns of R
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  return { items, next: rows.length > limit && last !== undefined ? encodeCursor([last.created_at, last.id]) : null };
}
