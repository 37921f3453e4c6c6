import { AppError } from '#contracts';

/** The servers that a client may ask, and the one of them that answered last: the active NameNode, as far as is known. */
export class NameNodes {
  readonly #origins: readonly string[];
  #index = 0;

  /** @param urls origins of all NameNodes of a nameservice, or of HttpFS servers. @throws HADOOP_CONFIG_INVALID */
  constructor(urls: readonly string[]) {
    this.#origins = urls.map(toOrigin);
    if (this.#origins.length === 0)
      throw new AppError('HADOOP_CONFIG_INVALID', 'WebHDFS: expected an address, found none');
  }

  get count(): number {
    return this.#origins.length;
  }

  get active(): string {
    return this.#origins[this.#index] ?? '';
  }

  /** Turns to the next server, unless another call has done so already. */
  leave(origin: string): void {
    if (this.active === origin) this.#index = (this.#index + 1) % this.#origins.length;
  }
}

function toOrigin(url: string): string {
  const parsed = URL.parse(url);
  const isPlain =
    parsed !== null && /^https?:$/.test(parsed.protocol) && /^\/?(webhdfs(\/v1)?\/?)?$/.test(parsed.pathname);
  if (isPlain) return parsed.origin;
  throw new AppError('HADOOP_CONFIG_INVALID', `WebHDFS address ${JSON.stringify(url)}: expected http(s)://host:port`);
}
