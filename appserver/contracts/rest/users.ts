import { Id, Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { Name, pageOf } from './common.ts';
import { Type, type Static } from '../type.ts';

/** What a user may do. */
export const ROLES = ['admin', 'user'] as const;
export type Role = (typeof ROLES)[number];

/** What a key may be used for: reading, changing, asking for predictions. */
export const SCOPES = ['read', 'write', 'predict'] as const;
export type Scope = (typeof SCOPES)[number];

const UserName = Type.String({ minLength: 1, maxLength: 100, pattern: '^[A-Za-z0-9._@-]+$' });
const Password = Type.String({ minLength: 8, maxLength: 200 });

export const User = strict(
  { id: Id, name: Type.String(), role: oneOf(ROLES), active: Type.Boolean(), createdAt: Timestamp },
  { $id: 'User' },
);
export type User = Static<typeof User>;
export const UserPage = pageOf(User);
export const CreateUserRequest = strict({
  name: UserName,
  role: Type.Optional(oneOf(ROLES, { description: 'default user' })),
  password: Type.Optional(Password),
});
export const PatchUserRequest = strict({
  role: Type.Optional(oneOf(ROLES)),
  active: Type.Optional(Type.Boolean()),
  password: Type.Optional(Password),
});

/** Who is asking. */
export const Me = strict({
  id: Id,
  name: Type.String(),
  role: oneOf(ROLES),
  scopes: Type.Array(oneOf(SCOPES)),
  keyId: nullable(Id),
  expiresAt: nullable(Timestamp),
});

/** Deployments that one key may be held to. */
export const KEY_DEPLOYMENTS_MAX = 100;

export const ApiKey = strict(
  {
    id: Id,
    name: Type.String(),
    userId: Id,
    scopes: Type.Array(oneOf(SCOPES)),
    deploymentIds: nullable(
      Type.Array(Id, { description: 'all that the key may do is ask these for predictions; null: it is held to none' }),
    ),
    expiresAt: nullable(Timestamp),
    createdAt: Timestamp,
  },
  { $id: 'ApiKey' },
);
export type ApiKey = Static<typeof ApiKey>;
export const ApiKeyPage = pageOf(ApiKey);
export const CreateApiKeyRequest = strict({
  name: Name,
  userId: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: 'administrators only; default: yourself' }),
  ),
  scopes: Type.Optional(Type.Array(oneOf(SCOPES), { minItems: 1, uniqueItems: true })),
  deploymentIds: Type.Optional(
    Type.Array(Id, {
      minItems: 1,
      maxItems: KEY_DEPLOYMENTS_MAX,
      uniqueItems: true,
      description:
        'the key may ask these for predictions and do nothing else; scopes is then predict alone, also where it is left out',
    }),
  ),
  expiresAt: Type.Optional(Timestamp),
});
/** The answer to making a key: the only time its secret is shown. */
export const CreatedApiKey = strict({ ...ApiKey.properties, key: Type.String({ description: 'shown this once' }) });

export const LoginRequest = strict({
  name: Type.String({ maxLength: 100 }),
  password: Type.String({ maxLength: 200 }),
});
export const LoginAnswer = strict({
  user: User,
  csrfToken: Type.String({ description: 'send it as X-CSRF-Token with every request that changes something' }),
  expiresAt: Timestamp,
});
