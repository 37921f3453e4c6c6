import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { AppError, isAppError, toProblem, type TaskOutcome } from '#contracts';
import { createCollector, failpoint, newId } from '#runtime';
import { parseToChild, prepareSchemas, type MessageFromChild, type RunMessage } from '../ipc/messages.ts';
import { dieWithParent, trimMemory } from '../native/process.ts';
import { blameOf } from '../blame.ts';
import { runBatchGather } from '../tasks/batch-gather.ts';
import { runBatchPredict } from '../tasks/batch-predict.ts';
import { runEnsemble } from '../tasks/ensemble.ts';
import { runFeatureType } from '../tasks/feature-type.ts';
import { runIngest } from '../tasks/ingest.ts';
import { runInsight } from '../tasks/insight.ts';
import { memoryLine } from '../tasks/memory-line.ts';
import { runProfileMerge } from '../tasks/profile-merge.ts';
import { runProfilePart } from '../tasks/profile-part.ts';
import { runTrain } from '../tasks/train.ts';
import { runTrainPart } from '../tasks/train-part.ts';
import { AttemptFolder } from './attempt-folder.ts';
import { Checkpoints } from './checkpoints.ts';
import { openContext, type TaskContext } from './context.ts';
import { Meeting } from './meeting.ts';
import { peakMemoryBytes, resetPeakMemory } from './peak-memory.ts';
import { ChannelReporter } from './progress.ts';
import type { TaskRun } from './task-run.ts';

/**
 * The task child: does one task after another, synchronously where native code asks for it. It trusts nobody's word
 * about its end: the kernel kills it when the supervisor dies, the supervisor kills it when the task must stop.
 */
const parentPid = process.ppid;
const startedAtMs = performance.now();
const collector = createCollector();

let context: TaskContext | null = null;
/** When the running task must have sealed, on the monotonic clock. */
let deadlineAtMs: number | null = null;
let runId: string | null = null;
let checkpoints: Checkpoints | null = null;
let meeting: Meeting | null = null;

function send(message: MessageFromChild): void {
  // No channel: the supervisor is gone, and so is this process in a moment.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}

const setRemaining = (remainingMs: number | null): void => {
  deadlineAtMs = remainingMs === null ? null : performance.now() + remainingMs;
};

async function receive(raw: unknown): Promise<void> {
  const message = parseToChild(raw);
  switch (message.type) {
    case 'configure':
      try {
        dieWithParent(parentPid);
        context = await openContext(message);
        prepareSchemas('toChild');
      } catch (err) {
        send({ type: 'broken', problem: toProblem(err, null, true) });
        return;
      }
      send({ type: 'ready', startMs: performance.now() - startedAtMs });
      return;
    case 'run':
      await run(message);
      return;
    case 'deadline':
      if (message.runId === runId) setRemaining(message.remainingMs);
      return;
    case 'checkpoint-taken':
      if (message.runId === runId) await checkpoints?.taken(message.position);
      return;
    case 'met':
      if (message.runId === runId) meeting?.hear(message);
      return;
    case 'store-token':
      context?.setStoreToken(message.token);
      return;
    case 'leave':
      await context?.close();
      process.exit(0);
  }
}

async function run(message: RunMessage): Promise<void> {
  if (context === null || runId !== null) throw new AppError('INTERNAL', `run ${message.runId} came out of turn`);
  ({ runId } = message);
  const { task } = message;
  setRemaining(task.remainingMs);
  const reporter = new ChannelReporter(runId, send, collector);
  const scratchDir = path.join(context.workDir, newId('run'));
  const attempt = new AttemptFolder(context.store, task.attemptPath);
  meeting = new Meeting(runId, send);
  checkpoints = checkpointsOf(message, context, attempt, reporter);
  let end: MessageFromChild;
  try {
    await mkdir(scratchDir);
    const remainingMs = () => (deadlineAtMs === null ? null : Math.max(0, deadlineAtMs - performance.now()));
    resetPeakMemory();
    const outcome = await perform({ task, context, reporter, attempt, checkpoints, meeting, scratchDir, remainingMs });
    reporter.log(memoryLine(task.spec, peakMemoryBytes()));
    await attempt.verify();
    end = { type: 'done', runId, files: [...attempt.files], outcome, cachedDatasets: [] };
  } catch (err) {
    const cause = await context.explain(err, scratchDir);
    reporter.log(stackOf(cause));
    end = { type: 'failed', runId, blame: blameOf(cause), problem: toProblem(cause, null, true), cachedDatasets: [] };
  }
  await rm(scratchDir, { recursive: true, force: true });
  context.cache.trim();
  await context.objects.settle();
  collector.look();
  trimMemory();
  reporter.close();
  runId = null;
  send({ ...end, cachedDatasets: context.cache.datasetIds });
}

function checkpointsOf(
  { runId: id, task }: RunMessage,
  { store, configuration }: TaskContext,
  attempt: AttemptFolder,
  reporter: ChannelReporter,
): Checkpoints {
  return new Checkpoints({
    store,
    attempt,
    earlier: task.checkpoint,
    intervalMs: configuration.worker.checkpointMs,
    tell: (file, position) => send({ type: 'checkpoint', runId: id, file, position }),
    log: (line) => reporter.log(line),
    now: () => performance.now(),
  });
}

async function perform(run: Omit<TaskRun, 'task'> & { readonly task: RunMessage['task'] }): Promise<TaskOutcome> {
  const { spec } = run.task;
  await failpoint('worker.read');
  switch (spec.kind) {
    case 'ingest':
      return runIngest({ ...run, task: { ...run.task, spec } });
    case 'profile-part':
      return runProfilePart({ ...run, task: { ...run.task, spec } });
    case 'profile-merge':
      return runProfileMerge({ ...run, task: { ...run.task, spec } });
    case 'feature-type':
      return runFeatureType({ ...run, task: { ...run.task, spec } });
    case 'train':
      return runTrain({ ...run, task: { ...run.task, spec } });
    case 'train-part':
      return runTrainPart({ ...run, task: { ...run.task, spec } });
    case 'ensemble':
      return runEnsemble({ ...run, task: { ...run.task, spec } });
    case 'batch-predict':
      return runBatchPredict({ ...run, task: { ...run.task, spec } });
    case 'batch-gather':
      return runBatchGather({ ...run, task: { ...run.task, spec } });
    case 'insight':
      return runInsight({ ...run, task: { ...run.task, spec } });
  }
}

/** What a task's log shows of its error: for our own errors the messages, else the stack. */
function stackOf(err: unknown): string {
  const lines: string[] = [];
  for (let current: unknown = err; current instanceof Error && lines.length < 10; current = current.cause)
    lines.push(
      isAppError(current) && current.code !== 'INTERNAL'
        ? `${current.code}: ${current.message}`
        : (current.stack ?? current.message),
    );
  return lines.length === 0 ? String(err) : lines.join('\ncaused by: ');
}

// A terminal's Ctrl-C and a container's end reach the whole group: when this process ends is the supervisor's decision.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit(0));
process.on('message', (raw) => {
  // An error out of turn is ours: the process ends by it, and the supervisor says so.
  void receive(raw);
});
