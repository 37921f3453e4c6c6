import {
  AppError,
  ApiKeyPage,
  CreateApiKeyRequest,
  CreatedApiKey,
  CreateUserRequest,
  Me,
  PageQuery,
  PatchUserRequest,
  SCOPES,
  User,
  UserPage,
  strict,
  type ApiKey,
} from '#contracts';
import { newId } from '#runtime';
import {
  bumpFeed,
  countOtherAdmins,
  deleteApiKey,
  deleteSessionsOf,
  deleteUser,
  findApiKey,
  findUser,
  findUserByName,
  insertApiKey,
  insertUser,
  isUniqueViolation,
  listApiKeys,
  listUsers,
  ownsObjects,
  updateUser,
  type ApiKeyRecord,
  type Queryable,
  type UserRecord,
} from '#store';
import { makeApiKey } from '../auth/api-key.ts';
import { isoOf } from '../auth/authenticate.ts';
import { ownedBy, ownerFilter } from '../auth/caller.ts';
import { hashPassword } from '../auth/passwords.ts';
import { pageOptionsOf, toPage } from '../http/page.ts';
import { created, noContent, ok, route, type Route } from '../route.ts';
import { keyPermissions } from '../services/key-permissions.ts';
import { IdParams } from './params.ts';

const tag = 'identity';

const userView = (user: UserRecord): User => ({
  id: user.id,
  name: user.name,
  role: user.role,
  active: user.active,
  createdAt: isoOf(user.createdAt),
});

const keyView = (key: ApiKeyRecord): ApiKey => ({
  id: key.id,
  name: key.name,
  userId: key.userId,
  scopes: [...key.scopes],
  deploymentIds: key.deploymentIds === null ? null : [...key.deploymentIds],
  expiresAt: key.expiresAt === null ? null : isoOf(key.expiresAt),
  createdAt: isoOf(key.createdAt),
});

async function readUser(db: Queryable, id: string): Promise<UserRecord> {
  const user = await findUser(db, id);
  if (user === undefined) throw new AppError('NOT_FOUND', `user ${id}: there is none`);
  return user;
}

async function readKey(db: Queryable, id: string): Promise<ApiKeyRecord | undefined> {
  return findApiKey(db, id);
}

const me = route({
  method: 'GET',
  path: '/api/v1/me',
  summary: 'Who is asking',
  tag,
  access: 'user',
  scopes: SCOPES,
  answers: { 200: { description: 'the user behind the key or session', schema: Me } },
  handler: async (_app, { caller }) =>
    ok({
      id: caller.userId,
      name: caller.userName,
      role: caller.role,
      scopes: caller.scopes,
      keyId: caller.keyId,
      expiresAt: caller.expiresAt,
    }),
});

const apiKeys: Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/api-keys',
    summary: 'Your API keys; administrators see all',
    tag,
    access: 'user',
    query: strict(PageQuery),
    answers: { 200: { description: 'keys without their secrets, newest first', schema: ApiKeyPage } },
    handler: async ({ database }, { caller, query, url }) =>
      ok(toPage(await listApiKeys(database, ownerFilter(caller), pageOptionsOf(query)), url, keyView)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/api-keys',
    summary: 'Make an API key; its secret is shown this once',
    tag,
    access: 'user',
    body: CreateApiKeyRequest,
    answers: { 201: { description: 'the key', schema: CreatedApiKey } },
    handler: async (_app, { caller, body, effect }) =>
      effect(async (trx) => {
        const userId = body.userId ?? caller.userId;
        if (userId !== caller.userId && caller.role !== 'admin')
          throw new AppError('FORBIDDEN', 'userId: expected yourself; only administrators make keys for others');
        const permissions = await keyPermissions(trx, body, caller, await readUser(trx, userId));
        const expiresAt = body.expiresAt === undefined ? null : Date.parse(body.expiresAt);
        if (Number.isNaN(expiresAt))
          throw new AppError('VALIDATION_FAILED', 'body: /expiresAt expected an ISO-8601 instant', {
            errors: [{ path: '/expiresAt', message: 'must be an ISO-8601 instant with Z' }],
          });
        const { id, key, keySha256 } = makeApiKey();
        await insertApiKey(trx, { id, keySha256, name: body.name, userId, ...permissions, expiresAt });
        await bumpFeed(trx);
        const record = await readKey(trx, id);
        if (record === undefined) throw new AppError('INTERNAL', 'an inserted key is found');
        return created(`/api/v1/api-keys/${id}`, { ...keyView(record), key });
      }),
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/api-keys/{id}',
    summary: 'Revoke an API key',
    tag,
    access: 'user',
    params: IdParams,
    answers: { 204: { description: 'revoked; prediction servers hear of it at once' } },
    handler: async ({ database }, { caller, params, checkIfMatch }) => {
      await database.transaction(async (trx) => {
        const key = ownedBy(caller, await readKey(trx, params.id), (found) => found.userId, `API key ${params.id}`);
        checkIfMatch(keyView(key));
        await deleteApiKey(trx, key.id);
        await bumpFeed(trx);
      });
      return noContent();
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/api-keys/{id}',
    summary: 'One API key without its secret',
    tag,
    access: 'user',
    params: IdParams,
    answers: { 200: { description: 'the key', schema: ApiKeyPage.properties.data.items } },
    handler: async ({ database }, { caller, params }) => {
      const key = ownedBy(caller, await readKey(database, params.id), (found) => found.userId, `API key ${params.id}`);
      return ok(keyView(key));
    },
  }),
];

