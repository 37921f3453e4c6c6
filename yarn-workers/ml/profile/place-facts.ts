import type { BoundingBox, FeatureType, FeatureWarning } from '#contracts';
import { parsePlace } from '#scoring';
import { NEAR_PLACES_SHARE, PLACE_MARKS_MIN } from './limits.ts';

/** What the texts of a column say of places; counts are of rows. */
export interface PlaceFacts {
  readonly placeCount: number;
  readonly otherCount: number;
  /** Places that are written as few other things are: with a point in both numbers, or as well-known text. */
  readonly markedCount: number;
  /** Null where no text is a place. */
  readonly box: BoundingBox | null;
}

/** Takes texts that are not missing, each with its rows. */
export interface PlaceCounter {
  readonly add: (text: string, rowCount: number) => void;
  /** Adds what other texts say. */
  readonly merge: (other: PlaceFacts) => void;
  readonly facts: () => PlaceFacts;
}

export function placeCounter(): PlaceCounter {
  let [placeCount, otherCount, markedCount] = [0, 0, 0];
  let [south, north, west, east] = [Infinity, -Infinity, Infinity, -Infinity];
  const place = new Float64Array(2);
  const widen = (box: BoundingBox): void => {
    [south, north] = [Math.min(south, box.south), Math.max(north, box.north)];
    [west, east] = [Math.min(west, box.west), Math.max(east, box.east)];
  };
  return {
    add: (text, rowCount) => {
      if (!parsePlace(text, place, 0)) {
        otherCount += rowCount;
        return;
      }
      placeCount += rowCount;
      if (isMarked(text)) markedCount += rowCount;
      const [latitude = NaN, longitude = NaN] = place;
      widen({ south: latitude, north: latitude, west: longitude, east: longitude });
    },
    merge: (other) => {
      placeCount += other.placeCount;
      otherCount += other.otherCount;
      markedCount += other.markedCount;
      if (other.box !== null) widen(other.box);
    },
    facts: () => ({
      ...{ placeCount, otherCount, markedCount },
      box: placeCount === 0 ? null : { south, west, north, east },
    }),
  };
}

const isMarked = (text: string): boolean => text.indexOf('.') !== text.lastIndexOf('.') || /point/i.test(text);

/** Decimal commas and pairs of counts read as places too, so half of them must be marked. */
const haveMarks = ({ placeCount, markedCount }: PlaceFacts): boolean =>
  placeCount > 0 && markedCount >= PLACE_MARKS_MIN * placeCount;

/** Whether a column of texts is one of places: all of them are. */
export const arePlaces = (facts: PlaceFacts): boolean => facts.otherCount === 0 && haveMarks(facts);

/** A warning about a few texts that keep a column from being one of places. */
export function placeWarnings(type: FeatureType, facts: PlaceFacts): FeatureWarning[] {
  const { placeCount, otherCount } = facts;
  const rowCount = placeCount + otherCount;
  if (otherCount === 0 || type === 'constant' || !haveMarks(facts) || placeCount < NEAR_PLACES_SHARE * rowCount)
    return [];
  return [
    {
      code: 'UNREADABLE_PLACES',
      message: `${otherCount} of ${rowCount} values are no places (latitude and longitude in degrees); the others are.`,
      handling: `It is ${type}. Mend these values, or name their texts in nullMarkers beside the usual ones, and add the dataset again to have it read as places.`,
    },
  ];
}
