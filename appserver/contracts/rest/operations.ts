import { Type } from 'typebox';
import { oneOf, strict } from '../schema.ts';

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
