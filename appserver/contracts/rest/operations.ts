import { Type, type Static } from 'typebox';
import { Timestamp, nullable, oneOf, strict } from '../schema.ts';

/** `GET /health`: 200 when all parts are `ok`, else 503 with a problem document that names the others. */
export const Health = strict(
  {
    status: oneOf(['ok']),
    checks: Type.Array(strict({ name: Type.String(), status: oneOf(['ok']), message: Type.String() })),
  },
  { $id: 'Health' },
);

export const Version = strict({
  program: Type.String(),
  version: Type.String(),
  api: Type.String(),
  protocolVersions: Type.Array(Type.Integer()),
});

/** What was refused or changed, and by whom. Refusals are counted per minute. */
export const AuditEntry = strict({
  at: Timestamp,
  event: Type.String(),
  statement: nullable(Type.String({ description: 'of the worker protocol; null for other events' })),
  code: nullable(Type.String({ description: 'of the refusal' })),
  subject: nullable(Type.String({ description: 'task or worker that exists; `other` for all beyond the limit' })),
  count: Type.Integer(),
  detail: Type.String(),
});
export type AuditEntry = Static<typeof AuditEntry>;
