import { Type } from 'typebox';
import { oneOf, strict } from '../schema.ts';

/** `GET /health`: 200 when all parts are `ok`, else 503 with the same body. */
export const Health = strict(
  {
    status: oneOf(['ok', 'unavailable']),
    checks: Type.Array(strict({ name: Type.String(), status: oneOf(['ok', 'unavailable']), message: Type.String() })),
  },
  { $id: 'Health' },
);

export const Version = strict({
  program: Type.String(),
  version: Type.String(),
  api: Type.String(),
  protocolVersions: Type.Array(Type.Integer()),
});
