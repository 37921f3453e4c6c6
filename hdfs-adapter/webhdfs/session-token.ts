import { isAppError } from '#contracts';

/** Tokens of a session are replaced long before the shortest usual renewal interval (a day). */
const AGE_MS_MAX = 3_600_000;

/**
 * The delegation token that a client with Kerberos uses for data: a NameNode that is asked by SPNEGO or cookie makes a new
 * token for every redirect to a DataNode, and each of them is a write to its journal.
 */
export class SessionToken {
  readonly #obtain: () => Promise<string>;
  readonly #cancel: (token: string) => Promise<void>;
  #current: { readonly token: Promise<string>; readonly since: number } | null = null;

  constructor(obtain: () => Promise<string>, cancel: (token: string) => Promise<void>) {
    this.#obtain = obtain;
    this.#cancel = cancel;
  }

  get(): Promise<string> {
    if (this.#current !== null && performance.now() - this.#current.since < AGE_MS_MAX) return this.#current.token;
    const token = this.#obtain();
    const current = { token, since: performance.now() };
    this.#current = current;
    token.catch(() => {
      if (this.#current === current) this.#current = null;
    });
    return token;
  }

  /** After a token was refused the next call gets a new one. */
  drop(): void {
    this.#current = null;
  }

  /** Cancels the token; one that is no longer valid is no error. */
  async close(): Promise<void> {
    const current = this.#current;
    this.#current = null;
    if (current === null) return;
    try {
      await this.#cancel(await current.token);
    } catch (err) {
      if (!isAppError(err)) throw err;
      // It ends by itself within a day; a cluster that is away must not keep a program from stopping.
    }
  }
}
