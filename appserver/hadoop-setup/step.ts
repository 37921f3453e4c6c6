/** One change to the cluster, or what needs none. Planned first and then done, so that a dry run shows the same steps. */
export interface Step {
  readonly action: 'make folder' | 'upload' | 'write' | 'remove' | 'kill' | 'keep';
  /** Path in HDFS, or an application's id. */
  readonly subject: string;
  readonly detail: string;
  /** Not there for `keep`. */
  readonly run?: () => Promise<void>;
}

export const keep = (subject: string, detail: string): Step => ({ action: 'keep', subject, detail });

/** Steps as they are told. */
export type StepRecord = Omit<Step, 'run'>;

export async function runSteps(
  steps: readonly Step[],
  onProgress: (fraction: number, text: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const [index, { action, subject, run }] of steps.entries()) {
    signal?.throwIfAborted();
    if (run === undefined) continue;
    onProgress(index / steps.length, `${action} ${subject}`);
    await run();
  }
}

export const recordOf = ({ action, subject, detail }: Step): StepRecord => ({ action, subject, detail });
