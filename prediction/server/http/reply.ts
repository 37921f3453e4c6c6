import { PROBLEM_MEDIA_TYPE, toAppError, toProblem } from '#contracts';
import type { Logger } from '#runtime';
import type { Reply } from './exchange.ts';

export const jsonReply = (status: number, value: unknown, headers: readonly string[] = []): Reply => ({
  status,
  contentType: 'application/json',
  body: JSON.stringify(value),
  headers,
});

/**
 * The problem document of an error; our own mistakes are logged.
 *
 * @param isOpenInference with the member `error`, as that protocol has it
 */
export function errorReply(err: unknown, requestId: string, logger: Logger, isOpenInference: boolean): Reply {
  const error = toAppError(err);
  if (error.kind === 'bug') logger.error('request_failed', error.message, { requestId, err });
  const headers: string[] = [];
  if (error.retryAfterSeconds !== null) headers.push('Retry-After', String(error.retryAfterSeconds));
  if (error.code === 'UNAUTHENTICATED') headers.push('WWW-Authenticate', 'Bearer');
  if (typeof error.details['allow'] === 'string') headers.push('Allow', error.details['allow']);
  const problem = toProblem(error, requestId);
  if (!isOpenInference)
    return { status: error.status, contentType: PROBLEM_MEDIA_TYPE, body: JSON.stringify(problem), headers };
  return jsonReply(error.status, { error: problem.detail, ...problem }, headers);
}
