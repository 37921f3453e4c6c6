import type { Logger } from '#runtime';
import type { ChallengerModels } from '../challengers/challenger-models.ts';
import type { Shadow } from '../challengers/shadow.ts';
import type { DeploymentTable } from '../deployments.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';
import type { Authenticator } from './authenticate.ts';
import type { MetricFamily } from './metrics/exposition.ts';
import type { ServerMetrics } from './metrics/server-metrics.ts';
import type { OneAtATime } from './pieces/one-at-a-time.ts';
import type { BodyBudget } from './receive-body.ts';
import type { RowLimits } from './row-limits.ts';

export interface PredictionHttpOptions {
  readonly table: DeploymentTable;
  readonly challengers: ChallengerModels;
  /** Asks the app server for news; resolves when they are in force, or at once when it is away. */
  readonly refresh: () => Promise<void>;
  readonly logger: Logger;
  readonly bodyBytesMax: number;
  readonly limits: RowLimits;
  readonly requestTimeoutMs: number;
  /** Requests under way at a time; more are answered 429. */
  readonly requestsMax: number;
  /** How long requests may wait for those before them, see `createTurnGate`. */
  readonly waitMsMax: number;
  /** It is about to close: not ready any more, and each answer is the last of its connection. */
  readonly isDraining: () => boolean;
  /** Told of every prediction before it is answered; null: nobody is. */
  readonly telemetry: Telemetry | null;
  /** Metrics of all processes of this server, given those of this one. */
  readonly allMetrics: (own: readonly MetricFamily[]) => readonly MetricFamily[] | Promise<readonly MetricFamily[]>;
}

/** What the routes of a prediction server share. */
export interface Context extends PredictionHttpOptions {
  readonly authenticator: Authenticator;
  readonly metrics: ServerMetrics;
  /** All metrics of this process. */
  readonly ownMetrics: () => MetricFamily[];
  /** Null without telemetry: nobody would hear of it. */
  readonly shadow: Shadow | null;
  readonly budget: BodyBudget;
  /** Whether a request that has just arrived may be taken, or has waited too long. */
  readonly isInTime: (nowMs: number) => boolean;
  /** Reads large bodies one after the other; smaller ones are read between their pieces. */
  readonly readLarge: OneAtATime;
}
