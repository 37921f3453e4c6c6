import { AppError } from '#contracts';
import type { RankGroup } from '#ml';

/** A group whose ranks are in this process: they can come together, and cannot wait for each other asleep. */
export interface RanksInProcess {
  readonly ranks: readonly RankGroup[];
  /** What was gathered, by rank, in order. */
  readonly gathered: readonly (readonly string[])[];
  /** A rank leaves: what waits for it ends. */
  readonly leave: (rank: number) => void;
}

export function ranksInProcess(size: number): RanksInProcess {
  const gathered: string[][] = Array.from({ length: size }, () => []);
  const rounds: { given: (Uint8Array | undefined)[]; all: PromiseWithResolvers<readonly Uint8Array[]> }[] = [];
  const left = new Set<number>();
  const roundAt = (index: number) => {
    const found = (rounds[index] ??= {
      given: Array.from({ length: size }),
      all: Promise.withResolvers<readonly Uint8Array[]>(),
    });
    found.all.promise.catch(() => undefined);
    return found;
  };
  const broken = (): AppError =>
    new AppError('GROUP_BROKEN', `rank ${[...left].join()} left`, { details: { rank: 0, size, reason: 'left' } });
  const fails = (): never => {
    throw new AppError('INTERNAL', 'ranks of one process cannot wait for each other asleep');
  };
  const ranks = Array.from({ length: size }, (_, rank): RankGroup => {
    let round = 0;
    return {
      ...{ rank, size, allgather: fails, joined: fails },
      gather: async (bytes) => {
        if (left.size > 0) throw broken();
        const { given, all } = roundAt(round);
        round += 1;
        given[rank] = bytes.slice();
        gathered[rank]?.push(new TextDecoder().decode(bytes));
        const whole = given.filter((each) => each !== undefined);
        if (whole.length === size) all.resolve(whole);
        return all.promise;
      },
    };
  });
  return {
    ...{ ranks, gathered },
    leave: (rank) => {
      left.add(rank);
      for (const { all } of rounds) all.reject(broken());
    },
  };
}
