import type { Submission } from '#yarn';

/** An application of the queue of priority, whose first container needs most of what that is promised. */
export function greedyApplication(applicationId: string): Submission {
  return {
    applicationId,
    name: 'greedy',
    type: 'TRAINYARD',
    queue: 'high',
    tags: [],
    attemptsMax: 1,
    attemptFailuresValidityMs: 3_600_000,
    master: { memoryMb: 1536, vcores: 1 },
    command: 'exec sleep 600',
    environment: {},
    resources: [],
    tokens: {},
    secrets: {},
    viewers: 'trainyard',
    modifiers: 'trainyard',
  };
}
