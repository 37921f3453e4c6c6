/** Work in steps, between which others have their turn. */
export type Steps<R> = Generator<undefined, R>;

/** What a body is read as: at once, or in steps. */
export type Reading<R> =
  { readonly kind: 'read'; readonly rows: R } | { readonly kind: 'steps'; readonly steps: Steps<R> };
