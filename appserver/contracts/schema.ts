import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { AppError, type FieldError } from './errors.ts';
import type { ErrorCode } from './error-table.ts';
import { Type, type Static, type TSchema } from './type.ts';

/** A closed set of strings, as JSON Schema `enum`. */
export function oneOf<const T extends readonly string[]>(values: T, options: { description?: string } = {}) {
  return Type.Unsafe<T[number]>({ type: 'string', enum: [...values], ...options });
}

/** `schema` or null. */
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** UTC instant, ISO-8601 with `Z`. */
export const Timestamp = Type.String({ description: 'UTC, ISO-8601 with Z', pattern: 'Z$' });

/** Opaque id. */
export const Id = Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$', description: 'opaque' });

/** Text that a database column can hold: PostgreSQL's cannot hold the character of code 0. */
export const plainText = (options: { readonly maxLength: number; readonly description?: string }) =>
  Type.String({ ...options, pattern: '^[^\\u0000]*$' });

/** Largest integer of a database column of four bytes. */
export const INT32_MAX = 2 ** 31 - 1;

/** SHA-256 in lower-case hexadecimal. */
export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$' });

/** An object schema that refuses keys it does not name. */
export const strict = <P extends Record<string, TSchema>>(
  properties: P,
  options: { description?: string; $id?: string } = {},
) => Type.Object(properties, { additionalProperties: false, ...options });

const ajv = new Ajv2020({ allErrors: true, useDefaults: true, strict: false, verbose: true, $data: false });
const compiled = new WeakMap<TSchema, ValidateFunction>();

/** How many complaints one answer lists at most. */
export const FIELD_ERRORS_MAX = 20;

/**
 * Checks a value against a schema and returns it typed; defaults of the schema are filled in, in place.
 *
 * @param subject what the value is, for the message: `body`, `query`, `manifest`
 * @throws VALIDATION_FAILED (or `code`) naming each field, what was expected and what was found
 */
export function parse<T extends TSchema>(
  schema: T,
  value: unknown,
  subject: string,
  code: ErrorCode = 'VALIDATION_FAILED',
): Static<T> {
  let validate = compiled.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(compilable(schema));
    compiled.set(schema, validate);
  }
  if (validate(value)) {
    // The cast holds: Ajv has just shown that the value fits the schema that the type is derived from.
    return value as Static<T>;
  }
  const errors = fieldErrors(validate.errors ?? []);
  const first = errors[0];
  throw new AppError(
    code,
    `${subject}: ${first === undefined ? 'does not fit its schema' : `${first.path} ${first.message}`}`,
    { errors },
  );
}

/**
 * Ajv keeps every `$id` for ever and refuses it a second time; ours only name components of the OpenAPI document. An
 * integer without limits of its own is one that a number holds exactly: 1e30 is an integer to JSON Schema, but fits no
 * column.
 */
function compilable(schema: TSchema): object {
  const text = JSON.stringify(schema, (key, value: unknown) => {
    if (key === '$id' && typeof value === 'string') return undefined;
    return isIntegerSchema(value) ? { ...INTEGER_LIMITS, ...value } : value;
  });
  return JSON.parse(text) as object; // a schema is an object
}

const INTEGER_LIMITS = { minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER };

const isIntegerSchema = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && 'type' in value && value.type === 'integer';

/**
 * Of a union whose members differ by a constant (`type`), only what the member that was meant complains about; when none
 * was, one complaint with all the constants instead of every member's.
 */
function withoutOtherKinds(errors: readonly ErrorObject[]): readonly ErrorObject[] {
  let kept = [...errors];
  for (const union of errors.filter(({ keyword }) => keyword === 'anyOf')) {
    const memberOf = ({ schemaPath }: ErrorObject): string | undefined =>
      schemaPath.startsWith(`${union.schemaPath}/`)
        ? schemaPath.slice(union.schemaPath.length + 1).split('/')[0]
        : undefined;
    const isOtherKind = ({ keyword, instancePath }: ErrorObject): boolean =>
      keyword === 'const' && /^\/[^/]+$/.test(instancePath.slice(union.instancePath.length));
    const inside = kept.filter((error) => memberOf(error) !== undefined);
    const kinds = inside.filter(isOtherKind);
    const [first] = kinds;
    if (first === undefined) continue;
    const isNoShape = ({ keyword, instancePath }: ErrorObject): boolean =>
      keyword === 'type' && instancePath === union.instancePath;
    const refused = new Set(inside.filter((error) => isOtherKind(error) || isNoShape(error)).map(memberOf));
    const meant = inside.filter((error) => !refused.has(memberOf(error)));
    const allowedValues = [...new Set(kinds.map(({ params }) => params['allowedValue'] as unknown))];
    kept = kept.filter((error) => error !== union && memberOf(error) === undefined);
    kept.push(...(meant.length > 0 ? meant : [{ ...first, keyword: 'enum', params: { allowedValues } }]));
  }
  return kept;
}

/** Ajv's complaints as field errors: a JSON pointer, what was expected, what was found. */
function fieldErrors(errors: readonly ErrorObject[]): FieldError[] {
  const seen = new Map<string, FieldError>();
  for (const error of withoutOtherKinds(errors)) {
    const missing = error.keyword === 'required' ? `/${String(error.params['missingProperty'])}` : '';
    const extra = error.keyword === 'additionalProperties' ? `/${String(error.params['additionalProperty'])}` : '';
    const path = `${error.instancePath}${missing}${extra}` || '/';
    if (!seen.has(path)) seen.set(path, { path, message: messageOf(error) });
  }
  return [...seen.values()].slice(0, FIELD_ERRORS_MAX);
}

function messageOf(error: ErrorObject): string {
  switch (error.keyword) {
    case 'required':
      return 'is required';
    case 'additionalProperties':
      return 'is not a known field';
    case 'enum':
      return `must be one of ${(error.params['allowedValues'] as readonly unknown[]).map(String).join(', ')}; found ${shapeOf(error.data)}`;
    default:
      return `${error.message ?? 'is not valid'}; found ${shapeOf(error.data)}`;
  }
}

/** A value's shape for a message: short, never a whole document. */
export function shapeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (typeof value === 'string')
    return value.length > 40 ? `a string of ${value.length} characters` : JSON.stringify(value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return typeof value === 'object' ? 'an object' : typeof value;
}
