/** Tables with columns that a step would make, made beforehand: what such a step is worth before it is built, or was without it. */
import type { DatePart } from '#contracts';
import { datePart, daysBetween, isMissing, kilometresBetween, parseDate, parseNumber } from '#scoring';
import { textHash } from '#statistics';
import { placePairs } from '../../../yarn-workers/ml/blueprints/places.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';

export type Table = readonly MemoryColumn[];
/** What changes the training and the test rows alike; it may learn from the former. */
export type Change = (train: Table, test: Table) => readonly [Table, Table];

const rowsOf = (table: Table): number => table[0]?.cells.length ?? 0;
const missing = (column: MemoryColumn, row: number): boolean => {
  const cell = column.cells[row] ?? null;
  return cell === null || isMissing(cell, column.parse.nullMarkers);
};
const cellOf = (value: number): string | null => (Number.isFinite(value) ? String(value) : null);
const secondsOf = (column: MemoryColumn, row: number): number => {
  const cell = column.cells[row] ?? null;
  return cell === null || missing(column, row) ? NaN : (parseDate(cell, ['iso-date', 'iso-datetime']) ?? NaN);
};
const numberOf = (column: MemoryColumn, row: number): number =>
  missing(column, row) ? NaN : parseNumber(column.cells[row] ?? '');
const numberColumn = (name: string, rowCount: number, valueOf: (row: number) => number): MemoryColumn => ({
  name,
  cells: Array.from({ length: rowCount }, (_, row) => cellOf(valueOf(row))),
  parse: numberRule,
});
const alike =
  (change: (table: Table) => Table): Change =>
  (train, test) => [change(train), change(test)];

const isDate = ({ parse }: MemoryColumn): boolean => parse.kind === 'date';

/** Dates as numbers, a column a part, and the days between each two of them. */
export const dates = (parts: readonly DatePart[], differences = false): Change =>
  alike((table) => {
    const own = table.filter(isDate);
    const made = own.flatMap((column) =>
      parts.map((part) =>
        numberColumn(`${column.name}.${part}`, rowsOf(table), (row) => datePart(secondsOf(column, row), part)),
      ),
    );
    const pairs = differences
      ? own.flatMap((later, place) => own.slice(0, place).map((earlier) => [later, earlier] as const))
      : [];
    const between = pairs.map(([later, earlier]) =>
      numberColumn(`${later.name}-${earlier.name}`, rowsOf(table), (row) =>
        daysBetween(secondsOf(earlier, row), secondsOf(later, row)),
      ),
    );
    return [...table.filter((column) => !isDate(column)), ...made, ...between];
  });

/** Without the columns of these names. */
export const without = (names: RegExp): Change => alike((table) => table.filter(({ name }) => !names.test(name)));

/** Beside each date a category of 366 levels, the day of the year by month and day. */
export const daysOfYear: Change = alike((table) => [
  ...table,
  ...table.filter(isDate).map(({ name, cells }) => ({
    name: `${name}.monthDay`,
    cells: cells.map((cell) => cell?.slice(5, 10) ?? null),
    parse: textRule,
  })),
]);

/** One change after the other. */
export const both =
  (first: Change, second: Change): Change =>
  (train, test) =>
    second(...first(train, test));

/** The number of missing cells of a row. */
export const missingCount = (target: string): Change =>
  alike((table) => {
    const inputs = table.filter(({ name }) => name !== target);
    const count = (row: number): number => inputs.filter((column) => missing(column, row)).length;
    return [...table, numberColumn('missing cells', rowsOf(table), count)];
  });

/** A column of 0 and 1 for each that misses cells in the training rows. */
export const missingIndicators =
  (target: string): Change =>
  (train, test) => {
    const found = train.filter(
      (column) => column.name !== target && column.cells.some((_, row) => missing(column, row)),
    );
    const names = new Set(found.map(({ name }) => name));
    const withIndicators = (table: Table): Table => [
      ...table,
      ...table
        .filter(({ name }) => names.has(name))
        .map((column) =>
          numberColumn(`${column.name} is missing`, rowsOf(table), (row) => Number(missing(column, row))),
        ),
    ];
    return [withIndicators(train), withIndicators(test)];
  };

/** @see Yeo, Johnson 2000 */
function yeoJohnson(value: number, lambda: number): number {
  if (value >= 0) return lambda === 0 ? Math.log1p(value) : ((value + 1) ** lambda - 1) / lambda;
  return lambda === 2 ? -Math.log1p(-value) : -((1 - value) ** (2 - lambda) - 1) / (2 - lambda);
}

