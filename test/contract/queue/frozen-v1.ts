import { parse, TaskSpec, Type, type Static, type TSchema } from '#contracts';

/**
 * The messages of worker protocol version 1 as its last program had them, unknown keys refused on both sides. Never
 * changed: workers of that program are still out there. Only the specs of tasks are those of today; they are added to
 * under names of their own.
 */
const strict = <P extends Record<string, TSchema>>(properties: P) =>
  Type.Object(properties, { additionalProperties: false });
const oneOf = <const T extends readonly string[]>(values: T) =>
  Type.Unsafe<T[number]>({ type: 'string', enum: [...values] });
const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Id = Type.String({ minLength: 1, maxLength: 64 });
const Fence = Type.Integer({ minimum: 1 });
const Log = Type.Array(Type.String({ maxLength: 2000 }), { maxItems: 200 });

export const RegisterAnswerV1 = strict({
  workerId: Id,
  workerToken: Type.String(),
  leaseMs: Type.Integer(),
  beatMs: Type.Integer(),
  claimWaitMs: Type.Integer(),
});
export const ClaimedTaskV1 = strict({
  taskId: Id,
  fence: Fence,
  leaseToken: Type.String(),
  leaseMs: Type.Integer(),
  attemptPath: Type.String(),
  remainingMs: nullable(Type.Integer()),
  spec: TaskSpec,
});
export const BeatAnswerV1 = strict({
  directive: oneOf(['continue', 'cancel', 'drain']),
  leaseMs: Type.Integer(),
  remainingMs: nullable(Type.Integer()),
});
export const TransitionAnswerV1 = strict({
  state: oneOf(['READY', 'RUNNING', 'COMMITTING', 'SUCCEEDED', 'FAILED', 'CANCELLED']),
});
export const ClaimRequestV1 = strict({
  workerId: Id,
  requestId: Id,
  waitMs: Type.Integer({ minimum: 0, maximum: 60_000 }),
  cachedDatasets: Type.Array(Id, { maxItems: 100 }),
});
export const BeatRequestV1 = strict({
  fence: Fence,
  progress: nullable(
    strict({
      fraction: Type.Number({ minimum: 0, maximum: 1 }),
      phase: Type.String({ maxLength: 100 }),
      message: Type.String({ maxLength: 500 }),
      iteration: nullable(Type.Integer()),
    }),
  ),
  memoryBytes: Type.Integer({ minimum: 0 }),
  log: Log,
});
export type ClaimedTaskV1 = Static<typeof ClaimedTaskV1>;

/** What a worker of version 1 sends to register. */
export const REGISTER_V1 = {
  protocolVersion: 1,
  programVersion: '0.1.0',
  pool: 'default',
  hostName: 'old',
  processId: 7,
  memoryBytes: 1_000_000,
  threadCount: 1,
};

/** An answer as version 1 reads it, after a trip as JSON. @throws VALIDATION_FAILED for what it would refuse */
export const readV1 = <T extends TSchema>(schema: T, answer: unknown): Static<T> =>
  parse(schema, JSON.parse(JSON.stringify(answer)), 'answer to version 1');
