import type { ApplicationShape } from './rest-shapes.ts';

/** In the order of a life. `NEW_SAVING` and `SUBMITTED`: written down; `ACCEPTED`: waits in its queue. */
export const APPLICATION_STATES = [
  'NEW',
  'NEW_SAVING',
  'SUBMITTED',
  'ACCEPTED',
  'RUNNING',
  'FINAL_SAVING',
  'FINISHING',
  'KILLING',
  'FINISHED',
  'FAILED',
  'KILLED',
] as const;
export type ApplicationState = (typeof APPLICATION_STATES)[number];

/** What the application master said when it unregistered, or what YARN concluded. */
export type FinalStatus = 'UNDEFINED' | 'SUCCEEDED' | 'FAILED' | 'KILLED' | 'ENDED';

/** One application as the ResourceManager reports it. */
export interface ApplicationReport {
  readonly applicationId: string;
  readonly user: string;
  readonly name: string;
  readonly queue: string;
  /** Null: a state that this version does not know; never read as an end. */
  readonly state: ApplicationState | null;
  readonly finalStatus: FinalStatus;
  /** YARN's own text, empty while there is nothing to say. */
  readonly diagnostics: string;
  readonly tags: readonly string[];
  readonly trackingUrl: string | null;
  /** Page of the application master's logs. */
  readonly logUrl: string | null;
  readonly startedAtMs: number;
  /** Null while it lives. */
  readonly finishedAtMs: number | null;
  readonly allocatedMemoryMb: number;
  readonly allocatedVcores: number;
  readonly runningContainers: number;
}

/**
 * What is known of an application. `unknown` is never an end: nobody answered, or the ResourceManager has no record of it,
 * as after a restart with its state lost or before it has recovered.
 */
export type ApplicationSighting =
  | { readonly kind: 'known'; readonly application: ApplicationReport }
  | { readonly kind: 'unknown'; readonly why: 'unreachable' | 'no_record'; readonly reason: string };

const FINAL: readonly (ApplicationState | null)[] = ['FINISHED', 'FAILED', 'KILLED'];

/** No container of it runs any more, or will. */
export function hasEnded(application: ApplicationReport): boolean {
  return FINAL.includes(application.state);
}

export function toReport(shape: ApplicationShape): ApplicationReport {
  return {
    applicationId: shape.id,
    user: shape.user,
    name: shape.name,
    queue: shape.queue,
    state: APPLICATION_STATES.find((state) => state === shape.state) ?? null,
    finalStatus: FINAL_STATUSES.find((status) => status === shape.finalStatus) ?? 'UNDEFINED',
    diagnostics: shape.diagnostics?.trim() ?? '',
    tags: (shape.applicationTags ?? '').split(',').filter((tag) => tag !== ''),
    trackingUrl: shape.trackingUrl ?? null,
    logUrl: shape.amContainerLogs ?? null,
    startedAtMs: shape.startedTime,
    finishedAtMs: shape.finishedTime === 0 ? null : shape.finishedTime,
    // YARN says -1 where it does not know.
    allocatedMemoryMb: Math.max(0, shape.allocatedMB ?? 0),
    allocatedVcores: Math.max(0, shape.allocatedVCores ?? 0),
    runningContainers: Math.max(0, shape.runningContainers ?? 0),
  };
}

const FINAL_STATUSES: readonly FinalStatus[] = ['UNDEFINED', 'SUCCEEDED', 'FAILED', 'KILLED', 'ENDED'];
