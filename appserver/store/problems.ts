import { toProblem, type AppError, type Problem } from '#contracts';

/** A failure as the store keeps it. The message of a bug is kept too: it is shown to operators, not sent by routes. */
export function problemText(err: AppError): string {
  return JSON.stringify(toProblem(err, null, true));
}

/** A stored problem; null for null. */
export function problemOf(text: string | null): Problem | null {
  return text === null ? null : (JSON.parse(text) as Problem); // written by problemText
}
