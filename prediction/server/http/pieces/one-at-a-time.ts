/** Does work when all that was asked for before it is done. */
export type OneAtATime = <R>(work: () => Promise<R>) => Promise<R>;

/**
 * Work of one thread is not done sooner when several are begun at once: each only holds its memory for longer, and the collector goes
 * through all of it again and again.
 */
export function createOneAtATime(): OneAtATime {
  let last: Promise<unknown> = Promise.resolve();
  const nothing = (): void => undefined;
  return (work) => {
    const turn = last.then(work);
    last = turn.then(nothing, nothing); // without the result, which would be held until the next work
    return turn;
  };
}
