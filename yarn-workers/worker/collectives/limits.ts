/** How long the ranks of a group wait for each other. Milliseconds. */
export interface GroupLimits {
  /** Each rank says so often that it lives. */
  readonly pingMs: number;
  /** A rank of which nothing is heard for so long is lost: frozen, or cut off without a word. */
  readonly silenceMs: number;
  /** From a connection to the words that name its rank. */
  readonly helloMs: number;
  /** From knowing the others' addresses to being connected to all of them. */
  readonly rendezvousMs: number;
  /** One exchange, with the computing that the slowest rank has to do before it: a rank that lives but never comes. */
  readonly operationMs: number;
  /** So often a rank that waits for others, as long as they live, says that it does. */
  readonly toldMs: number;
  /** A broken group's rank that neither enters an exchange nor leaves, being deep in native code, is ended after it. */
  readonly endMs: number;
}

/**
 * A lost, frozen, absent or foreign rank ends the group within 90 s: frozen ones are found after `silenceMs` and a ping, and what
 * is computing then ends after `endMs`; absent ones after `rendezvousMs`, and a hello that was under way.
 */
export const GROUP_LIMITS: GroupLimits = {
  pingMs: 1_000,
  silenceMs: 30_000,
  helloMs: 10_000,
  rendezvousMs: 60_000,
  operationMs: 600_000,
  toldMs: 5_000,
  endMs: 30_000,
};

/** How a process ends whose group is broken: EX_TEMPFAIL, a failure that another try may not have. @see sysexits.h */
export const GROUP_BROKEN_EXIT = 75;
