import { AppError, type TSchema } from '#contracts';

/** Longest query string. */
export const QUERY_CHARS_MAX = 8_192;

/**
 * A query string as an object for `parse`: numbers and booleans where the schema wants them and the text is one.
 *
 * @throws VALIDATION_FAILED for a name that is there twice
 */
export function readQuery(schema: TSchema, query: URLSearchParams): Record<string, unknown> {
  const properties = ('properties' in schema ? schema.properties : {}) as Readonly<Record<string, { type?: unknown }>>; // an object schema's properties are schemas
  const values = new Map<string, unknown>();
  for (const [name, text] of query) {
    if (values.has(name)) {
      throw new AppError('VALIDATION_FAILED', `query: /${name} is there more than once`, {
        errors: [{ path: `/${name}`, message: 'is there more than once' }],
      });
    }
    values.set(name, typed(Object.hasOwn(properties, name) ? properties[name]?.type : undefined, text));
  }
  return Object.fromEntries(values);
}

function typed(type: unknown, text: string): unknown {
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
