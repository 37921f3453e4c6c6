import { AppError, type ManifestStep } from '#contracts';
import type { FeatureValues } from './feature-values.ts';
import { keyTable } from './key-table.ts';
import type { PlacedStep } from './placed-steps.ts';

export type CrossStep = Extract<ManifestStep, { kind: 'category-cross' }>;

/** A category's key, a number, or nothing. */
type CellKey = string | number | null;

/** Places of the keys of one of two features: missing cells and unseen keys have the last two. */
export interface CrossSide {
  readonly placeOf: (key: CellKey) => number;
  readonly unseenPlace: number;
  readonly placeCount: number;
}

/** What a cross is looked up in. */
export interface CrossTable {
  /** Of the feature, then of the other. */
  readonly sides: readonly [CrossSide, CrossSide];
  /** The code of two places; NaN: none. */
  readonly codeAt: (place: number, otherPlace: number) => number;
}

export function crossTable({ keys, otherKeys, codes }: Pick<CrossStep, 'keys' | 'otherKeys' | 'codes'>): CrossTable {
  const [own, other] = [sideOf(keys), sideOf(otherKeys)];
  const table = Float64Array.from(codes, (code) => code ?? NaN);
  return {
    sides: [own, other],
    codeAt: (place, otherPlace) => table[place * other.placeCount + otherPlace] ?? NaN,
  };
}

function sideOf(keys: readonly string[]): CrossSide {
  const texts = new Map(keys.map((key, place) => [key, place]));
  const numbers = new Map(keys.map((key, place) => [Number(key), place]));
  const [missing, unseen] = [keys.length, keys.length + 1];
  return {
    placeCount: keys.length + 2,
    unseenPlace: unseen,
    placeOf: (key) => {
      if (key === null) return missing;
      if (typeof key === 'string') return texts.get(key) ?? unseen;
      return Number.isNaN(key) ? missing : (numbers.get(key) ?? unseen);
    },
  };
}

/** The place of each row of decoded values. Remembers the places of the dictionary it saw last. */
export function rowPlaces({ placeOf }: Pick<CrossSide, 'placeOf'>): (values: FeatureValues) => (row: number) => number {
  const placesOf = keyTable(placeOf);
  const missing = placeOf(null);
  return (values) => {
    if (values.kind === 'number') return (row) => placeOf(values.values[row] ?? NaN);
    if (values.kind !== 'category') throw new AppError('INTERNAL', `keys were given as values of kind ${values.kind}`);
    const { codes } = values;
    const places = placesOf(values.keys);
    return (row) => places[codes[row] ?? -1] ?? missing;
  };
}

/** How many codes a cross has. */
export const crossCodeCount = ({ codes }: Pick<CrossStep, 'codes'>): number =>
  codes.reduce<number>((most, code) => Math.max(most, (code ?? -1) + 1), 0);

/** Names of the pairs of keys that have codes, by code. */
export function crossNames(step: CrossStep): string[] {
  const { keys, otherKeys, codes } = step;
  const names = Array.from({ length: crossCodeCount(step) }, () => '');
  for (const [at, code] of codes.entries()) {
    if (code === null) continue;
    const [place, otherPlace] = [Math.floor(at / (otherKeys.length + 2)), at % (otherKeys.length + 2)];
    names[code] = `${nameAt(keys, place)} x ${nameAt(otherKeys, otherPlace)}`;
  }
  return names;
}

const nameAt = (keys: readonly string[], place: number): string =>
  keys[place] ?? (place === keys.length ? '(missing)' : '(other)');

/** Proves that keys are different and that there is a code for each pair of places. @throws ARTIFACT_INVALID by `fail` */
export function checkCross({ keys, otherKeys, codes }: CrossStep, fail: (what: string) => never): void {
  if (new Set(keys).size !== keys.length || new Set(otherKeys).size !== otherKeys.length) fail('a key appears twice');
  const wanted = (keys.length + 2) * (otherKeys.length + 2);
  if (codes.length !== wanted) fail(`${codes.length} codes of ${wanted} pairs`);
}

/** The key of one of a cross's features in the row at hand. */
export interface CrossSeat {
  readonly table: CrossSide;
  place: number;
}

/** The crosses that single rows are looked up in. */
export interface RowCrosses {
  /** By the index of their step: the feature's, then the other's. */
  readonly seats: ReadonlyMap<number, readonly [CrossSeat, CrossSeat]>;
  /** Forgets the row before. */
  reset(): void;
  write(values: Float64Array): void;
}

/** @param steps steps that are used */
export function rowCrosses(steps: readonly PlacedStep[]): RowCrosses {
  const crosses = steps.flatMap(({ number, step, first }) => {
    if (step.kind !== 'category-cross') return [];
    const { sides, codeAt } = crossTable(step);
    const seatOf = (table: CrossSide): CrossSeat => ({ table, place: table.placeOf(null) });
    return [{ number, first, codeAt, seats: [seatOf(sides[0]), seatOf(sides[1])] as const }];
  });
  return {
    seats: new Map(crosses.map(({ number, seats }) => [number, seats])),
    reset: () => {
      for (const { seats } of crosses) for (const seat of seats) seat.place = seat.table.placeOf(null);
    },
    write: (values) => {
      for (const { first, codeAt, seats } of crosses) values[first] = codeAt(seats[0].place, seats[1].place);
    },
  };
}
