import { AppError, isAppError, RANKS_MAX, toAppError, type RankAddress } from '#contracts';
import type { LightgbmNetwork } from '../native/lightgbm-network.ts';
import { endProcess } from '../native/process.ts';
import { Exchange, groupBroken, reasonOf, type ExchangeStats, type OnWait } from './exchange.ts';
import { GROUP_BROKEN_EXIT, GROUP_LIMITS, type GroupLimits } from './limits.ts';
import { MeshClient } from './mesh-client.ts';
import type { Membership, OperationMessage } from './messages.ts';

export interface GroupOptions extends Membership {
  /** Address of this host that the other ranks connect to, and the only one that is listened at. */
  readonly listenHost: string;
  /** Makes this rank's port known and finds out where all ranks are, one address a rank. */
  readonly peers: (port: number) => Promise<readonly RankAddress[]>;
  /** @default GROUP_LIMITS */
  readonly limits?: Partial<GroupLimits>;
  /**
   * Told once why the group broke, as soon as this thread learns of it: at its next exchange, or by its event loop. In an exchange
   * that LightGBM asks for, the process ends when this returns; elsewhere it goes on, but must `leave` within `endMs`.
   */
  readonly onFailure: (err: AppError) => void;
  /** Told of connections that were refused, of the first ones. */
  readonly onStray?: (reason: string) => void;
}

/** A rank in a group whose ranks are all connected. */
export interface Group {
  readonly rank: number;
  readonly size: number;
  readonly stats: ExchangeStats;
  /** Joins an engine to the group: what it boosts from now on is boosted on all ranks' rows. */
  install(engine: LightgbmNetwork): void;
  /**
   * Gives every rank what each rank gives, which must have the same length on all: votes, hashes, sums. Blocks the thread.
   *
   * @returns in rank order
   * @throws GROUP_BROKEN
   */
  allgather(bytes: Uint8Array): Uint8Array[];
  /**
   * The same of bytes of any length, for ranks that may come hours apart: the event loop turns, and there is no limit but that all ranks live.
   *
   * @param onWait told every few seconds how long it has been
   * @throws GROUP_BROKEN; TASK_CANCELLED as `onWait` throws it: the group is to be left then
   */
  gather(bytes: Uint8Array, onWait: OnWait): Promise<Uint8Array[]>;
  /**
   * Leaves in good order, also a group that is broken. Boosters must be closed. The other ranks may go on as far as they need no
   * more of this one.
   */
  leave(): Promise<void>;
}

/**
 * Meets the other ranks of a group: processes on any hosts that train one model on their parts of the rows. All or nothing: when
 * one is lost, frozen, absent or foreign, the group is broken for every rank, within 90 s by the limits' defaults.
 *
 * Where a broken group is noticed in an exchange that LightGBM asked for, this process ends by {@link GROUP_BROKEN_EXIT} after
 * `onFailure`; `lightgbm-network.ts` says why. So it is called in a process that may end.
 *
 * @throws GROUP_BROKEN if they do not all meet; what `peers` throws
 */
export async function joinGroup(options: GroupOptions): Promise<Group> {
  const { rank, size, groupId, epoch, certificates, listenHost, onStray = () => undefined } = options;
  if (size < 2 || size > RANKS_MAX || rank < 0 || rank >= size)
    throw new AppError('INTERNAL', `rank ${rank} of ${size}: expected 2 to ${RANKS_MAX} ranks`);
  const limits = { ...GROUP_LIMITS, ...options.limits };
  const mesh = new MeshClient({ member: { rank, size, groupId, epoch, certificates }, limits, listenHost, onStray });
  await mesh.meet(options.peers);
  let isTold = false;
  const fail = (err: AppError): void => {
    if (!isTold) options.onFailure(err);
    isTold = true;
  };
  mesh.broken.catch((err: unknown) => fail(toAppError(err)));
  const { operationMs, toldMs } = limits;
  const post = (message: OperationMessage): void => mesh.post(message);
  const exchange = new Exchange({ rank, size, operationMs, toldMs, control: mesh.control, post });
  /** What fails in an exchange breaks the group. */
  const breakBy = (err: unknown): AppError => {
    const cause = isAppError(err, 'GROUP_BROKEN')
      ? err
      : groupBroken({ rank, size }, `its exchange failed: ${String(err)}`, err);
    fail(cause);
    mesh.break(reasonOf(cause));
    return cause;
  };
  let installed: LightgbmNetwork | null = null;
  return {
    rank,
    size,
    get stats() {
      return exchange.stats;
    },
    install(engine) {
      engine.joinNetwork(exchange, (err) => {
        breakBy(err);
        return endProcess(GROUP_BROKEN_EXIT);
      });
      installed = engine;
    },
    allgather(bytes) {
      try {
        return exchange.allgather(bytes);
      } catch (err) {
        throw breakBy(err);
      }
    },
    async gather(bytes, onWait) {
      try {
        return await exchange.gather(bytes, onWait);
      } catch (err) {
        throw isAppError(err, 'TASK_CANCELLED') ? err : breakBy(err);
      }
    },
    async leave() {
      installed?.leaveNetwork();
      installed = null;
      await mesh.close();
    },
  };
}