/** Numbers beside the target as they are most normal, by the likelihood of the training rows. */
export const powers =
  (target: string): Change =>
  (train, test) => {
    const lambdas = new Map(
      train.flatMap((column) =>
        column.parse.kind === 'number' && column.name !== target ? [[column.name, likeliest(column)]] : [],
      ),
    );
    const changed = (table: Table): Table =>
      table.map((column) => {
        const lambda = lambdas.get(column.name);
        if (lambda === undefined) return column;
        return numberColumn(column.name, rowsOf(table), (row) => yeoJohnson(numberOf(column, row), lambda));
      });
    return [changed(train), changed(test)];
  };

function likeliest(column: MemoryColumn): number {
  const values = column.cells.flatMap((_, row) => {
    const value = numberOf(column, row);
    return Number.isFinite(value) ? [value] : [];
  });
  const jacobian = values.reduce((sum, value) => sum + Math.sign(value) * Math.log1p(Math.abs(value)), 0);
  let best = { lambda: 1, likelihood: -Infinity };
  for (let lambda = -1; lambda <= 3; lambda += 0.25) {
    const moved = values.map((value) => yeoJohnson(value, lambda));
    const mean = moved.reduce((sum, value) => sum + value, 0) / moved.length;
    const variance = moved.reduce((sum, value) => sum + (value - mean) ** 2, 0) / moved.length;
    const likelihood = (-values.length / 2) * Math.log(variance) + (lambda - 1) * jacobian;
    if (likelihood > best.likelihood) best = { lambda, likelihood };
  }
  return best.lambda;
}

/** Beside latitude and longitude: distance to their mean, sums and differences (turned by 45 degrees), and cells as a category. */
export const places =
  (latitude: string, longitude: string, what: 'centre' | 'turned' | 'cells'): Change =>
  (train, test) => {
    const column = (table: Table, name: string): MemoryColumn => {
      const found = table.find((each) => each.name === name);
      if (found === undefined) throw new Error(`no column ${name}`);
      return found;
    };
    const meanOf = (name: string): number =>
      column(train, name).cells.reduce((sum, _, row) => sum + numberOf(column(train, name), row), 0) / rowsOf(train);
    const [meanLatitude, meanLongitude] = [meanOf(latitude), meanOf(longitude)];
    const width = Math.cos((meanLatitude * Math.PI) / 180);
    const changed = (table: Table): Table => {
      const north = (row: number): number => numberOf(column(table, latitude), row) - meanLatitude;
      const east = (row: number): number => (numberOf(column(table, longitude), row) - meanLongitude) * width;
      const add = (name: string, valueOf: (row: number) => number) => numberColumn(name, rowsOf(table), valueOf);
      if (what === 'centre') return [...table, add('from centre', (row) => Math.hypot(north(row), east(row)))];
      if (what === 'turned')
        return [
          ...table,
          add('north-east', (row) => north(row) + east(row)),
          add('north-west', (row) => north(row) - east(row)),
        ];
      const cells = Array.from(
        { length: rowsOf(table) },
        (_, row) => `${Math.floor(4 * north(row))} ${Math.floor(4 * east(row))}`,
      );
      return [...table, { name: 'cell', cells, parse: textRule }];
    };
    return [changed(train), changed(test)];
  };

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Direction in which the great circle to another place begins, in radians from north over east. */
function bearing(from: readonly [number, number], to: readonly [number, number]): number {
  const [south, north, east] = [radians(from[0]), radians(to[0]), radians(to[1] - from[1])];
  const along = Math.cos(south) * Math.sin(north) - Math.sin(south) * Math.cos(north) * Math.cos(east);
  return Math.atan2(Math.sin(east) * Math.cos(north), along);
}

export type DistanceColumn = 'km' | 'log' | 'bearing' | 'circle';

/** Between each two places of a row: kilometres, their logarithm, the bearing as degrees or on a circle. */
export const distances = (...what: readonly DistanceColumn[]): Change =>
  alike((table) => {
    const features = table.map(({ name, parse }) => ({
      name,
      type: parse.kind === 'number' ? ('numeric' as const) : ('text' as const),
    }));
    const pairs = placePairs(features);
    const placeAt = ({ latitude, longitude }: (typeof pairs)[number], row: number): readonly [number, number] => {
      const [north, east] = [table[latitude], table[longitude]];
      return north === undefined || east === undefined ? [NaN, NaN] : [numberOf(north, row), numberOf(east, row)];
    };
    const made = pairs.flatMap((from, place) =>
      pairs.slice(place + 1).flatMap((to) => {
        const column = (
          name: string,
          valueOf: (a: readonly [number, number], b: readonly [number, number]) => number,
        ): MemoryColumn =>
          numberColumn(`${name} ${from.latitude} ${to.latitude}`, rowsOf(table), (row) =>
            valueOf(placeAt(from, row), placeAt(to, row)),
          );
        const columns: Readonly<Record<DistanceColumn, readonly MemoryColumn[]>> = {
          km: [column('km', (a, b) => kilometresBetween(...a, ...b))],
          log: [column('log km', (a, b) => Math.log1p(kilometresBetween(...a, ...b)))],
          bearing: [column('bearing', (a, b) => (bearing(a, b) * 180) / Math.PI)],
          circle: [
            column('bearing sine', (a, b) => Math.sin(bearing(a, b))),
            column('bearing cosine', (a, b) => Math.cos(bearing(a, b))),
          ],
        };
        return what.flatMap((each) => columns[each]);
      }),
    );
    return [...table, ...made];
  });

