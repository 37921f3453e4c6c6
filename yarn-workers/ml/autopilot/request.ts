import type {
  AutopilotMode,
  DatasetProfile,
  ImbalanceRequest,
  MetricName,
  PartitioningRequest,
  PinnedParameters,
  StoredTable,
  TargetType,
} from '#contracts';

/** Autopilot's request body, its shape already checked. `featureNames` is the feature list, looked up by the caller. */
export interface AutopilotRequest {
  readonly target: string;
  readonly targetType?: TargetType;
  readonly positiveClass?: string | number | boolean;
  readonly metric?: MetricName;
  /** Level of the quantile that is predicted, with metric `quantileLoss`. @default 0.5 */
  readonly quantile?: number;
  /** @default quick */
  readonly mode?: AutopilotMode;
  readonly timeBudgetSeconds?: number;
  readonly maxModels?: number;
  readonly partitioning?: PartitioningRequest;
  readonly weightColumn?: string;
  /** @default {method: 'none'} */
  readonly imbalance?: ImbalanceRequest;
  readonly offsetColumn?: string;
  readonly exposureColumn?: string;
  readonly excludedFeatures?: readonly string[];
  readonly featureNames?: readonly string[];
  readonly monotonic?: { readonly increasing?: readonly string[]; readonly decreasing?: readonly string[] };
  /** @default 0 */
  readonly seed?: number;
  readonly maxWorkers?: number;
  readonly blueprints?: readonly string[];
  /** What no candidate varies. */
  readonly pinnedParameters?: PinnedParameters;
}

/** What planning knows: the dataset's profile and storage, and what the pool can do at a time. */
export interface AutopilotFacts {
  readonly profile: DatasetProfile;
  readonly table: StoredTable;
  readonly parallelTasks: number;
  readonly threadsPerTask: number;
  /** Tasks that may fit one model together. @default 1 */
  readonly ranksMax?: number;
  /** Limit of the largest worker that there may be. @default any */
  readonly workerBytesMax?: number;
}
