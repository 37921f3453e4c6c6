import type { OperationWarning } from '#contracts';
import type { ObjectStore } from '#object-store';
import type { Config, Logger } from '#runtime';
import type { Database } from '#store';
import type { TelemetryKeys } from '#telemetry';
import type { Compute, HdfsAs } from './pools/index.ts';
import type { createPackageRuntimes } from './packages/index.ts';
import type { TaskQueue } from './queue/index.ts';
import type { RequestMetrics } from './services/metrics.ts';
import type { MonitoringStore } from './services/monitoring-store.ts';
import type { Sealer } from './services/sealer.ts';
import type { Signer } from './services/signing.ts';
import type { TelemetryInbox } from './services/telemetry-inbox.ts';
import type { Verifier } from './verification/index.ts';

/** What routes and services work with; made once at start. */
export interface AppContext {
  readonly config: Config;
  readonly logger: Logger;
  readonly database: Database;
  readonly store: ObjectStore;
  readonly queue: TaskQueue;
  /** Whose workers do the tasks of a job. */
  readonly compute: Compute;
  /** Files in HDFS as an end user sees them; null where no cluster does the work. */
  readonly hdfsAs: HdfsAs | null;
  readonly signer: Signer;
  /** Does what would hold the event loop up, in a thread. */
  readonly verifier: Verifier;
  /** Seals recorded answers, of which one may hold a new API key, and what alerts are signed with. */
  readonly sealer: Sealer;
  /** Bearer of prediction servers under `/internal/v1`. */
  readonly predictionServerToken: string;
  /** What packages of deployments have in common. */
  readonly packageRuntimes: ReturnType<typeof createPackageRuntimes>;
  readonly monitoring: MonitoringStore;
  readonly telemetryInbox: TelemetryInbox;
  /** What telemetry must be signed with. */
  readonly telemetryKeys: TelemetryKeys;
  readonly requests: RequestMetrics;
  /** Of the installation, for everybody. */
  readonly warnings: readonly OperationWarning[];
  /** Aborted when the server begins to close: long polls end. */
  readonly closing: AbortSignal;
}
