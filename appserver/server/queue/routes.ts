import {
  BeatAnswer,
  BeatRequest,
  CheckpointRequest,
  ClaimedTask,
  ClaimRequest,
  CommitRequest,
  DrainAnswer,
  DrainRequest,
  FailRequest,
  Id,
  MeetAnswer,
  MeetRequest,
  OUTCOME_BYTES_MAX,
  RegisterAnswer,
  RegisterRequest,
  SealRequest,
  strict,
  TransitionAnswer,
  type AppError,
  type TSchema,
} from '#contracts';
import type { AppContext } from '../context.ts';
import { noContent, ok, route, type Route } from '../route.ts';
import { bearerOf } from './tokens.ts';
import type { WorkerProtocol } from './worker-protocol.ts';

/** Names, sizes and hashes of files, and log lines, beside the outcome. */
const SEAL_BYTES_MAX = OUTCOME_BYTES_MAX + 1024 * 1024;
const LOG_BYTES_MAX = 4 * 1024 * 1024;

/** What all statements have in common: who asks is the handler's business, and every refusal is counted. */
const statement = (name: string) => ({
  tag: 'workers',
  access: 'internal' as const,
  method: 'POST' as const,
  query: strict({}),
  refused: ({ queue }: AppContext, err: AppError, params: Readonly<Record<string, string>>) =>
    queue.refusals.note(name, err, subjectOf(err, params)),
});

function subjectOf({ details }: AppError, { taskId, workerId }: Readonly<Record<string, string>>): string {
  const named = details['workerId'];
  return taskId ?? workerId ?? (typeof named === 'string' ? named : '');
}

const ofTask = <B extends TSchema>(verb: string, summary: string, body: B, answer: TSchema) => ({
  ...statement(verb),
  path: `/internal/v1/tasks/{taskId}/${verb}`,
  summary,
  params: strict({ taskId: Id }),
  body,
  bodyBytesMax: LOG_BYTES_MAX,
  answers: { 200: { description: 'what became of it', schema: answer } },
});

/** The routes of the worker protocol. */
export const queueRoutes = (protocol: WorkerProtocol): Route[] => [...ofWorkers(protocol), ...ofTasks(protocol)];

const ofWorkers = (protocol: WorkerProtocol): Route[] => [
  route({
    ...statement('register'),
    path: '/internal/v1/workers',
    summary: 'A worker registers with its pool’s secret',
    params: strict({}),
    body: RegisterRequest,
    answers: { 200: { description: 'who it is and how it speaks', schema: RegisterAnswer } },
    handler: async (_app, { headers, body }) => ok(await protocol.register(bearerOf(headers.authorization), body)),
  }),
  route({
    ...statement('claim'),
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
  route({
    ...statement('drain'),
    path: '/internal/v1/workers/{workerId}/drain',
    summary: 'A worker takes no more tasks and will end',
    params: strict({ workerId: Id }),
    body: DrainRequest,
    answers: { 200: { description: 'it is known', schema: DrainAnswer } },
    handler: async (_app, { headers, params, body }) =>
      ok(await protocol.drain(bearerOf(headers.authorization), params.workerId, body)),
  }),
];

const ofTasks = (protocol: WorkerProtocol): Route[] => [
  ...(['start', 'beat', 'resume'] as const).map((verb) =>
    route({
      ...ofTask(verb, `The holder of a task says: ${verb}`, BeatRequest, BeatAnswer),
      handler: async (_app, { headers, params, body }) =>
        ok(await protocol[verb](bearerOf(headers.authorization), params.taskId, body)),
    }),
  ),
  route({
    ...ofTask('checkpoint', 'Another attempt can go on from a file', CheckpointRequest, BeatAnswer),
    handler: async (_app, { headers, params, body }) =>
      ok(await protocol.checkpoint(bearerOf(headers.authorization), params.taskId, body)),
  }),
  route({
    ...ofTask(
      'meet',
      'A rank of a group says where it listens and learns where the others do',
      MeetRequest,
      MeetAnswer,
    ),
    handler: async (_app, { headers, params, body }) =>
      ok(await protocol.meet(bearerOf(headers.authorization), params.taskId, body)),
  }),
  route({
    ...ofTask('seal', 'The attempt’s files are complete', SealRequest, TransitionAnswer),
    bodyBytesMax: SEAL_BYTES_MAX,
    handler: async (_app, { headers, params, body }) =>
      ok(await protocol.seal(bearerOf(headers.authorization), params.taskId, body)),
  }),
  route({
    ...ofTask('commit', 'Verify and record the result', CommitRequest, TransitionAnswer),
    handler: async (_app, { headers, params, body }) =>
      ok(await protocol.commit(bearerOf(headers.authorization), params.taskId, body)),
  }),
  route({
    ...ofTask('fail', 'The attempt failed', FailRequest, TransitionAnswer),
    handler: async (_app, { headers, params, body }) =>
      ok(await protocol.fail(bearerOf(headers.authorization), params.taskId, body)),
  }),
];