const users: Route[] = [
  route({
    method: 'GET',
    path: '/api/v1/users',
    summary: 'All users',
    tag,
    access: 'admin',
    query: strict(PageQuery),
    answers: { 200: { description: 'users, newest first', schema: UserPage } },
    handler: async ({ database }, { query, url }) =>
      ok(toPage(await listUsers(database, pageOptionsOf(query)), url, userView)),
  }),
  route({
    method: 'POST',
    path: '/api/v1/users',
    summary: 'Make a user',
    tag,
    access: 'admin',
    body: CreateUserRequest,
    answers: { 201: { description: 'the user', schema: User } },
    handler: async (_app, { body, effect }) => {
      const passwordHash = body.password === undefined ? null : await hashPassword(body.password);
      return effect(async (trx) => {
        if ((await findUserByName(trx, body.name)) !== undefined) throw nameTaken(body.name);
        const id = newId('user');
        try {
          await insertUser(trx, { id, name: body.name, role: body.role ?? 'user', passwordHash });
        } catch (err) {
          if (isUniqueViolation(err)) throw nameTaken(body.name, err);
          throw err;
        }
        return created(`/api/v1/users/${id}`, userView(await readUser(trx, id)));
      });
    },
  }),
  route({
    method: 'GET',
    path: '/api/v1/users/{id}',
    summary: 'One user',
    tag,
    access: 'admin',
    params: IdParams,
    answers: { 200: { description: 'the user', schema: User } },
    handler: async ({ database }, { params }) => ok(userView(await readUser(database, params.id))),
  }),
  route({
    method: 'PATCH',
    path: '/api/v1/users/{id}',
    summary: 'Change role, password, or whether the user is active',
    tag,
    access: 'admin',
    params: IdParams,
    body: PatchUserRequest,
    answers: { 200: { description: 'the changed user', schema: User } },
    handler: async ({ database }, { params, body, checkIfMatch }) => {
      const passwordHash = body.password === undefined ? null : await hashPassword(body.password);
      return database.transaction(async (trx) => {
        const user = await readUser(trx, params.id);
        checkIfMatch(userView(user));
        if (body.role === 'user' || body.active === false) await keepOneAdmin(trx, user);
        await updateUser(trx, user.id, {
          ...(body.role === undefined ? {} : { role: body.role }),
          ...(body.active === undefined ? {} : { active: body.active }),
          ...(passwordHash === null ? {} : { passwordHash }),
        });
        if (passwordHash !== null || body.active === false) await deleteSessionsOf(trx, user.id);
        await bumpFeed(trx);
        return ok(userView(await readUser(trx, user.id)));
      });
    },
  }),
  route({
    method: 'DELETE',
    path: '/api/v1/users/{id}',
    summary: 'Delete a user who owns nothing; deactivate others',
    tag,
    access: 'admin',
    params: IdParams,
    answers: { 204: { description: 'deleted with keys and sessions' } },
    handler: async ({ database }, { params, checkIfMatch }) => {
      await database.transaction(async (trx) => {
        const user = await readUser(trx, params.id);
        checkIfMatch(userView(user));
        await keepOneAdmin(trx, user);
        if (await ownsObjects(trx, user.id))
          throw new AppError(
            'CONFLICT',
            `user ${user.name} owns datasets, projects or deployments: set active to false instead`,
          );
        await deleteUser(trx, user.id);
        await bumpFeed(trx);
      });
      return noContent();
    },
  }),
];

const nameTaken = (name: string, cause?: unknown) =>
  new AppError('CONFLICT', `name ${JSON.stringify(name)}: another user has it`, {
    errors: [{ path: '/name', message: 'is taken' }],
    ...(cause === undefined ? {} : { cause }),
  });

async function keepOneAdmin(db: Queryable, user: UserRecord): Promise<void> {
  if (user.role === 'admin' && user.active && (await countOtherAdmins(db, user.id)) === 0)
    throw new AppError('CONFLICT', `user ${user.name} is the last active administrator`);
}

/** Routes of users, keys and who is asking. */
export const identityRoutes: readonly Route[] = [me, ...apiKeys, ...users];
