import { ERROR_TABLE, exitCodeOf, type ErrorKind } from '#contracts';

const HEAD = `# Errors

Every failure is answered as \`application/problem+json\` (RFC 9457): \`type\`, \`title\`, \`status\`, \`detail\`, \`code\`,
\`errors\` (field by field), \`requestId\`. Programs match on \`code\`; codes are never renamed. This page is generated from
\`appserver/contracts/error-table.ts\` by \`scripts/docs\`.

`;

/** Who acts on a kind of failure. */
const ACTORS: Readonly<Record<ErrorKind, string>> = {
  invalid: 'the user',
  unauthenticated: 'the user',
  forbidden: 'an administrator',
  not_found: 'the caller',
  conflict: 'the caller',
  stale: 'the caller',
  limited: 'the caller',
  not_available: 'the caller',
  capacity: 'the operator',
  unavailable: 'the operator',
  timeout: 'the operator',
  cancelled: 'nobody',
  bug: 'us',
};

/** `docs/errors.md`: kinds, then every code of the error table. */
export function errorsPage(): string {
  const kinds = Object.entries(ACTORS).map(([kind, actor]) => {
    // The cast holds: the keys are those of a record over ErrorKind.
    const exitCode = exitCodeOf(kind as ErrorKind);
    return `| ${kind} | ${exitCode} | ${actor} |`;
  });
  const codes = Object.entries(ERROR_TABLE).map(
    ([code, row]) =>
      `| \`${code}\` | ${row.status} | ${row.kind} | ${row.retryable ? 'yes' : 'no'} | ${row.exitCode} | ${row.title}. ${row.remedy} |`,
  );
  return [
    `${HEAD}## Kinds\n\n| kind | exit code of a program | who acts |\n| --- | --- | --- |\n${kinds.join('\n')}\n`,
    `## Codes\n\n| code | status | kind | retry | exit | meaning and remedy |\n| --- | --- | --- | --- | --- | --- |\n${codes.join('\n')}\n`,
  ].join('\n');
}
