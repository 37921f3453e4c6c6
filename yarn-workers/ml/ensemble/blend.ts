import { AppError, type EnsembleFacts, type EnsembleTask, type StackedLayer } from '#contracts';

/** How the models of a task are blended. */
export interface Blend {
  /** One a model of the task; 0 leaves it out. Without a layer they add up to 1. */
  readonly weights: readonly number[];
  /** The stacked layer that the weights are of; null: they are greedy. */
  readonly layer: StackedLayer | null;
}

/** What was chosen of the models that a task names, in its order. */
export interface Choice {
  /** Of the ensemble itself. */
  readonly final: Blend;
  /** By part: chosen without its rows. */
  readonly byPart: readonly Blend[];
  /** By part: the model that is best without its rows. */
  readonly bestByPart: readonly number[];
}

/** The blend that a refit is told; null where it is to be chosen. */
export function givenBlend({
  members,
  refitOf,
  layer,
}: Pick<EnsembleTask, 'members' | 'refitOf' | 'layer'>): Blend | null {
  if (refitOf === null) return null;
  const weights = members.map(({ modelId, weight }) => {
    if (weight === null) throw new AppError('INTERNAL', `the refit of an ensemble has no weight of ${modelId}`);
    return weight;
  });
  return { weights, layer: layer ?? null };
}

/** A blend as the world sees it: weights by model, those that weigh nothing left out. */
export function blendFacts(
  { members }: Pick<EnsembleTask, 'members'>,
  { weights, layer }: Blend,
): Pick<EnsembleFacts, 'members' | 'layer'> {
  return {
    members: members.flatMap(({ modelId }, index) => {
      const weight = weights[index] ?? 0;
      return weight > 0 ? [{ modelId, weight }] : [];
    }),
    ...(layer === null ? {} : { layer }),
  };
}
