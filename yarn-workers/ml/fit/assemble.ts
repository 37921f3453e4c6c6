import {
  canonicalJson,
  type ManifestMember,
  type ManifestOffset,
  type ManifestStep,
  type OffsetKind,
  type TargetSpec,
} from '#contracts';
import type {
  FactorizationArrays,
  ForestArrays,
  LinearArrays,
  ModelArrays,
  NetworkArrays,
  TreeArrays,
  UnpackedContent,
} from '#scoring';
import type { Objective } from '../blueprints/objective.ts';
import { DEFAULT_THRESHOLD, treesModel } from '#scoring';
import { forestModel } from './forest/forest-state.ts';
import { networkModel } from './network/network-state.ts';
import type { TaskFeature } from './task-columns.ts';

/** A fitted member: its steps and its trees, forest, linear model, factorization machine, network or constant. */
export interface FittedMember {
  readonly steps: readonly ManifestStep[];
  readonly model:
    | { readonly trees: TreeArrays }
    | { readonly linear: LinearArrays }
    | { readonly forest: ForestArrays }
    | { readonly factorization: FactorizationArrays }
    | { readonly network: NetworkArrays }
    | { readonly scores: readonly number[] };
  /** What it counts beside the others. @default 1 */
  readonly votes?: number;
}

/** An offset with its column, and what it adds on average. */
export interface FittedOffset {
  readonly kind: OffsetKind;
  readonly feature: TaskFeature;
  readonly mean: number;
}

/**
 * The artefact's content: steps that members share are stored once, members weigh what their votes say and are blended on the link
 * scale. Offsets are the last features, each with a step of its own.
 *
 * @param lastOnly the last member predicts alone, the others weigh 0: those of earlier backtests know less of what comes next, and are
 *   kept so that the predictions of their validation rows can be made again
 */
export function assemble(
  target: TargetSpec,
  objective: Objective,
  features: readonly TaskFeature[],
  members: readonly FittedMember[],
  offsets: readonly FittedOffset[],
  lastOnly = false,
): { content: UnpackedContent; models: Map<string, ModelArrays> } {
  const steps: ManifestStep[] = [];
  const places = new Map<string, number>();
  const placeOf = (step: ManifestStep): number => {
    const text = canonicalJson(step);
    const known = places.get(text);
    if (known !== undefined) return known;
    places.set(text, steps.length);
    return steps.push(step) - 1;
  };
  const models = new Map<string, ModelArrays>();
  const votes = members.map((member) => member.votes ?? 1);
  const voteCount = votes.reduce((sum, own) => sum + own, 0);
  const manifestMembers = members.map((member, index): ManifestMember => {
    const own = member.steps.map(placeOf);
    const weight = lastOnly ? Number(index === members.length - 1) : (votes[index] ?? 1) / voteCount;
    if ('scores' in member.model)
      return { weight, steps: own, model: { kind: 'constant', scores: [...member.model.scores] } };
    const prefix = `member${index}`;
    if ('linear' in member.model) {
      const { outputCount, columnCount } = member.model.linear;
      models.set(prefix, member.model.linear);
      return { weight, steps: own, model: { kind: 'linear', prefix, outputCount, columnCount } };
    }
    if ('factorization' in member.model) {
      const { outputCount, columnCount, rank } = member.model.factorization;
      models.set(prefix, member.model.factorization);
      return { weight, steps: own, model: { kind: 'factorization-machine', prefix, outputCount, columnCount, rank } };
    }
    if ('network' in member.model) {
      models.set(prefix, member.model.network);
      return { weight, steps: own, model: networkModel(prefix, member.model.network) };
    }
    if ('forest' in member.model) {
      models.set(prefix, member.model.forest);
      return { weight, steps: own, model: forestModel(prefix, member.model.forest) };
    }
    models.set(prefix, member.model.trees);
    return { weight, steps: own, model: treesModel(prefix, member.model.trees) };
  });
  const manifestOffsets = offsets.map(({ kind, mean }, index): ManifestOffset => {
    const step: ManifestStep = { kind: 'numeric', feature: features.length + index };
    return { kind, step: steps.push(step) - 1, mean };
  });
  const content: UnpackedContent = {
    targetType: target.targetType,
    target: target.name,
    classes: target.classes.map(({ label }) => label),
    positiveClass: target.targetType === 'binary' ? target.positiveClass : null,
    threshold: target.targetType === 'binary' ? DEFAULT_THRESHOLD : null,
    link: objective.link,
    features: [...features, ...offsets.map(({ feature }) => feature)].map(({ manifest }) => manifest),
    steps,
    members: manifestMembers,
    ...(offsets.length === 0 ? {} : { offsets: manifestOffsets }),
  };
  return { content, models };
}
