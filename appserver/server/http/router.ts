import { AppError } from '#contracts';
import type { Method, Route } from '../route.ts';

/** The route of a request with the values of its path's parameters, still to be checked. */
export interface RouteMatch {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

interface Node {
  readonly fixed: Map<string, Node>;
  parameter: Node | null;
  readonly routes: Map<Method, { route: Route; names: readonly string[] }>;
}

const newNode = (): Node => ({ fixed: new Map(), parameter: null, routes: new Map() });

/** Finds routes by method and path; a fixed segment goes before a parameter. */
export class Router {
  readonly #root = newNode();

  /** @throws Error for two routes of the same method and shape: a mistake of ours, found at start */
  constructor(routes: readonly Route[]) {
    for (const route of routes) {
      const names: string[] = [];
      let node = this.#root;
      for (const segment of route.path.split('/').slice(1)) {
        const name = /^\{(\w+)\}$/.exec(segment)?.[1];
        if (name !== undefined) {
          names.push(name);
          node = node.parameter ??= newNode();
        } else {
          const next = node.fixed.get(segment) ?? newNode();
          node.fixed.set(segment, next);
          node = next;
        }
      }
      if (node.routes.has(route.method)) throw new Error(`${route.method} ${route.path} is declared twice`);
      node.routes.set(route.method, { route, names });
    }
  }

  /**
   * The route of a request; HEAD is served by GET.
   *
   * @throws NOT_FOUND, METHOD_NOT_ALLOWED with `details.allow`, BAD_REQUEST for a path that cannot be decoded
   */
  find(method: string, path: string): RouteMatch {
    const values: string[] = [];
    const node = this.#walk(this.#root, path.split('/').slice(1), values);
    if (node === null) throw new AppError('NOT_FOUND', `${path.slice(0, 200)}: there is no such path`);
    // A method of another name is simply not in the map.
    const entry = node.routes.get((method === 'HEAD' ? 'GET' : method) as Method);
    if (entry === undefined) {
      const allow = [...node.routes.keys()].flatMap((name) => (name === 'GET' ? ['GET', 'HEAD'] : [name])).sort();
      throw new AppError('METHOD_NOT_ALLOWED', `${method}: expected one of ${allow.join(', ')}`, {
        details: { allow: allow.join(', ') },
      });
    }
    const params = Object.fromEntries(entry.names.map((name, index) => [name, decode(values[index] ?? '')]));
    return { route: entry.route, params };
  }

  #walk(node: Node, segments: readonly string[], values: string[]): Node | null {
    const [segment, ...rest] = segments;
    if (segment === undefined) return node.routes.size > 0 ? node : null;
    const fixed = node.fixed.get(segment);
    const found = fixed === undefined ? null : this.#walk(fixed, rest, values);
    if (found !== null || node.parameter === null || segment === '') return found;
    values.push(segment);
    const below = this.#walk(node.parameter, rest, values);
    if (below === null) values.pop();
    return below;
  }
}

function decode(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch (err) {
    throw new AppError('BAD_REQUEST', `path: ${segment.slice(0, 100)} cannot be decoded`, { cause: err });
  }
}
