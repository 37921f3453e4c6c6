import type { FeatureType, ParseRule } from '#contracts';
import {
  NEAR_UNIQUE_SHARE,
  TEXT_LENGTH_MIN,
  TEXT_SHARE_MIN,
  TEXT_WORDS_MIN,
  UNIQUE_INTEGER_ROWS_MIN,
  UNIQUE_SPARSE_ROWS_MIN,
  UNIQUE_TEXT_ROWS_MIN,
} from './limits.ts';
import { arePlaces, type PlaceFacts } from './place-facts.ts';

/** What a feature's type is inferred from. */
export interface TypeFacts {
  readonly name: string;
  readonly parse: ParseRule;
  readonly rowCount: number;
  readonly missingCount: number;
  readonly uniqueCount: number;
  readonly uniqueIsEstimate: boolean;
  /** Numbers only. */
  readonly numbers: {
    readonly allIntegers: boolean;
    readonly isAscending: boolean;
    readonly min: number | null;
    readonly max: number | null;
  } | null;
  /** Texts only; means over the cells that are not missing. */
  readonly texts: {
    readonly onlyBooleans: boolean;
    readonly meanLength: number;
    readonly meanWords: number;
    readonly places: PlaceFacts;
  } | null;
}

const ID_NAME = /(^|[^a-z])(id|uuid|guid|key|index|rownum|rowid)$|[a-z](Id|ID)$/i;

/**
 * Infers what a feature means for modelling, in this order:
 * - no value, or one: `constant`
 * - read as date: `date`
 * - read as number: `id` if every row has another integer and they are dense (range below twice the rows), ascending, named
 *   like an id, or as many as UNIQUE_SPARSE_ROWS_MIN; else `numeric`, however few different values there are
 * - `boolean` if all values are true or false in any spelling
 * - all values a latitude with a longitude, half of them with a point in both or as well-known text: `geo`
 * - long values (TEXT_LENGTH_MIN characters or TEXT_WORDS_MIN words on average) of which at least TEXT_SHARE_MIN are
 *   different: `text`
 * - nearly every row another value: `id`
 * - else `categorical`
 */
export function inferType(facts: TypeFacts): FeatureType {
  const { parse, rowCount, missingCount, uniqueCount } = facts;
  if (uniqueCount <= 1) return 'constant';
  if (parse.kind === 'date') return 'date';
  const present = rowCount - missingCount;
  const isUnique = facts.uniqueIsEstimate ? uniqueCount >= NEAR_UNIQUE_SHARE * present : uniqueCount === present;
  if (parse.kind === 'number') return isUnique && missingCount === 0 && isIdNumber(facts) ? 'id' : 'numeric';
  const { texts } = facts;
  if (texts === null || parse.kind !== 'category') return 'categorical';
  if (parse.keyRule === 'boolean' && texts.onlyBooleans) return 'boolean';
  if (arePlaces(texts.places)) return 'geo';
  const isLong = texts.meanLength >= TEXT_LENGTH_MIN || texts.meanWords >= TEXT_WORDS_MIN;
  if (isLong && uniqueCount >= TEXT_SHARE_MIN * present) return 'text';
  return present >= UNIQUE_TEXT_ROWS_MIN && uniqueCount >= NEAR_UNIQUE_SHARE * present ? 'id' : 'categorical';
}

function isIdNumber({ name, rowCount, numbers }: TypeFacts): boolean {
  if (numbers?.allIntegers !== true || rowCount < UNIQUE_INTEGER_ROWS_MIN) return false;
  const isDense = (numbers.max ?? 0) - (numbers.min ?? 0) < 2 * rowCount;
  return isDense || numbers.isAscending || ID_NAME.test(name) || rowCount >= UNIQUE_SPARSE_ROWS_MIN;
}
