import { ERROR_TABLE, isAppError } from '#contracts';

/** `skipped`: could not be looked at, and why; never read as good. */
export const CHECK_STATES = ['ok', 'warning', 'problem', 'skipped'] as const;
export type CheckState = (typeof CHECK_STATES)[number];

/** What one look at the cluster found. */
export interface Finding {
  readonly state: CheckState;
  /** One sentence or less, with the numbers. */
  readonly found: string;
  /** One sentence with the exact property or command; '' where there is nothing to do. */
  readonly remedy: string;
}

export interface Check extends Finding {
  readonly name: string;
}

export const ok = (found: string): Finding => ({ state: 'ok', found, remedy: '' });
export const warning = (found: string, remedy: string): Finding => ({ state: 'warning', found, remedy });
export const problem = (found: string, remedy: string): Finding => ({ state: 'problem', found, remedy });
export const skipped = (found: string, remedy = ''): Finding => ({ state: 'skipped', found, remedy });

/** An error of ours as a finding: its message, and the remedy of the one table. @throws what is none */
export function asProblem(err: unknown): Finding {
  if (!isAppError(err)) throw err;
  return problem(err.message, ERROR_TABLE[err.code].remedy);
}

/** Looks, and takes an error of ours for the finding that it is. @throws the reason of an aborted signal */
export async function check(
  name: string,
  signal: AbortSignal | undefined,
  look: () => Finding | Promise<Finding>,
): Promise<Check> {
  signal?.throwIfAborted();
  try {
    return { name, ...(await look()) };
  } catch (err) {
    signal?.throwIfAborted();
    return { name, ...asProblem(err) };
  }
}

/** How many checks came out how. */
export function countStates(checks: readonly Check[]): Readonly<Record<CheckState, number>> {
  const count = (state: CheckState): number => checks.filter((one) => one.state === state).length;
  return { ok: count('ok'), warning: count('warning'), problem: count('problem'), skipped: count('skipped') };
}
