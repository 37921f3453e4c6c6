import { AppError, isAppError, type ContainerSize } from '#contracts';
import { systemClock, type Clock } from '#runtime';
import { hasEnded, toReport, type ApplicationReport, type ApplicationSighting } from './application.ts';
import { readAttempts, readContainers, type ApplicationAttempt, type ContainerReport } from './attempts.ts';
import { readNodes, type NodeReport } from './nodes.ts';
import { findQueue, leafQueues, type ContainerAmount, type QueueState } from './queues.ts';
import { codeOfWords } from './refusal.ts';
import { ResourceManagers, type ResourceManagersOptions } from './resource-managers.ts';
import {
  ApplicationAnswer,
  ApplicationsAnswer,
  type ClusterInfo,
  DelegationTokenAnswer,
  InfoAnswer,
  MetricsAnswer,
  NewApplicationShape,
  read,
  RenewalAnswer,
  sizeOf,
  StateAnswer,
} from './rest-shapes.ts';
import { submissionBody, type Submission } from './submission.ts';
import { explainWait, type Ask, type WaitReason } from './wait-reason.ts';
import { lifetimeText } from './lifetime.ts';
import type { NewApplication, Submitter } from './submitter.ts';

/** A token for the ResourceManager's REST interface. */
export interface RmDelegationToken {
  readonly token: string;
  readonly expiresAtMs: number;
  /** Nobody can renew it past this. */
  readonly endsAtMs: number;
}

const ACTIVE = 'ACTIVE';
const KILL_LIMIT_MS = 60_000;
const POLL_MS = 250;
/** The header that names the token to renew or cancel. */
const TOKEN_HEADER = 'Hadoop-YARN-RM-Delegation-Token';

/**
 * The ResourceManager over REST, as the service or for an end user. Nothing here decides anything: what nobody could say
 * is told as {@link ApplicationSighting} `unknown`, never as a failure.
 */
export class ResourceManagerClient implements Submitter {
  readonly #managers: ResourceManagers;
  readonly #clock: Clock;

  constructor(options: ResourceManagersOptions) {
    this.#managers = new ResourceManagers(options);
    this.#clock = options.clock ?? systemClock;
  }

  /** The address of the ResourceManager that answered last. */
  get activeUrl(): string {
    return this.#managers.activeUrl;
  }

  /** Versions and state of the active ResourceManager. */
  async info(signal?: AbortSignal): Promise<{ state: string; version: string; startedAtMs: number }> {
    const info = await this.#activeInfo(signal);
    return { state: info.state, version: info.resourceManagerVersion, startedAtMs: info.startedOn };
  }

  /** Reserves an id, which costs nothing if it is never used. @throws YARN_REST_SUBMISSION_OFF, YARN_UNAVAILABLE */
  async newApplication(signal?: AbortSignal): Promise<NewApplication> {
    await this.#requireRecovered(signal);
    const { json } = await this.#managers.call({ method: 'POST', path: '/apps/new-application', ...given(signal) });
    const answer = read(NewApplicationShape, json, 'new application');
    return {
      applicationId: answer['application-id'],
      maximum: sizeOf(answer['maximum-resource-capability']),
    };
  }

  /**
   * Submits; the same id again changes nothing. What only the scheduler refuses (queue, tokens) ends the application
   * later: see {@link refusalIn}.
   * @throws YARN_CONTAINER_TOO_LARGE, YARN_REST_SUBMISSION_OFF, YARN_REQUEST_REFUSED, YARN_UNAVAILABLE
   */
  async submit(submission: Submission, signal?: AbortSignal): Promise<void> {
    await this.#requireRecovered(signal);
    try {
      await this.#managers.call({ method: 'POST', path: '/apps', json: submissionBody(submission), ...given(signal) });
    } catch (err) {
      // YARN says neither what was asked for nor what it grants.
      if (isAppError(err, 'YARN_CONTAINER_TOO_LARGE'))
        requireSize(submission.master, (await this.newApplication(signal)).maximum, 'the ResourceManager');
      throw err;
    }
  }

  /** What is known of an application now. @throws errors other than of reaching the ResourceManager */
  async sight(applicationId: string, signal?: AbortSignal): Promise<ApplicationSighting> {
    try {
      const json = await this.#get(`/apps/${applicationId}`, signal);
      return { kind: 'known', application: toReport(read(ApplicationAnswer, json, 'application').app) };
    } catch (err) {
      return isAppError(err, 'NOT_FOUND') ? this.#withoutRecord(err, signal) : unknownSighting(err);
    }
  }

