import type { Submission } from '#yarn';

/** What is submitted for an application whose first container sleeps and never registers. */
export function sleeper(applicationId: string, change: Partial<Submission> = {}): Submission {
  return {
    applicationId,
    name: 'sleeper',
    type: 'TRAINYARD',
    queue: 'ml',
    tags: ['sleeper'],
    attemptsMax: 2,
    attemptFailuresValidityMs: 3_600_000,
    master: { memoryMb: 128, vcores: 1 },
    command: 'exec sleep 600',
    environment: {},
    resources: [],
    tokens: {},
    secrets: {},
    viewers: 'trainyard',
    modifiers: 'trainyard',
    ...change,
  };
}
