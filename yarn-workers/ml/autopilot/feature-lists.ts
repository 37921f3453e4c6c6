import type { AutopilotPlan, LeakageFacts } from '#contracts';
import { planColumns } from './columns.ts';
import { leakingFeatures } from './leakage.ts';
import { featuresOf, MODELLED_TYPES } from './features.ts';
import type { AutopilotFacts } from './request.ts';

/** A feature list that every project has. */
export interface BuiltInList {
  readonly name: BuiltInListName;
  readonly description: string;
  /** In the dataset's order. */
  readonly features: readonly string[];
}

export const BUILT_IN_LISTS = ['raw', 'informative', 'leakage-free'] as const;
export type BuiltInListName = (typeof BUILT_IN_LISTS)[number];

/**
 * The lists that nobody has to make: everything, and what models take by default.
 *
 * @param target name of the target, which is in no list; null while the project has none
 * @param leakage what the latest run found; null: nothing was looked for, and there is no list without it
 */
export function builtInLists(
  { profile }: Pick<AutopilotFacts, 'profile'>,
  target: string | null,
  leakage: LeakageFacts | null,
): BuiltInList[] {
  const all = profile.features.filter(({ name }) => name !== target);
  const modelled = all.filter(({ type }) => MODELLED_TYPES.includes(type));
  const leaking = leakage === null ? null : leakingFeatures(leakage);
  return [
    {
      name: 'raw',
      description: 'Every feature of the dataset but the target. Models still leave out those that no step can read.',
      features: all.map(({ name }) => name),
    },
    {
      name: 'informative',
      description: 'What is modelled by default: no identifiers, no constants, nothing that is missing in every row.',
      features: modelled.map(({ name }) => name),
    },
    ...(leaking === null
      ? []
      : [
          {
            name: 'leakage-free' as const,
            description: 'What is modelled by default but what gives the target away, as the latest run has found.',
            features: modelled.map(({ name }) => name).filter((name) => !leaking.has(name)),
          },
        ]),
  ];
}

/**
 * The plan of a run as it would be on another feature list: target, metric, rows and their partitions are the same, so that models
 * of both are ranked side by side. Constraints of features that are not in the list have nothing to act on.
 *
 * @throws FEATURE_UNKNOWN, NO_FEATURES naming featureList
 */
export function onFeatureList(
  plan: AutopilotPlan,
  { name, features: names }: { readonly name: string; readonly features: readonly string[] },
  facts: Pick<AutopilotFacts, 'profile' | 'table'>,
): AutopilotPlan {
  const { target, partitioning, weightColumn, monotonic } = plan;
  const { method, column } = partitioning;
  const asked = {
    featureNames: names,
    partitioning: { method, ...(column === null ? {} : { column }) },
    ...(weightColumn === null ? {} : { weightColumn }),
  };
  const features = featuresOf(asked, planColumns(facts), target);
  const listed = new Set(features.map((feature) => feature.name));
  return {
    ...plan,
    features,
    featureList: name,
    monotonic: constraintsOf(monotonic, (feature) => listed.has(feature)),
  };
}

/** What a plan says of features, as it would be without some of them; they have no constraints any more. */
export function withoutFeatures(
  { features, monotonic }: Pick<AutopilotPlan, 'features' | 'monotonic'>,
  names: readonly string[],
): Pick<AutopilotPlan, 'features' | 'monotonic'> {
  const isLeft = (name: string): boolean => !names.includes(name);
  return { features: features.filter(({ name }) => isLeft(name)), monotonic: constraintsOf(monotonic, isLeft) };
}

const constraintsOf = (
  { increasing, decreasing }: AutopilotPlan['monotonic'],
  isKept: (feature: string) => boolean,
): AutopilotPlan['monotonic'] => ({ increasing: increasing.filter(isKept), decreasing: decreasing.filter(isKept) });
