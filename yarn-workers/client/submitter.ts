import type { ContainerSize } from '#contracts';
import type { Submission } from './submission.ts';

/** An id that the ResourceManager keeps for us. */
export interface NewApplication {
  readonly applicationId: string;
  /** Largest container of the cluster; a queue may grant less. */
  readonly maximum: ContainerSize;
}

/** How applications come to YARN: over REST, or through the application master's jar where that is switched off. */
export interface Submitter {
  newApplication(signal?: AbortSignal): Promise<NewApplication>;
  submit(submission: Submission, signal?: AbortSignal): Promise<void>;
}