  /** A ResourceManager that has not read its state yet has no record of anything. */
  async #withoutRecord(reason: AppError, signal: AbortSignal | undefined): Promise<ApplicationSighting> {
    try {
      await this.#requireRecovered(signal);
      return { kind: 'unknown', why: 'no_record', reason: reason.message };
    } catch (err) {
      return unknownSighting(err);
    }
  }

  /**
   * Without high availability a ResourceManager answers REST calls before it has read its state. What is submitted then it
   * writes there, meets it again when it reads ("is already present! Cannot add a duplicate!"), and ends by that.
   *
   * @see org.apache.hadoop.yarn.server.resourcemanager.ResourceManager#serviceStart: web server first, `transitionToActive` last
   * @throws YARN_UNAVAILABLE while it does
   */
  async #requireRecovered(signal: AbortSignal | undefined): Promise<void> {
    const { haState = ACTIVE } = await this.#activeInfo(signal);
    if (haState === ACTIVE) return;
    throw new AppError('YARN_UNAVAILABLE', `the ResourceManager at ${this.activeUrl} is starting: it is ${haState}`);
  }

  /** A standby answers this question itself, but redirects another, which leads to the active one. */
  async #activeInfo(signal: AbortSignal | undefined): Promise<ClusterInfo> {
    const info = await this.#infoOfOne(signal);
    if (info.haState === undefined || info.haState === ACTIVE) return info;
    await this.total(signal);
    return this.#infoOfOne(signal);
  }

  async #infoOfOne(signal: AbortSignal | undefined): Promise<ClusterInfo> {
    return read(InfoAnswer, await this.#get('/info', signal), 'cluster info').clusterInfo;
  }

  /** Applications that carry this tag and, unless asked for all, have not ended. @throws YARN_UNAVAILABLE */
  async applicationsByTag(
    tag: string,
    { withEnded = false, signal }: { readonly withEnded?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<ApplicationReport[]> {
    const query = new URLSearchParams({ applicationTags: tag.toLowerCase() });
    const json = await this.#get(`/apps?${query.toString()}`, signal);
    const all = (read(ApplicationsAnswer, json, 'applications').apps?.app ?? []).map(toReport);
    return withEnded ? all : all.filter((application) => !hasEnded(application));
  }

  /**
   * Ends an application and waits until it has ended. Null: the ResourceManager has no record of it.
   * @throws TIMEOUT when it had not ended within a minute, YARN_UNAVAILABLE, YARN_FORBIDDEN
   */
  async kill(applicationId: string, signal?: AbortSignal): Promise<ApplicationReport | null> {
    const end = this.#clock.monotonicMs() + KILL_LIMIT_MS;
    for (;;) {
      const isDone = await this.#askToEnd(applicationId, signal);
      if (isDone === null) return null;
      const sighting = await this.sight(applicationId, signal);
      if (sighting.kind === 'known' && hasEnded(sighting.application)) return sighting.application;
      if (this.#clock.monotonicMs() >= end) {
        throw new AppError('TIMEOUT', `${applicationId} had not ended ${KILL_LIMIT_MS} ms after it was killed`);
      }
      await this.#clock.pause(POLL_MS, signal);
    }
  }

  /**
   * YARN is to end the application at this time, however its owner fares; may be called again to prolong or shorten.
   * @throws NOT_FOUND, CONFLICT when it has ended already
   */
  async setLifetime(applicationId: string, untilMs: number, signal?: AbortSignal): Promise<void> {
    const timeout = { type: 'LIFETIME', expiryTime: lifetimeText(untilMs) };
    const path = `/apps/${applicationId}/timeout`;
    await this.#managers.call({ method: 'PUT', path, json: { timeout }, ...given(signal) });
    // For one that has ended the answer is 200 too, and changes nothing.
    const sighting = await this.sight(applicationId, signal);
    if (sighting.kind === 'known' && hasEnded(sighting.application)) {
      throw new AppError('CONFLICT', `${applicationId} has ended: its lifetime cannot be changed`);
    }
  }

  async attempts(applicationId: string, signal?: AbortSignal): Promise<ApplicationAttempt[]> {
    return readAttempts(await this.#get(`/apps/${applicationId}/appattempts`, signal));
  }

  /** Containers of one attempt that run now; those that ended are known to nobody but a timeline server. */
  async containers(applicationId: string, attemptId: string, signal?: AbortSignal): Promise<ContainerReport[]> {
    return readContainers(await this.#get(`/apps/${applicationId}/appattempts/${attemptId}/containers`, signal));
  }

  async nodes(signal?: AbortSignal): Promise<NodeReport[]> {
    return readNodes(await this.#get('/nodes', signal));
  }

  /** Memory and processors of all running nodes. */
  async total(signal?: AbortSignal): Promise<ContainerAmount> {
    const { clusterMetrics } = read(MetricsAnswer, await this.#get('/metrics', signal), 'cluster metrics');
    return { memoryMb: clusterMetrics.totalMB, vcores: clusterMetrics.totalVirtualCores };
  }

  /** Every queue that takes applications, with its limits and what is used. */
  async queues(signal?: AbortSignal): Promise<QueueState[]> {
    const total = await this.total(signal);
    return leafQueues(await this.#get('/scheduler', signal), total);
  }

  /**
   * The queue of this name or path, if a first container of this size can ever run in it.
   * @throws YARN_QUEUE_UNKNOWN, YARN_QUEUE_FORBIDDEN when it is stopped, YARN_CONTAINER_TOO_LARGE naming the limit
   */
  async requireQueue(nameOrPath: string, size: ContainerSize, signal?: AbortSignal): Promise<QueueState> {
    const queue = await this.#queue(nameOrPath, signal);
    if (queue.state === 'STOPPED' || queue.state === 'DRAINING') {
      throw new AppError(
        'YARN_QUEUE_FORBIDDEN',
        `queue ${queue.path}: expected the state RUNNING, found ${queue.state}: it takes no application`,
      );
    }
    if (queue.maximumContainer !== null) requireSize(size, queue.maximumContainer, `queue ${queue.path}`);
    return queue;
  }

  /**
   * Why something that was asked for in this queue waits, from what the scheduler says now.
   * @param excludedNodes on which the asker takes no container
   * @throws YARN_QUEUE_UNKNOWN
   */
  async explainWait(
    nameOrPath: string,
    ask: Ask,
    signal?: AbortSignal,
    excludedNodes: readonly string[] = [],
  ): Promise<WaitReason> {
    const [queue, total, nodes] = [
      await this.#queue(nameOrPath, signal),
      await this.total(signal),
      await this.nodes(signal),
    ];
    const running = nodes.filter(({ state }) => state === 'RUNNING');
    return explainWait(queue, ask, { total, nodes: running, excludedNodes });
  }

  /** A token with which the service's own REST calls go without Kerberos. Not allowed by means of such a token. */
  async getDelegationToken(renewer: string, signal?: AbortSignal): Promise<RmDelegationToken> {
    const path = '/delegation-token';
    const { json } = await this.#managers.call({ method: 'POST', path, json: { renewer }, ...given(signal) });
    const answer = read(DelegationTokenAnswer, json, 'delegation token');
    return { token: answer.token, expiresAtMs: answer['expiration-time'], endsAtMs: answer['max-validity'] };
  }

  /** Gives the new time at which it expires. */
  async renewDelegationToken(token: string, signal?: AbortSignal): Promise<number> {
    const path = '/delegation-token/expiration';
    const headers = { [TOKEN_HEADER]: token };
    const { json } = await this.#managers.call({ method: 'POST', path, headers, ...given(signal) });
    return read(RenewalAnswer, json, 'renewed delegation token')['expiration-time'];
  }

  async cancelDelegationToken(token: string, signal?: AbortSignal): Promise<void> {
    const headers = { [TOKEN_HEADER]: token };
    await this.#managers.call({ method: 'DELETE', path: '/delegation-token', headers, ...given(signal) });
  }

  async #queue(nameOrPath: string, signal: AbortSignal | undefined): Promise<QueueState> {
    const queues = await this.queues(signal);
    const queue = findQueue(queues, nameOrPath);
    if (queue !== null) return queue;
    const names = queues.map(({ path }) => path).join(', ');
    throw new AppError('YARN_QUEUE_UNKNOWN', `queue ${nameOrPath}: expected one of ${names}`);
  }

  async #get(path: string, signal: AbortSignal | undefined): Promise<unknown> {
    return (await this.#managers.call({ method: 'GET', path, ...given(signal) })).json;
  }

  /** True: ended; false: YARN is at it (202); null: no record. */
  async #askToEnd(applicationId: string, signal: AbortSignal | undefined): Promise<boolean | null> {
    const path = `/apps/${applicationId}/state`;
    try {
      const answer = await this.#managers.call({ method: 'PUT', path, json: { state: 'KILLED' }, ...given(signal) });
      read(StateAnswer, answer.json, 'application state');
      return answer.status === 200;
    } catch (err) {
      if (isAppError(err, 'NOT_FOUND')) return null;
      throw err;
    }
  }
}

const given = (signal: AbortSignal | undefined): { readonly signal?: AbortSignal } =>
  signal === undefined ? {} : { signal };

function unknownSighting(err: unknown): ApplicationSighting {
  if (isAppError(err) && (err.kind === 'unavailable' || err.kind === 'timeout')) {
    return { kind: 'unknown', why: 'unreachable', reason: err.message };
  }
  throw err;
}

/** @throws YARN_CONTAINER_TOO_LARGE naming both sizes; `whose` begins the message */
export function requireSize(size: ContainerSize, maximum: ContainerSize, whose: string): void {
  if (size.memoryMb <= maximum.memoryMb && size.vcores <= maximum.vcores) return;
  const text = (amount: ContainerSize): string => `${amount.memoryMb} MB and ${amount.vcores} vcores`;
  throw new AppError(
    'YARN_CONTAINER_TOO_LARGE',
    `${whose} grants containers of at most ${text(maximum)}, found ${text(size)}`,
    { details: { asked: size, maximum } },
  );
}

/**
 * Why YARN refused an application after it had taken the submission, as an error for its user; null when its end has
 * another reason.
 */
export function refusalIn(application: ApplicationReport): AppError | null {
  if (application.state !== 'FAILED') return null;
  const code = codeOfWords(application.diagnostics);
  return code === null
    ? null
    : new AppError(code, `${application.applicationId}: ${application.diagnostics}`, {
        details: { queue: application.queue },
      });
}
