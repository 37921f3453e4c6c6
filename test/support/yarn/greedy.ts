import type { Submission } from '#yarn';
import { sleeper } from './sleeper.ts';

/** An application of the queue of priority, whose first container needs most of what that is promised. */
export const greedyApplication = (applicationId: string): Submission =>
  sleeper(applicationId, {
    name: 'greedy',
    queue: 'high',
    tags: [],
    attemptsMax: 1,
    master: { memoryMb: 1536, vcores: 1 },
  });
