import { unsupported } from '../model/portable-model.ts';
import type { SqlDialect } from './dialect.ts';

/** An expression, and the lowest layer in which all its names are known. Layer 0 sees the table. */
export interface Sql {
  readonly text: string;
  readonly layer: number;
}

/** Nested sub-selects that compute columns once, each of those before it. */
export interface SqlLayers {
  /** A column that is the expression; the same one where it was kept before. */
  readonly keep: (expression: Sql) => Sql;
  /** The query of the last layer, under the name `l`. @throws EXPORT_UNSUPPORTED for more columns than a database takes */
  readonly source: (table: string, kept: readonly string[]) => string;
}

/** Columns of a sub-select: PostgreSQL takes 1,664. */
const COLUMNS_MAX = 1_600;
const NAME = /^v[0-9]+$/;

export function sqlLayers({ fence }: SqlDialect): SqlLayers {
  const layers: { readonly name: string; readonly text: string }[][] = [];
  const known = new Map<string, Sql>();
  return {
    keep: (expression) => {
      const { text, layer } = expression;
      if (NAME.test(text)) return expression;
      const found = known.get(text);
      if (found !== undefined) return found;
      const kept = { text: `v${known.size}`, layer: layer + 1 };
      known.set(text, kept);
      while (layers.length <= layer) layers.push([]);
      layers[layer]?.push({ name: kept.text, text });
      return kept;
    },
    source: (table, kept) => {
      if (known.size + kept.length > COLUMNS_MAX)
        throw unsupported(`the model takes ${known.size} columns of a query, expected ${COLUMNS_MAX} at most`);
      const [first = [], ...others] = layers;
      const columns = [...kept, ...first.map(({ name, text }) => `${text} AS ${name}`)];
      let query = `SELECT ${columns.length > 0 ? columns.join(',\n  ') : '1 AS v'}\nFROM ${table} AS t`;
      for (const layer of others)
        query = `SELECT l.*,\n  ${layer.map(({ name, text }) => `${text} AS ${name}`).join(',\n  ')}\nFROM (\n${query}${fence}\n) AS l`;
      return `(\n${query}${fence}\n) AS l`;
    },
  };
}

/** An expression of others, which its text names. */
export const sqlOf = (text: string, parts: readonly Sql[]): Sql => ({
  text,
  layer: parts.reduce((layer, part) => Math.max(layer, part.layer), 0),
});
