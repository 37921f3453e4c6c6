import type { Logger } from '#runtime';
import type { DeploymentTable } from '../deployments.ts';
import type { Authenticator } from './authenticate.ts';
import type { ServerMetrics } from './metrics.ts';
import type { BodyBudget } from './receive-body.ts';
import type { RowLimits } from './row-limits.ts';

export interface PredictionHttpOptions {
  readonly table: DeploymentTable;
  /** Asks the app server for news; resolves when they are in force, or at once when it is away. */
  readonly refresh: () => Promise<void>;
  readonly logger: Logger;
  readonly bodyBytesMax: number;
  readonly limits: RowLimits;
  readonly requestTimeoutMs: number;
}

/** What the routes of a prediction server share. */
export interface Context extends PredictionHttpOptions {
  readonly authenticator: Authenticator;
  readonly metrics: ServerMetrics;
  readonly budget: BodyBudget;
}