/** Numbers beside the target as normal quantiles of their ranks, interpolated between 1,000 quantiles of the training rows. */
export const ranks =
  (target: string): Change =>
  (train, test) => {
    const quantiles = new Map(
      train.flatMap((column) =>
        column.parse.kind === 'number' && column.name !== target ? [[column.name, sortedSample(column)]] : [],
      ),
    );
    const changed = (table: Table): Table =>
      table.map((column) => {
        const sorted = quantiles.get(column.name);
        if (sorted === undefined || sorted.length < 2) return column;
        return numberColumn(column.name, rowsOf(table), (row) => {
          const value = numberOf(column, row);
          return Number.isNaN(value) ? NaN : normalQuantile(shareBelow(sorted, value));
        });
      });
    return [changed(train), changed(test)];
  };

const RANKS_MAX = 1_000;

function sortedSample(column: MemoryColumn): Float64Array {
  const sorted = Float64Array.from(column.cells, (_, row) => numberOf(column, row))
    .filter(Number.isFinite)
    .sort();
  const count = Math.min(RANKS_MAX, sorted.length);
  return Float64Array.from(
    { length: count },
    (_, i) => sorted[Math.round((i * (sorted.length - 1)) / (count - 1))] ?? NaN,
  );
}

/** Share of a sorted sample below a value, ties in the middle, never 0 nor 1. */
function shareBelow(sorted: Float64Array, value: number): number {
  let [below, atMost] = [0, 0];
  for (const each of sorted) {
    if (each < value) below += 1;
    if (each <= value) atMost += 1;
  }
  return ((below + atMost) / 2 + 0.5) / (sorted.length + 1);
}

/** @see Shore 1982, "Simple approximations to the inverse cumulative function of the normal distribution" */
const normalQuantile = (share: number): number =>
  share >= 0.5 ? 5.5556 * (1 - ((1 - share) / share) ** 0.1186) : -5.5556 * (1 - (share / (1 - share)) ** 0.1186);

const CROSSED_MAX = 8;
const isCategory = ({ parse }: MemoryColumn): boolean => parse.kind === 'category';

/** A category of each pair of the first eight categories: all of them, chosen by nothing. */
export const crosses = (target: string): Change =>
  alike((table) => {
    const own = table.filter((column) => isCategory(column) && column.name !== target).slice(0, CROSSED_MAX);
    const pairs = own.flatMap((second, place) => own.slice(0, place).map((first) => [first, second] as const));
    const made = pairs.map(([first, second]) => ({
      name: `${first.name} x ${second.name}`,
      cells: first.cells.map((cell, row) => `${cell ?? ''} x ${second.cells[row] ?? ''}`),
      parse: textRule,
    }));
    return [...table, ...made];
  });

const HASHED_LEVELS_MIN = 500;
const HASH_BUCKETS = 997;

/** Beside each category of many levels two of 997 levels that they are hashed to (twice, so that few meet in both). */
export const hashes =
  (target: string): Change =>
  (train, test) => {
    const names = new Set(
      train
        .filter(
          (column) => isCategory(column) && column.name !== target && new Set(column.cells).size >= HASHED_LEVELS_MIN,
        )
        .map(({ name }) => name),
    );
    const bucket = (text: string, salt: number): number => textHash(salt, text) % HASH_BUCKETS;
    const changed = (table: Table): Table => [
      ...table,
      ...table
        .filter(({ name }) => names.has(name))
        .flatMap(({ name, cells }) =>
          [1, 2].map((salt) => ({
            name: `${name}.hash${salt}`,
            cells: cells.map((cell) => (cell === null ? null : `h${bucket(cell, salt)}`)),
            parse: textRule,
          })),
        ),
    ];
    return [changed(train), changed(test)];
  };

/** Some columns by other names: those of a place are not known as one any more. */
export const renamed = (names: Readonly<Record<string, string>>): Change =>
  alike((table) => table.map((column) => ({ ...column, name: names[column.name] ?? column.name })));
