import { toAppError } from '#contracts';
import type { Clock, Config } from '#runtime';
import {
  endApplication,
  liveApplications,
  putOffPool,
  readClock,
  setLifetimeUntil,
  setWaitReason,
  type YarnApplication,
} from '#store';
import { hasEnded, refusalIn, type ApplicationSighting } from '#yarn';
import type { DutyContext } from '../duties/index.ts';
import type { Cluster } from './cluster.ts';

/** A master that speaks is asked about at YARN this rarely; one that does not, at each look. */
const QUIET_LOOK_MS = 10_000;
/** A master is silent when it has not spoken for so long. */
const SILENT_MS = 5_000;
/** An application that YARN has no record of is given up after this time: it may be about to recover. */
const NO_RECORD_MS = 30_000;
/** An application's life is prolonged when less than this part of it is left. */
const PROLONG_BELOW = 5 / 6;
const PUT_OFF = { firstMs: 5_000, longestMs: 300_000 } as const;

/** How the books of an application are closed. */
interface End {
  readonly state: 'ENDED' | 'ABANDONED';
  readonly diagnostics: string;
}

/**
 * Compares live applications with what YARN says of them, and prolongs their lives; what nobody could say changes nothing.
 * What it remembers only saves questions: another replica begins anew.
 */
export class ApplicationWatch {
  readonly #cluster: Cluster;
  readonly #config: Config['yarn'];
  readonly #clock: Clock;
  readonly #lookedAtMs = new Map<string, number>();
  readonly #noRecordSinceMs = new Map<string, number>();

  constructor(cluster: Cluster, config: Config['yarn'], clock: Clock) {
    this.#cluster = cluster;
    this.#config = config;
    this.#clock = clock;
  }

  /** Looks at those that are due. */
  async look(context: DutyContext): Promise<void> {
    const databaseMs = await readClock(context.database);
    for (const application of await liveApplications(context.database)) {
      if (context.signal.aborted) return;
      if (!this.#isDue(application, databaseMs)) continue;
      this.#lookedAtMs.set(application.applicationId, this.#clock.monotonicMs());
      await this.#lookAt(context, application, databaseMs);
    }
  }

  #isDue({ applicationId, state, syncedAt }: YarnApplication, databaseMs: number): boolean {
    if (state === 'RESERVED') return false;
    const isQuiet = syncedAt !== null && databaseMs - syncedAt < SILENT_MS;
    return !isQuiet || this.#clock.monotonicMs() - (this.#lookedAtMs.get(applicationId) ?? -Infinity) >= QUIET_LOOK_MS;
  }

  async #lookAt(context: DutyContext, application: YarnApplication, databaseMs: number): Promise<void> {
    const { applicationId } = application;
    try {
      const sighting = await this.#cluster.manager.sight(applicationId, context.signal);
      const end = this.#endOf(applicationId, sighting);
      if (end !== null) await this.#close(context, application, end);
      else if (sighting.kind === 'known') await this.#prolong(context, application, databaseMs);
    } catch (err) {
      const error = toAppError(err);
      if (error.kind === 'bug') throw err;
      // Right after its submission an application takes no lifetime yet; the next look comes soon.
      context.logger.warn('application_unseen', 'an application could not be looked after', {
        applicationId,
        err: error,
      });
    }
  }

  /** Null: it goes on, or nobody knows. */
  #endOf(applicationId: string, sighting: ApplicationSighting): End | null {
    if (sighting.kind === 'known') {
      this.#noRecordSinceMs.delete(applicationId);
      const { application } = sighting;
      if (!hasEnded(application)) return null;
      const words = `${application.finalStatus}: ${application.diagnostics}`;
      return { state: 'ENDED', diagnostics: refusalIn(application)?.message ?? words };
    }
    if (sighting.why === 'unreachable') return null;
    const nowMs = this.#clock.monotonicMs();
    const since = this.#noRecordSinceMs.get(applicationId) ?? nowMs;
    this.#noRecordSinceMs.set(applicationId, since);
    if (nowMs - since < NO_RECORD_MS) return null;
    return { state: 'ABANDONED', diagnostics: `YARN has no record of it: ${sighting.reason}` };
  }

  async #close({ database, logger }: DutyContext, application: YarnApplication, end: End): Promise<void> {
    const { applicationId, pool, finish } = application;
    await database.transaction(async (trx) => {
      if (!(await endApplication(trx, applicationId, end))) return;
      // One that was told to end has done its work.
      if (finish !== null) return;
      await putOffPool(trx, pool, PUT_OFF);
      await setWaitReason(trx, pool, end.diagnostics);
    });
    this.#lookedAtMs.delete(applicationId);
    this.#noRecordSinceMs.delete(applicationId);
    logger.info('application_ended', end.diagnostics, { applicationId, pool, state: end.state });
  }

  /** YARN ends what no app server prolongs any more: a dead installation leaves nothing running. */
  async #prolong(
    { database, signal }: DutyContext,
    { applicationId, lifetimeUntil }: YarnApplication,
    databaseMs: number,
  ): Promise<void> {
    const { lifetimeMs } = this.#config;
    if (lifetimeUntil !== null && lifetimeUntil - databaseMs > lifetimeMs * PROLONG_BELOW) return;
    const untilMs = databaseMs + lifetimeMs;
    await this.#cluster.manager.setLifetime(applicationId, untilMs, signal);
    await setLifetimeUntil(database, applicationId, untilMs);
  }
}
