/** Requests of one turn that are taken however long it lasts: a pause of the collector is no overload. */
const TAKEN_MIN = 32;

/**
 * Bounds how long requests wait for those before them. All that has arrived is handled in one turn of the event loop, one after the
 * other; who comes late in a long turn has waited since it began, and is refused, which takes a fraction of the time
 * that a prediction takes. So a turn lasts little more than the limit, and whoever is taken waits twice that at most.
 *
 * The alternative, a count of requests under way, says nothing of time: they are answered as soon as their body is there.
 *
 * @param waitMsMax how long a turn may have lasted before requests are refused
 * @param nextTurn calls back when the turn is over
 * @returns true where a request that is looked at now may be taken
 */
export function createTurnGate(
  waitMsMax: number,
  nextTurn: (callback: () => void) => unknown = setImmediate,
): (nowMs: number) => boolean {
  let beganMs = 0;
  let taken = 0;
  const end = (): void => {
    taken = 0;
  };
  return (nowMs) => {
    if (taken === 0) {
      beganMs = nowMs;
      nextTurn(end);
    }
    if (taken >= TAKEN_MIN && nowMs - beganMs > waitMsMax) return false;
    taken += 1;
    return true;
  };
}
