import { report, type FitIo } from './clock.ts';

/**
 * Where the ranks of a group come together between long pieces of work, hours apart perhaps: whoever waits says so, and for what.
 *
 * Whatever happens to one rank, all must come to the same meetings in the same order. So a failure that the fit can go on from is no error
 * before a meeting but what is said there; any other error leaves the group, which ends it for all.
 */
export interface RankMeeting {
  /** Whether this is the first rank. */
  readonly isFirst: boolean;
  readonly size: number;
  readonly rank: number;
  /**
   * What each rank says, in rank order.
   *
   * @param what the others are waited for, as the log says it
   * @throws GROUP_BROKEN, TASK_CANCELLED
   */
  readonly tell: (what: string, own: string) => Promise<readonly string[]>;
  /** What the first rank says; what others would is not heard. */
  readonly hear: (what: string, own: string) => Promise<string>;
  /** Whether all ranks say so. */
  readonly all: (what: string, isSo: boolean) => Promise<boolean>;
}

/** Part of a fit's progress that is made where ranks wait for each other. */
const FRACTION = 0.03;

/** @returns null where one process fits the model */
export function rankMeeting(io: Pick<FitIo, 'ranks' | 'log' | 'onProgress' | 'signal'>): RankMeeting | null {
  const { ranks, log } = io;
  if (ranks === undefined) return null;
  const { rank, size } = ranks;
  const tell: RankMeeting['tell'] = async (what, own) => {
    let isLogged = false;
    const onWait = async (waitedMs: number): Promise<void> => {
      if (!isLogged) log?.(`waiting for the other ranks: ${what}`);
      isLogged = true;
      await report(io, FRACTION, 'waiting', `for the other ranks since ${Math.round(waitedMs / 1000)} s: ${what}`);
    };
    const all = await ranks.gather(new TextEncoder().encode(own), onWait);
    // What is read from now on is told beside the last message.
    if (isLogged) await report(io, FRACTION, 'waiting', 'the other ranks have come');
    return all.map((bytes) => new TextDecoder().decode(bytes));
  };
  return {
    ...{ rank, size, tell },
    isFirst: rank === 0,
    hear: async (what, own) => (await tell(what, own))[0] ?? '',
    all: async (what, isSo) => (await tell(what, isSo ? 'yes' : 'no')).every((said) => said === 'yes'),
  };
}
