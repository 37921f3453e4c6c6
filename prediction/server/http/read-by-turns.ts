/** So much of a body in one turn says that more is waiting behind it: as one part, or as many small ones. */
const FULL_PART_BYTES = 16 * 1024;
/** Bodies that are read on in one turn of the event loop, some 64 KiB of each. */
const READ_PER_TURN = 4;

/** A stream of a body. */
interface Pausable {
  pause(): unknown;
  resume(): unknown;
}

/** Called with each part of a body that is read, before the next. */
export type ReadByTurns = (request: Pausable, part: Buffer) => void;

/**
 * Lets all bodies that are being received go on by turns, in the order in which they came. Node reads up to 2 MiB of a connection before it
 * looks at the next one, so that a few clients that send 40 MB each would hold all others up by tens of milliseconds.
 *
 * @param nextTurn calls back in the next turn
 */
export function createReadByTurns(nextTurn: (callback: () => void) => unknown = setImmediate): ReadByTurns {
  const waiting: Pausable[] = [];
  /** Bytes of this turn, of bodies that go on. */
  const read = new Map<Pausable, number>();
  const goOn = (): void => {
    for (const request of waiting.splice(0, READ_PER_TURN)) request.resume();
    if (waiting.length > 0) nextTurn(goOn);
  };
  return (request, part) => {
    const size = part.length + (read.get(request) ?? 0);
    if (size < FULL_PART_BYTES) {
      if (read.size === 0) nextTurn(() => read.clear());
      read.set(request, size);
      return;
    }
    read.delete(request);
    request.pause();
    if (waiting.push(request) === 1) nextTurn(goOn);
  };
}
