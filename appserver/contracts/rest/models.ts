import { EnsembleFacts, Parameters } from '../autopilot.ts';
import { ModelImbalance } from '../imbalance.ts';
import { Calibration } from '../manifest.ts';
import { Problem } from '../problem.ts';
import { Id, Sha256, Timestamp, nullable, oneOf, strict } from '../schema.ts';
import { ModelScores } from '../tasks.ts';
import { TargetTypeSchema } from '../vocabulary.ts';
import { Description } from './common.ts';
import { Type, type Static } from '../type.ts';

/** A blueprint fitted on a partition. Measured figures are null until `state` is `ready`. */
export const Model = strict(
  {
    id: Id,
    projectId: Id,
    name: Type.String(),
    family: Type.String(),
    blueprintId: Type.String(),
    state: oneOf(['training', 'ready', 'failed', 'cancelled']),
    target: Type.String(),
    targetType: TargetTypeSchema,
    classes: Type.Array(Type.String()),
    featureList: nullable(
      Type.String({ description: 'the list that its features were taken from; null: none was named' }),
    ),
    excludedForLeakage: Type.Array(Type.String(), { description: 'features of the list that it does not read' }),
    sampleFraction: Type.Number(),
    rowCount: nullable(Type.Integer()),
    scores: ModelScores,
    fitSeconds: nullable(Type.Number()),
    predictMicrosPerRow: nullable(Type.Number()),
    sizeBytes: nullable(Type.Integer()),
    peakMemoryBytes: nullable(Type.Integer({ description: 'of its task’s process' })),
    predictedMemoryBytes: nullable(
      Type.Integer({ description: 'what its task was predicted to take, told before it began; null: nothing was' }),
    ),
    iterations: nullable(Type.Integer()),
    ensemble: nullable(EnsembleFacts),
    calibration: nullable(Calibration),
    imbalance: ModelImbalance,
    contentHash: nullable(Sha256),
    manifestSha256: nullable(Sha256),
    recommended: Type.Boolean(),
    refitOf: nullable(Id),
    starred: Type.Boolean(),
    tags: Type.Array(Type.String()),
    description: Type.String(),
    taskId: nullable(Id),
    error: nullable(Problem),
    createdAt: Timestamp,
    finishedAt: nullable(Timestamp),
  },
  { $id: 'Model' },
);
export type Model = Static<typeof Model>;

export const PatchModelRequest = strict({
  starred: Type.Optional(Type.Boolean()),
  tags: Type.Optional(Type.Array(Type.String({ minLength: 1, maxLength: 100 }), { maxItems: 50, uniqueItems: true })),
  description: Type.Optional(Description),
});

/** Everything that decides how the model was fitted. */
export const ModelParameters = strict({
  modelId: Id,
  blueprintId: Type.String(),
  parameters: Parameters,
  seed: Type.Integer(),
  threadCount: Type.Integer(),
  iterations: nullable(Type.Integer()),
  features: Type.Array(Type.String()),
});
