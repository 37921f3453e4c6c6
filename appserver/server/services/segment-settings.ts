import type { EffectiveSettings, FieldError, Manifest, ManifestFeature } from '#contracts';
import { inputPlacesOf, isText } from '#scoring';

/** Names that a message lists. */
const NAMES_SHOWN_MAX = 10;

/** A feature by whose levels predictions can be counted. */
export const isSegmentFeature = (feature: ManifestFeature): boolean =>
  feature.parse.kind === 'category' && !isText(feature);

/**
 * What is wrong with the segments of a deployment for its model: they are categories that the model reads, and that its events may carry.
 *
 * @returns paths begin with the segment's index
 */
export function segmentErrors({ segments = [], telemetry }: EffectiveSettings, { content }: Manifest): FieldError[] {
  const read = inputPlacesOf(content).flatMap((index) => content.features[index] ?? []);
  const byName = new Map(read.map((feature) => [feature.name, feature]));
  const categories = shown(read.filter(isSegmentFeature).map(({ name }) => name));
  return segments.flatMap((name, index) => {
    const feature = byName.get(name);
    const complaint =
      feature === undefined
        ? `is no feature that the model reads; expected one of its categories (${categories})`
        : !isSegmentFeature(feature)
          ? `is read as ${isText(feature) ? 'text' : feature.parse.kind}; expected a category (${categories})`
          : untold(name, telemetry);
    return complaint === null ? [] : [{ path: `/${index}`, message: `${JSON.stringify(name)} ${complaint}` }];
  });
}

/** Why events do not carry a feature; null where they do. */
function untold(name: string, telemetry: EffectiveSettings['telemetry']): string | null {
  if (telemetry?.enabled === false)
    return 'cannot be counted: settings.telemetry is off; turn it on, or take the feature out of settings.segments';
  if (telemetry?.features === undefined || telemetry.features.includes(name)) return null;
  return `is not told: settings.telemetry.features has ${shown(telemetry.features)}; add it there, or take it out of settings.segments`;
}

function shown(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const some = names.slice(0, NAMES_SHOWN_MAX).map((name) => JSON.stringify(name));
  return `${some.join(', ')}${names.length > some.length ? ` and ${names.length - some.length} more` : ''}`;
}
