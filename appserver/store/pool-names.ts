/** The pool of workers that no other is named for. */
export const DEFAULT_POOL = 'default';
