import type { FeatureType, FeatureWarning } from '#contracts';
import { ENCODED_LEVELS_MAX } from '../fit/categories/limits.ts';
import { CATEGORY_LEVELS_MAX } from '../fit/limits.ts';
import { HIGH_MISSING_SHARE } from './limits.ts';

/** What warnings are made from. */
export interface WarningFacts {
  readonly type: FeatureType;
  /** A user gave it, and it would not have been inferred. */
  readonly isGiven: boolean;
  readonly rowCount: number;
  readonly missingCount: number;
  readonly infiniteCount: number;
  readonly uniqueCount: number;
}

/** What a person should know about a feature, each with what modelling will do about it. */
export function featureWarnings({
  type,
  isGiven,
  rowCount,
  missingCount,
  infiniteCount,
  uniqueCount,
}: WarningFacts): FeatureWarning[] {
  const warnings: FeatureWarning[] = [];
  const warn = (code: string, message: string, handling: string): void =>
    void warnings.push({ code, message, handling });
  const leftOut = 'It is left out of modelling; change its type to use it.';
  if (uniqueCount === 0) warn('ALL_MISSING', 'No row has a value.', 'It is left out of modelling.');
  else if (type === 'constant') warn('CONSTANT', 'All values are the same.', 'It is left out of modelling.');
  if (type === 'id')
    warn(
      'ID_LIKE',
      isGiven ? 'It was made an identifier.' : 'Nearly every row has another value, as an identifier has.',
      leftOut,
    );
  if (type === 'text') {
    warn(
      'TEXT',
      'The values are free text.',
      'Models read its words, pairs of words and characters; linear models without text leave it out.',
    );
  }
  if (type === 'categorical' && uniqueCount > CATEGORY_LEVELS_MAX) {
    warn(
      'HIGH_CARDINALITY',
      `There are ${uniqueCount} different values.`,
      `Where levels are codes the ${CATEGORY_LEVELS_MAX} most frequent of the training rows are told apart, where they are mean targets ${ENCODED_LEVELS_MAX}; all others count as unseen.`,
    );
  }
  if (infiniteCount > 0) {
    warn(
      'INFINITE_VALUES',
      `${infiniteCount} values are infinite.`,
      'Trees take them as larger or smaller than all others; means and quantiles leave them out.',
    );
  }
  if (uniqueCount > 0 && missingCount > HIGH_MISSING_SHARE * rowCount) {
    warn(
      'HIGH_MISSING',
      `${missingCount} of ${rowCount} values are missing.`,
      'Missing is used as a value of its own.',
    );
  }
  return warnings;
}
