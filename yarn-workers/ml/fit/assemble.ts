import { canonicalJson, type ManifestMember, type ManifestStep, type TargetSpec } from '#contracts';
import type { LinearArrays, ModelArrays, TreeArrays, UnpackedContent } from '#scoring';
import type { Objective } from '../blueprints/objective.ts';
import { DEFAULT_THRESHOLD } from '#scoring';
import type { TaskFeature } from './task-columns.ts';

/** A fitted member: its steps and its trees, linear model or constant. */
export interface FittedMember {
  readonly steps: readonly ManifestStep[];
  readonly model:
    { readonly trees: TreeArrays } | { readonly linear: LinearArrays } | { readonly scores: readonly number[] };
}

/**
 * The artefact's content: steps that members share are stored once, members weigh the same and are blended on the link
 * scale.
 */
export function assemble(
  target: TargetSpec,
  objective: Objective,
  features: readonly TaskFeature[],
  members: readonly FittedMember[],
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
  const manifestMembers = members.map((member, index): ManifestMember => {
    const own = member.steps.map(placeOf);
    const weight = 1 / members.length;
    if ('scores' in member.model)
      return { weight, steps: own, model: { kind: 'constant', scores: [...member.model.scores] } };
    const prefix = `member${index}`;
    if ('linear' in member.model) {
      const { outputCount, columnCount } = member.model.linear;
      models.set(prefix, member.model.linear);
      return { weight, steps: own, model: { kind: 'linear', prefix, outputCount, columnCount } };
    }
    const { outputCount, treeCount, averageOutput } = member.model.trees;
    models.set(prefix, member.model.trees);
    return { weight, steps: own, model: { kind: 'trees', prefix, outputCount, treeCount, averageOutput } };
  });
  const content: UnpackedContent = {
    targetType: target.targetType,
    target: target.name,
    classes: target.classes.map(({ label }) => label),
    positiveClass: target.targetType === 'binary' ? target.positiveClass : null,
    threshold: target.targetType === 'binary' ? DEFAULT_THRESHOLD : null,
    link: objective.link,
    features: features.map(({ manifest }) => manifest),
    steps,
    members: manifestMembers,
  };
  return { content, models };
}
