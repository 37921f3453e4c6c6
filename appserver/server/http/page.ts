import { PAGE_LIMIT_DEFAULT } from '#contracts';
import type { Page, PageOptions } from '#store';

/** What a list was asked for. */
export interface PageRequest {
  readonly limit?: number;
  readonly cursor?: string;
}

/** What the store is asked for. */
export function pageOptionsOf(request: PageRequest): PageOptions {
  return { limit: request.limit ?? PAGE_LIMIT_DEFAULT, cursor: request.cursor ?? null };
}

/** A page as clients see it. */
export function toPage<T, V>(
  { items, next }: Page<T>,
  url: URL,
  view: (item: T) => V,
): { data: V[]; next: string | null } {
  return { data: items.map(view), next: next === null ? null : nextPath(url, next) };
}

/** Path of the page behind a cursor; the rest of the query stays. */
export function nextPath(url: URL, cursor: string): string {
  const query = new URLSearchParams(url.search);
  query.set('cursor', cursor);
  return `${url.pathname}?${query.toString()}`;
}
