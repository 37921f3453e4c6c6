import type { ColumnRequest, InsightTask, ManifestContent, ManifestFeature, ParseRule } from '#contracts';
import { columnRequest, isText } from '#scoring';
import { inputFeaturesOf } from '../features/insight-facts.ts';
import { SEGMENT_FEATURES_MAX } from './limits.ts';

/** Columns that rows are parted by. */
export interface SegmentColumns {
  readonly features: readonly ManifestFeature[];
  readonly requests: readonly ColumnRequest[];
  /** Names of those that the model reads. */
  readonly modelled: ReadonlySet<string>;
}

/**
 * The columns of the table but the target and texts, also those that the model does not read: those that it reads first, each group in the
 * order of the table.
 */
export function segmentColumns({ table, target }: InsightTask, content: ManifestContent): SegmentColumns {
  const modelled = new Set(inputFeaturesOf(content));
  const known = new Map(content.features.map((feature) => [feature.name, feature]));
  const columns = table.columns.flatMap((column) => {
    const feature = known.get(column.name) ?? { name: column.name, type: typeOf(column.parse), parse: column.parse };
    return column.name === target.name || isText(feature) ? [] : [{ column, feature }];
  });
  const isRead = ({ feature }: (typeof columns)[number]): boolean => modelled.has(feature.name);
  const chosen = [...columns.filter(isRead), ...columns.filter((one) => !isRead(one))].slice(0, SEGMENT_FEATURES_MAX);
  return {
    features: chosen.map(({ feature }) => feature),
    requests: chosen.map(({ feature, column }) => columnRequest(feature, column)),
    modelled,
  };
}

function typeOf({ kind }: ParseRule): ManifestFeature['type'] {
  switch (kind) {
    case 'number':
      return 'numeric';
    case 'date':
      return 'date';
    case 'category':
      return 'categorical';
    case 'geo':
      return 'geo';
  }
}
