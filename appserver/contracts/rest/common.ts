import { nullable, strict } from '../schema.ts';
import { Type, type TSchema } from '../type.ts';

/** Entries of a page when the caller does not say. */
export const PAGE_LIMIT_DEFAULT = 100;
/** Most entries of one page. */
export const PAGE_LIMIT_MAX = 1_000;
/** Longest `Prefer: wait=N`, seconds. @see RFC 7240 section 4.3 */
export const WAIT_SECONDS_MAX = 60;

/** How much of a list is wanted. */
export const PageQuery = {
  limit: Type.Optional(
    Type.Integer({ minimum: 1, maximum: PAGE_LIMIT_MAX, default: PAGE_LIMIT_DEFAULT, description: 'most entries' }),
  ),
  cursor: Type.Optional(
    Type.String({ minLength: 1, maxLength: 500, description: 'opaque; from `next` of the page before' }),
  ),
};

/** One page of a list; `next` is the path of the following page. */
export const pageOf = <T extends TSchema>(entry: T) =>
  strict({ data: Type.Array(entry), next: nullable(Type.String({ description: 'path of the next page' })) });

/** Names that users give. */
export const Name = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*\\S[^\\u0000]*$' });
/** Free text that users give. */
export const Description = Type.String({ maxLength: 10_000, pattern: '^[^\\u0000]*$' });
