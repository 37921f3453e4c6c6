/** What a test asks the program inside a closed host to do: one JSON line each, answered by one line with the same id. */
export type Command =
  | { readonly do: 'start'; readonly program: string; readonly words: readonly string[] }
  | { readonly do: 'ask'; readonly url: string; readonly ca?: string; readonly call: Asked }
  | { readonly do: 'stop' };

/** An HTTP request; GET without a body. */
export interface Asked {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** `status` is 0 where nobody answered; `text` says why then. */
export interface Told {
  readonly status: number;
  readonly text: string;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}
