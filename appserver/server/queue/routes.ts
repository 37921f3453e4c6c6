import {
  BeatAnswer,
  BeatRequest,
  ClaimedTask,
  ClaimRequest,
  CommitRequest,
  FailRequest,
  Id,
  OUTCOME_BYTES_MAX,
  RegisterAnswer,
  RegisterRequest,
  SealRequest,
  strict,
  TransitionAnswer,
} from '#contracts';
import { noContent, ok, route, type Route } from '../route.ts';
import { bearerOf } from './tokens.ts';
import type { WorkerProtocol } from './worker-protocol.ts';

const TaskParams = strict({ taskId: Id });
const common = { tag: 'workers', access: 'internal', method: 'POST', query: strict({}) } as const;
/** Names, sizes and hashes of files, and log lines, beside the outcome. */
const SEAL_BYTES_MAX = OUTCOME_BYTES_MAX + 1024 * 1024;
const LOG_BYTES_MAX = 4 * 1024 * 1024;

/** The routes of the worker protocol. */
export function queueRoutes(protocol: WorkerProtocol): Route[] {
  const statement = <B extends typeof BeatRequest | typeof SealRequest | typeof CommitRequest | typeof FailRequest>(
    body: B,
    answer: typeof BeatAnswer | typeof TransitionAnswer,
    verb: string,
    summary: string,
    bodyBytesMax: number,
  ) => ({
    ...common,
    path: `/internal/v1/tasks/{taskId}/${verb}`,
    summary,
    params: TaskParams,
    body,
    bodyBytesMax,
    answers: { 200: { description: 'what became of it', schema: answer } },
  });
  return [
    route({
      ...common,
      path: '/internal/v1/workers',
      summary: 'A worker registers with its pool’s secret',
      params: strict({}),
      body: RegisterRequest,
      answers: { 200: { description: 'who it is and how it speaks', schema: RegisterAnswer } },
      handler: async (_app, { headers, body }) => ok(await protocol.register(bearerOf(headers.authorization), body)),
    }),
    route({
      ...common,
      path: '/internal/v1/claims',
      summary: 'A worker asks for a task; held while there is none',
      params: strict({}),
      body: ClaimRequest,
      answers: { 200: { description: 'a task', schema: ClaimedTask }, 204: { description: 'there is none' } },
      handler: async (_app, { headers, body, signal }) => {
        const claimed = await protocol.claim(bearerOf(headers.authorization), body, signal);
        return claimed === null ? noContent() : ok(claimed);
      },
    }),
    ...(['start', 'beat', 'resume'] as const).map((verb) =>
      route({
        ...statement(BeatRequest, BeatAnswer, verb, `The holder of a task says: ${verb}`, LOG_BYTES_MAX),
        body: BeatRequest,
        handler: async (_app, { headers, params, body }) =>
          ok(await protocol[verb](bearerOf(headers.authorization), params.taskId, body)),
      }),
    ),
    route({
      ...statement(SealRequest, TransitionAnswer, 'seal', 'The attempt’s files are complete', SEAL_BYTES_MAX),
      body: SealRequest,
      handler: async (_app, { headers, params, body }) =>
        ok(await protocol.seal(bearerOf(headers.authorization), params.taskId, body)),
    }),
    route({
      ...statement(CommitRequest, TransitionAnswer, 'commit', 'Verify and record the result', LOG_BYTES_MAX),
      body: CommitRequest,
      handler: async (_app, { headers, params, body }) =>
        ok(await protocol.commit(bearerOf(headers.authorization), params.taskId, body)),
    }),
    route({
      ...statement(FailRequest, TransitionAnswer, 'fail', 'The attempt failed', LOG_BYTES_MAX),
      body: FailRequest,
      handler: async (_app, { headers, params, body }) =>
        ok(await protocol.fail(bearerOf(headers.authorization), params.taskId, body)),
    }),
  ];
}
