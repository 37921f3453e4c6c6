import { Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { Type, type Static } from '../type.ts';

/** `GET /health`: 200 when all parts are `ok`, else 503 with a problem document that names the others. */
export const Health = strict(
  {
    status: oneOf(['ok']),
    checks: Type.Array(strict({ name: Type.String(), status: oneOf(['ok']), message: Type.String() })),
  },
  { $id: 'Health' },
);

/** What everybody who works with the installation should know of how it runs. */
export const OperationWarning = strict(
  { code: oneOf(['CLUSTER_UNSECURED']), message: Type.String({ description: 'a sentence' }) },
  { $id: 'OperationWarning' },
);
export type OperationWarning = Static<typeof OperationWarning>;

export const Version = strict({
  program: Type.String(),
  version: Type.String(),
  api: Type.String(),
  protocolVersions: Type.Array(Type.Integer()),
  warnings: Type.Array(OperationWarning, { description: 'shown on top of every page' }),
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
