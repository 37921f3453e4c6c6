import { writeSync } from 'node:fs';
import { serialize } from 'node:v8';
import { isAppError, toAppError } from '#contracts';
import { joinGroup, type Group } from '../../../../yarn-workers/worker/collectives/join-group.ts';
import { GROUP_BROKEN_EXIT, type GroupLimits } from '../../../../yarn-workers/worker/collectives/limits.ts';
import type { Membership, RankAddress } from '../../../../yarn-workers/worker/collectives/messages.ts';
import { dieWithParent } from '../../../../yarn-workers/worker/native/process.ts';
import { testEngine } from '../../../support/boosting-engine.ts';
import { trainPart, type PartJob, type TrainedPart } from './train-part.ts';

/** The program of one rank in a process of its own, started by `ranks.ts`. It tells what happens in JSON lines on a pipe. */
export interface RankConfig {
  readonly member: Membership;
  readonly limits: Partial<GroupLimits>;
  readonly job: PartJob;
  /** After so many iterations it computes for ever. */
  readonly hangsAfter?: number;
}

/** What a rank tells, one a line. */
export type RankEvent =
  | { readonly event: 'connected' }
  | { readonly event: 'stray'; readonly reason: string }
  | { readonly event: 'iteration'; readonly iterations: number }
  /** All segments so far, serialized by V8, base 64. */
  | { readonly event: 'segment'; readonly state: string }
  | ({ readonly event: 'trained'; readonly hashes: readonly string[]; readonly operationCount: number } & TrainedPart)
  | { readonly event: 'failure'; readonly reason: string };

export type ToRank =
  | { readonly type: 'config'; readonly config: RankConfig }
  | { readonly type: 'peers'; readonly addresses: readonly RankAddress[] };

/** File descriptor of the pipe. */
const EVENTS = 4;

const say = (event: RankEvent): void => void writeSync(EVENTS, `${JSON.stringify(event)}\n`);

async function run({ member, limits, job, hangsAfter = Infinity }: RankConfig): Promise<void> {
  const engine = testEngine();
  let group: Group;
  try {
    group = await joinGroup({
      ...member,
      listenHost: '127.0.0.1',
      limits,
      peers: async (port) => {
        process.send?.({ port });
        return new Promise((resolve) =>
          process.on('message', (message: ToRank) => {
            if (message.type === 'peers') resolve(message.addresses);
          }),
        );
      },
      onFailure: (err) => say({ event: 'failure', reason: err.message }),
      onStray: (reason) => say({ event: 'stray', reason }),
    });
  } catch (err) {
    say({ event: 'failure', reason: toAppError(err).message });
    process.exit(GROUP_BROKEN_EXIT);
  }
  say({ event: 'connected' });
  group.install(engine);
  const trained = await trainPart(engine, job, {
    onIteration(iterations) {
      say({ event: 'iteration', iterations });
      while (iterations >= hangsAfter) Math.sqrt(2);
    },
    onSegment: (segments) => say({ event: 'segment', state: serialize(segments).toString('base64') }),
  });
  const hashes = group.allgather(Buffer.from(trained.treesSha256)).map((hash) => Buffer.from(hash).toString());
  say({ event: 'trained', hashes, operationCount: group.stats.operationCount, ...trained });
  await group.leave();
  process.exit(0);
}

/** Outside of LightGBM's calls a broken group is an error like any other. */
function end(err: unknown): never {
  if (isAppError(err, 'GROUP_BROKEN')) process.exit(GROUP_BROKEN_EXIT);
  throw err;
}

dieWithParent(process.ppid);
process.on('message', (message: ToRank) => {
  if (message.type === 'config') run(message.config).catch(end);
});
