import { AppError, toAppError } from './errors.ts';
import { ERROR_TABLE, type ErrorCode } from './error-table.ts';
import { Type, type Static } from './type.ts';

/** RFC 9457 problem document, with `code` of the one error table. */
export const Problem = Type.Object(
  {
    type: Type.String({ description: 'URI of the error’s documentation' }),
    title: Type.String(),
    status: Type.Integer({ minimum: 100, maximum: 599 }),
    detail: Type.String(),
    code: Type.String(),
    errors: Type.Array(Type.Object({ path: Type.String(), message: Type.String() })),
    requestId: Type.Union([Type.String(), Type.Null()]),
  },
  { $id: 'Problem', description: 'RFC 9457 problem document' },
);
export type Problem = Static<typeof Problem>;

/** Media type of {@link Problem}. @see RFC 9457 section 6.1 */
export const PROBLEM_MEDIA_TYPE = 'application/problem+json';

/** The problem document of an error. A `bug`'s own message is withheld unless `exposeBugs` (it may hold internals). */
export function toProblem(err: unknown, requestId: string | null, exposeBugs = false): Problem {
  const appError = toAppError(err);
  const entry = ERROR_TABLE[appError.code];
  const hidden = appError.code === 'INTERNAL' && !exposeBugs;
  return {
    type: `urn:trainyard:error:${appError.code}`,
    title: entry.title,
    status: entry.status,
    detail: hidden ? `${entry.title}. ${entry.remedy}` : appError.message,
    code: appError.code,
    errors: appError.errors.map(({ path, message }) => ({ path, message })),
    requestId,
  };
}

/** The error that a problem document describes, re-made on the receiving side; an unknown code becomes `INTERNAL`. */
export function fromProblem(problem: Problem): AppError {
  const known = Object.hasOwn(ERROR_TABLE, problem.code);
  // The cast holds: hasOwn has just shown that the code is a key of the table.
  const code = known ? (problem.code as ErrorCode) : 'INTERNAL';
  return new AppError(code, problem.detail, { errors: problem.errors });
}
