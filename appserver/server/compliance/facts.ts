import type {
  AutopilotPlan,
  Blueprint,
  DatasetProfile,
  EnsembleFacts,
  FeatureWarning,
  Imbalance,
  LeakageFacts,
  MetricName,
  ModelScores,
  ModellingFeature,
  Parameters,
  Partitioning,
  StoredInsight,
  TargetSpec,
} from '#contracts';
import type { ReportAnswer } from '../verification/index.ts';

/** The model itself; times are ISO 8601 in UTC. */
export interface ModelFacts {
  readonly id: string;
  readonly name: string;
  readonly family: string;
  readonly blueprintId: string;
  readonly role: 'search' | 'ensemble' | 'refit';
  readonly refitOf: string | null;
  /** As its owner may change it at any time. */
  readonly description: string;
  readonly createdAt: string;
  readonly finishedAt: string | null;
  /** What was asked for; defaults are the blueprint's. */
  readonly parameters: Parameters;
  readonly featureList: string | null;
  readonly excludedForLeakage: readonly string[];
  readonly sampleFraction: number;
  readonly threadCount: number;
  readonly rowCount: number;
  readonly iterations: number | null;
  readonly ensemble: EnsembleFacts | null;
  /** The holdout's are null while it is locked. */
  readonly scores: ModelScores;
  readonly fitSeconds: number;
  readonly predictMicrosPerRow: number;
  readonly peakMemoryBytes: number;
  readonly sizeBytes: number;
  readonly contentHash: string;
  readonly manifestSha256: string;
  readonly signature: string;
}

export interface ProjectFacts {
  readonly id: string;
  /** Name and description are as their owner may change them at any time. */
  readonly name: string;
  readonly description: string;
  readonly metric: MetricName;
  readonly partitioning: Partitioning;
  readonly holdoutUnlockedAt: string | null;
}

/** A file that the rows were read from. */
export interface SourceFile {
  readonly path: string | null;
  readonly rowCount: number;
  readonly sizeBytes: number;
  /** Null of files that are read where they lie: those have the time of their last change. */
  readonly sha256: string | null;
  readonly modifiedAt: string | null;
}

export interface DatasetFacts {
  readonly id: string;
  readonly name: string;
  readonly rowCount: number;
  readonly sizeBytes: number | null;
  readonly source: string;
  readonly isInPlace: boolean;
  readonly createdAt: string;
  readonly warnings: readonly FeatureWarning[];
  readonly files: readonly SourceFile[];
  readonly features: readonly FeatureFacts[];
}

/** A column of the dataset, as it was profiled. */
export type FeatureFacts = Pick<
  DatasetProfile['features'][number],
  | 'name'
  | 'type'
  | 'inferredType'
  | 'missingCount'
  | 'uniqueCount'
  | 'uniqueIsEstimate'
  | 'min'
  | 'max'
  | 'mean'
  | 'warnings'
>;

/** What the model's task was told. */
export interface TaskFacts {
  readonly target: TargetSpec;
  readonly features: readonly ModellingFeature[];
  readonly seed: number;
  /** Null where neither task nor run say. */
  readonly weightColumn: string | null;
  /** What was done about classes of different size; null: nothing. */
  readonly imbalance: Imbalance | null;
  readonly monotonic: AutopilotPlan['monotonic'];
}

/** The run of Autopilot that made the model. */
export interface RunFacts {
  readonly id: string;
  readonly state: string;
  readonly plan: AutopilotPlan;
  /** Candidates of the plan that no task was made of. */
  readonly untried: AutopilotPlan['candidates'];
  readonly leakage: LeakageFacts | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly recommendedModelId: string | null;
  /** Why that one; null where a later run has replaced the sentence. */
  readonly reason: string | null;
}

/** A model of the same run. */
export interface PeerFacts {
  readonly modelId: string;
  readonly name: string;
  readonly blueprintId: string;
  readonly role: ModelFacts['role'];
  readonly refitOf: string | null;
  readonly state: string;
  /** Why it has not come about; null of one that has, or still may. */
  readonly reason: string | null;
  readonly parameters: Parameters;
  readonly score: number | null;
  readonly sampleFraction: number;
  readonly rowCount: number | null;
  readonly fitSeconds: number | null;
}

/** A model that is blended. */
export interface BlendedFacts {
  readonly modelId: string;
  readonly name: string;
  readonly parameters: Parameters;
  /** Null where this program has no such blueprint any more. */
  readonly blueprint: Blueprint | null;
}

/** An insight that a task has computed, with the hash of its file. */
export interface InsightRecordFacts {
  readonly sha256: string;
  readonly stored: StoredInsight;
}

/**
 * All that a report says, and nothing else decides its bytes: plain data without a time of asking, a user, a host or a path of this
 * installation, but for what the message of a failure names.
 */
export interface ReportFacts {
  readonly model: ModelFacts;
  readonly project: ProjectFacts;
  readonly dataset: DatasetFacts;
  readonly task: TaskFacts;
  /** Null: fitted by hand. */
  readonly run: RunFacts | null;
  /** Models of the run in the order of creation; of a model that was fitted by hand those of the project made before it. */
  readonly peers: readonly PeerFacts[];
  /** Null where this program has no such blueprint any more. */
  readonly blueprint: Blueprint | null;
  /** Models that an ensemble blends, in the order of its members; none of another model. */
  readonly blended: readonly BlendedFacts[];
  readonly answer: ReportAnswer;
  /** By kind. */
  readonly insights: readonly InsightRecordFacts[];
}
