import { createHash } from 'node:crypto';
import { AppError } from '#contracts';
import { recordAnswer, takeIdempotencyKey, type Database, type Transaction } from '#store';
import type { Answer } from '../route.ts';
import type { Sealer } from '../services/sealer.ts';

/** Longest Idempotency-Key. */
export const IDEMPOTENCY_KEY_CHARS_MAX = 255;

/** The Idempotency-Key of a request; null without one. @throws VALIDATION_FAILED when it cannot be one */
export function idempotencyKeyOf(header: string | string[] | undefined): string | null {
  if (header === undefined) return null;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,255}$/.test(header)) return header;
  const message = `must be 1 to ${IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters without spaces`;
  throw new AppError('VALIDATION_FAILED', `Idempotency-Key: ${message}`, {
    errors: [{ path: 'Idempotency-Key', message }],
  });
}

/** One request under a key. */
export interface KeyedRequest {
  readonly userId: string;
  readonly keyText: string;
  /** What must be the same in a repeat: method, path with query, and the body or its hash. */
  readonly parts: readonly string[];
}

interface Recorded {
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly jobId?: string;
}

/**
 * Runs a request's effect once: the key, the effect and the answer are one transaction. A repeat gets the recorded
 * answer; one that comes at the same time waits for the first to end. Failures are not recorded: nothing was done, so
 * the request may be sent again under its key.
 *
 * @throws IDEMPOTENCY_KEY_REUSED when the key came with another request
 */
export async function runOnce(
  database: Database,
  sealer: Sealer,
  request: KeyedRequest,
  work: (trx: Transaction) => Promise<Answer>,
): Promise<{ answer: Answer; repeated: boolean }> {
  const { userId, keyText } = request;
  const requestSha256 = hashOf(request.parts);
  return database.transaction(async (trx) => {
    const record = await takeIdempotencyKey(trx, { userId, keyText, requestSha256 });
    if (record === null) {
      const answer = await work(trx);
      await recordAnswer(trx, { userId, keyText }, answer.status, sealAnswer(sealer, answer));
      return { answer, repeated: false };
    }
    if (record.requestSha256 !== requestSha256 || record.sealedAnswer === null) {
      throw new AppError(
        'IDEMPOTENCY_KEY_REUSED',
        `Idempotency-Key ${keyText}: it was used with another request; use a new key for a new request`,
      );
    }
    return { answer: openAnswer(sealer, record.sealedAnswer), repeated: true };
  });
}

/** Records what the first request was answered in the end, after it had waited for its job. */
export async function recordFinalAnswer(
  database: Database,
  sealer: Sealer,
  key: Pick<KeyedRequest, 'userId' | 'keyText'>,
  answer: Answer,
): Promise<void> {
  await recordAnswer(database, key, answer.status, sealAnswer(sealer, answer));
}

/** Each part with its length, so that no two lists hash alike. */
function hashOf(parts: readonly string[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(`${Buffer.byteLength(part)}:${part}`);
  return hash.digest('hex');
}

function sealAnswer(sealer: Sealer, { status, headers, body, jobId }: Answer): string {
  return sealer.seal(JSON.stringify({ status, headers: headers ?? {}, body, jobId }));
}

function openAnswer(sealer: Sealer, sealed: string): Answer {
  return JSON.parse(sealer.open(sealed)) as Recorded & { status: number }; // sealed by sealAnswer, authenticated
}
