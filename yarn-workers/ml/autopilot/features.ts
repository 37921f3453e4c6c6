import { complaint, type FeatureType, type ModellingFeature, type TargetSpec } from '#contracts';
import { columnNamed, type PlanColumn } from './columns.ts';
import { quoted } from './quoted.ts';
import type { AutopilotRequest } from './request.ts';

/** Feature types that steps exist for; the others are left out, as the feature's warnings say. */
export const MODELLED_TYPES: readonly FeatureType[] = [
  'numeric',
  'categorical',
  'boolean',
  'date',
  'currency',
  'percent',
  'duration',
  'text',
  'geo',
];

/** What decides which features are modelled. */
export type FeaturesAsked = Pick<
  AutopilotRequest,
  'excludedFeatures' | 'featureNames' | 'partitioning' | 'weightColumn'
>;

/**
 * All features that can be modelled and play no other part, in the dataset's order.
 *
 * @throws FEATURE_UNKNOWN, NO_FEATURES
 */
export function featuresOf(
  request: FeaturesAsked,
  columns: ReadonlyMap<string, PlanColumn>,
  target: TargetSpec,
): ModellingFeature[] {
  const excluded = new Set(request.excludedFeatures ?? []);
  for (const name of excluded) columnNamed(columns, name, 'excludedFeatures');
  for (const name of request.featureNames ?? []) columnNamed(columns, name, 'featureList');
  const listed = request.featureNames === undefined ? null : new Set(request.featureNames);
  // When something was is known of a row that is to be predicted, so a date that parts rows is a feature too.
  const { method, column } = request.partitioning ?? {};
  const roles = new Set([
    target.name,
    target.offsetColumn,
    target.exposureColumn,
    request.weightColumn,
    method === 'date' ? undefined : column,
  ]);
  const wanted = [...columns.values()].filter(
    ({ column: { name } }) => !roles.has(name) && !excluded.has(name) && (listed?.has(name) ?? true),
  );
  const features = wanted
    .filter(({ profile }) => MODELLED_TYPES.includes(profile.type))
    .map(({ profile: { name, type, uniqueCount } }) => ({ name, type, uniqueCount }));
  if (features.length > 0) return features;
  const left = wanted.slice(0, 10).map(({ profile }) => `${quoted(profile.name)} (${profile.type})`);
  const finding =
    left.length === 0 ? 'none is left after the exclusions' : `those left cannot be modelled: ${left.join(', ')}`;
  throw complaint(
    'NO_FEATURES',
    request.featureNames === undefined ? 'excludedFeatures' : 'featureList',
    `${finding}; exclude fewer features or change their types`,
  );
}
