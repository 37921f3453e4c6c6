import type { Role } from '#contracts';
import { now, type Queryable } from './dialect.ts';
import { rowOf } from './records.ts';

/** A browser's session with the user behind it; tokens are kept as hashes. */
export interface SessionRecord {
  readonly userId: string;
  readonly userName: string;
  readonly role: Role;
  readonly csrfSha256: string;
  readonly expiresAt: number;
}

/** Deletes sessions that have ended; returns how many. */
export async function trimSessions(db: Queryable, limit: number): Promise<number> {
  const ended = db.knex('sessions').where('expires_at', '<', now(db)).orderBy('expires_at').limit(limit);
  return db.knex('sessions').whereIn('token_sha256', ended.select('token_sha256')).delete();
}

/** Inserts a session that ends after `lifeMs`. */
export async function insertSession(
  db: Queryable,
  session: { tokenSha256: string; csrfSha256: string; userId: string; lifeMs: number },
): Promise<void> {
  await db.knex('sessions').insert({
    token_sha256: session.tokenSha256,
    csrf_sha256: session.csrfSha256,
    user_id: session.userId,
    created_at: now(db),
    expires_at: now(db, session.lifeMs),
  });
}

export async function findSession(db: Queryable, tokenSha256: string): Promise<SessionRecord | undefined> {
  const row = await rowOf<{ user_id: string; name: string; role: Role; csrf_sha256: string; expires_at: number }>(
    db
      .knex('sessions')
      .join('users', 'users.id', 'sessions.user_id')
      .where('sessions.token_sha256', tokenSha256)
      .where('users.active', 1)
      .where('sessions.expires_at', '>', now(db))
      .select('sessions.user_id', 'users.name', 'users.role', 'sessions.csrf_sha256', 'sessions.expires_at'),
  );
  if (row === undefined) return undefined;
  return {
    userId: row.user_id,
    userName: row.name,
    role: row.role,
    csrfSha256: row.csrf_sha256,
    expiresAt: row.expires_at,
  };
}

export async function deleteSession(db: Queryable, tokenSha256: string): Promise<void> {
  await db.knex('sessions').where({ token_sha256: tokenSha256 }).delete();
}

/** Ends all sessions of a user, after a new password or a deactivation. */
export async function deleteSessionsOf(db: Queryable, userId: string): Promise<void> {
  await db.knex('sessions').where({ user_id: userId }).delete();
}
