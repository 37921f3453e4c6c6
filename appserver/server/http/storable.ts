import { AppError, FIELD_ERRORS_MAX, type FieldError } from '#contracts';

/**
 * Refuses text that a database cannot keep: PostgreSQL's has no character of code 0, and UTF-8 no half of a surrogate
 * pair, which JSON can say (`"\ud800"`). One place for all that users send, so that no field has to think of it; what
 * workers send is looked at field by field, since their lines of log may hold anything.
 *
 * @param subject what the value is, for the message: `body`, `query`, `path`
 * @throws VALIDATION_FAILED naming each such field
 * @see https://www.postgresql.org/docs/current/datatype-character.html
 */
export function refuseUnstorable(value: unknown, subject: string): void {
  const errors: FieldError[] = [];
  look(value, '', errors);
  const first = errors[0];
  if (first !== undefined)
    throw new AppError('VALIDATION_FAILED', `${subject}: ${first.path} ${first.message}`, { errors });
}

/** Recursion is bounded by `JSON_DEPTH_MAX`. */
function look(value: unknown, path: string, errors: FieldError[]): void {
  if (errors.length >= FIELD_ERRORS_MAX) return;
  if (typeof value === 'string') {
    const fault = faultOf(value);
    if (fault !== null) errors.push({ path: path === '' ? '/' : path, message: fault });
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [name, child] of Object.entries(value)) {
    const fault = faultOf(name);
    // A name that cannot be shown: the object that has it is named.
    if (fault !== null) errors.push({ path: path === '' ? '/' : path, message: `has a field whose name ${fault}` });
    else look(child, `${path}/${name}`, errors);
  }
}

function faultOf(text: string): string | null {
  if (text.includes('\0')) return 'must not hold the character of code 0';
  return text.isWellFormed() ? null : 'must not hold half of a surrogate pair';
}
