import { expect } from 'chai';
import type { BatchSource, DatasetProfile } from '#contracts';
import {
  finishParts,
  firstLines,
  mergeFirst,
  needsSecond,
  profileFirst,
  profileSecond,
  readFirstLines,
  readSecondLines,
  secondLines,
  type FirstPart,
  type SecondPart,
} from '#ml';
import { createRandom } from '#statistics';
import { appErrorOf } from '../../../../support/expect-error.ts';
import {
  dateRule,
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../support/memory-table.ts';
import { mixedTable } from '../../../../support/mixed-table.ts';
import { profileOf } from '../../../../support/modelling-task.ts';

const times = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));

/** What a mixed table has, and what is counted in ways of its own. */
function hostileTable(rowCount: number): MemoryColumn[] {
  const random = createRandom(4);
  const numbers = (name: string, cell: (row: number) => string | null): MemoryColumn => ({
    name,
    parse: numberRule,
    cells: times(rowCount, cell),
  });
  const texts = (name: string, cell: (row: number) => string | null): MemoryColumn => ({
    ...numbers(name, cell),
    parse: textRule,
  });
  return [
    ...mixedTable(rowCount),
    numbers('ascending', (row) => String(7 * row + 3)),
    numbers('ascending in parts', (row) => String(row % 250)),
    numbers('sentinel', (row) => (row % 40 === 0 ? '-999' : String(random.below(5_000)))),
    numbers('infinite', (row) => (row % 97 === 0 ? 'inf' : row % 89 === 0 ? '-inf' : String(row / 7))),
    numbers('outlier', (row) => (row % 300 === 0 ? '1e9' : String(random.uniform()))),
    numbers('nothing', () => null),
    numbers('late', (row) => (row < rowCount - 5 ? null : '1.50')),
    numbers('copy of regression', (row) => String(row * 3 - 1)),
    numbers('other copy', (row) => String(row * 6 + 2)),
    texts('unique', (row) => `value ${row * 7_919}`),
    texts('note', (row) => times(8, (word) => `word${(row * 31 + word * word) % 997}`).join(' ')),
    texts('place', (row) => `${(row % 90) / 3}.5, ${(row % 180) / 7}.25`),
    texts('long names', (row) => (row % 2 === 0 ? 'x'.repeat(2_000) : '\ud800 broken')),
    { name: 'when', parse: dateRule, cells: times(rowCount, (row) => `20${10 + (row % 15)}-0${1 + (row % 9)}-11`) },
  ];
}

/** Rows [from, to) of a table, numbered as they are there. */
function partOf(columns: readonly MemoryColumn[], from: number, to: number, batchRows: number): BatchSource {
  const cut = columns.map((column) => ({ ...column, cells: column.cells.slice(from, to) }));
  const source = memorySource(cut, batchRows);
  return {
    rowCount: to - from,
    async *batches(request, signal) {
      for await (const batch of source.batches(request, signal)) yield { ...batch, firstRow: from + batch.firstRow };
    },
  };
}

async function* arriving(lines: Iterable<string>): AsyncGenerator<string> {
  yield* lines;
}
/** As it comes over a wire. */
const sentFirst = (part: FirstPart): Promise<FirstPart> => readFirstLines(arriving(firstLines(part)));
const sentSecond = (part: SecondPart): Promise<SecondPart> => readSecondLines(arriving(secondLines(part)));

/** By parts that end at these rows, each state as it comes over a wire. */
async function profileByParts(
  columns: readonly MemoryColumn[],
  ends: readonly number[],
  batchRows: number,
): Promise<DatasetProfile> {
  const table = storedTable(columns);
  const parts = ends.map((to, index) => partOf(columns, ends[index - 1] ?? 0, to, batchRows));
  const firsts: FirstPart[] = [];
  for (const part of parts) firsts.push(await sentFirst(await profileFirst(table, part)));
  const first = await sentFirst(await mergeFirst(table, firsts));
  const seconds: SecondPart[] = [];
  for (const part of parts) seconds.push(await sentSecond(await profileSecond(table, part, first)));
  return finishParts(table, first, seconds);
}

/** Means, whose last digits depend on how rows are cut up, apart from all else. */
function apart({ features, ...rest }: DatasetProfile) {
  return {
    exact: { ...rest, features: features.map((feature) => ({ ...feature, mean: null, std: null })) },
    sums: features.flatMap(({ mean, std }) => [mean, std]),
  };
}

describe('ml profile by parts', function () {
  this.timeout(20_000);

  it('is the profile of the whole, wherever it is cut', async () => {
    const columns = hostileTable(1_900);
    const whole = apart(await profileOf(columns, 170));
    for (const ends of [[1_900], [1, 1_900], [700, 700, 1_200, 1_899, 1_900], times(19, (part) => 100 * (part + 1))]) {
      const parts = apart(await profileByParts(columns, ends, 170));
      expect(parts.exact, String(ends.length)).to.deep.equal(whole.exact);
      for (const [at, sum] of whole.sums.entries())
        if (sum === null) expect(parts.sums[at]).to.equal(null);
        else expect(parts.sums[at]).to.be.closeTo(sum, 1e-12 * Math.abs(sum));
    }
  });

  it('of more rows than sketches keep is exact in counts, and as near in the rest as the sketches say', async () => {
    const rowCount = 30_000;
    const columns = hostileTable(rowCount);
    const whole = await profileOf(columns, 1_000);
    const parts = await profileByParts(columns, [9_000, 9_001, 21_000, rowCount], 1_000);
    for (const [position, expected] of whole.features.entries()) {
      const found = parts.features[position];
      const { name, missingCount, infiniteCount, min, max, histogram, type, uniqueIsEstimate } = expected;
      expect(found).to.deep.include({ name, missingCount, infiniteCount, min, max, histogram, type, uniqueIsEstimate });
      if (uniqueIsEstimate) expect(found?.uniqueCount).to.be.closeTo(expected.uniqueCount, 0.03 * expected.uniqueCount);
      else expect(found?.uniqueCount).to.equal(expected.uniqueCount);
      if (expected.quantiles === null || columns[position]?.name !== 'x') continue;
      const sorted = columns[position].cells
        .filter((cell) => cell !== null && cell !== '' && cell !== 'NA')
        .map(Number)
        .sort((a, b) => a - b);
      const rank = (value: number): number => sorted.findIndex((one) => one >= value) / sorted.length;
      for (const [quantile, share] of [
        ['p05', 0.05],
        ['p50', 0.5],
        ['p95', 0.95],
      ] as const)
        expect(rank(found?.quantiles?.[quantile] ?? NaN)).to.be.closeTo(share, 0.005);
    }
    expect(parts.distinctValues).to.deep.equal(whole.distinctValues);
    expect(parts.timeCounts).to.deep.equal(whole.timeCounts);
    expect(parts.sampleRows).to.deep.equal(whole.sampleRows);
    expect(parts.features.map(({ warnings }) => warnings.map(({ code }) => code))).to.deep.equal(
      whole.features.map(({ warnings }) => warnings.map(({ code }) => code)),
    );
  });

  it('has a size that does not depend on the rows', async () => {
    const [some, more] = await Promise.all(
      [40_000, 160_000].map(async (rowCount) => {
        const random = createRandom(1);
        const columns: MemoryColumn[] = [
          { name: 'x', parse: numberRule, cells: times(rowCount, () => String(random.uniform())) },
          { name: 'text', parse: textRule, cells: times(rowCount, (row) => `text ${row}`) },
        ];
        const part = partOf(columns, 0, rowCount, 8_192);
        return JSON.stringify(await profileFirst(storedTable(columns), part)).length;
      }),
    );
    expect(more).to.be.lessThan(1.1 * (some ?? 0));
  });

  it('categories that are too many together are texts', async () => {
    const rowCount = 120_000;
    const cells = times(rowCount, (row) => `level ${row % 2 === 0 ? row : row % 50}`);
    const columns: MemoryColumn[] = [{ name: 'level', parse: textRule, cells }];
    const [whole, parts] = [await profileOf(columns, 8_192), await profileByParts(columns, [60_000, rowCount], 8_192)];
    const [expected, found] = [whole.features[0], parts.features[0]];
    expect(found?.uniqueCount).to.be.closeTo(expected?.uniqueCount ?? 0, 0.03 * (expected?.uniqueCount ?? 0));
    // Each of 25 levels has 2,400 rows, less the error of either sketch.
    for (const { topValues } of [whole.features[0], parts.features[0]].flatMap((feature) => feature ?? []))
      expect(topValues.slice(0, 25).every(({ count }) => count >= 2_350 && count <= 2_401)).to.be.true;
  });

  it('is the same to the last bit when the same parts are put together again', async () => {
    const columns = hostileTable(9_000);
    const profile = (): Promise<DatasetProfile> => profileByParts(columns, [2_500, 2_501, 6_000, 9_000], 1_000);
    expect(JSON.stringify(await profile())).to.equal(JSON.stringify(await profile()));
  });

  it('needs no second pass where there are categories alone', async () => {
    const columns = hostileTable(300).filter(({ parse }) => parse.kind === 'category');
    expect(columns.length).to.be.greaterThan(3);
    const table = storedTable(columns);
    const first = await mergeFirst(table, [await profileFirst(table, partOf(columns, 0, 300, 100))]);
    expect(await needsSecond(table, first)).to.be.false;
    expect(await finishParts(table, first, [])).to.deep.equal(await profileOf(columns, 100));
    const all = hostileTable(300);
    expect(await needsSecond(storedTable(all), await profileFirst(storedTable(all), partOf(all, 0, 300, 100)))).to.be
      .true;
  });

  it('refuses lines that are missing, too many or none of a pass', async () => {
    const columns = mixedTable(300);
    const table = storedTable(columns);
    const first = await profileFirst(table, partOf(columns, 0, 300, 100));
    const lines = [...firstLines(first)];
    const [head = '', state = ''] = lines;
    const refused = async (found: readonly string[]): Promise<string> =>
      (await appErrorOf('VALIDATION_FAILED', () => readFirstLines(arriving(found)))).message;
    expect(await refused([])).to.match(/expected a first line/);
    expect(await refused(lines.slice(0, -1))).to.match(/expected \d+ columns; found \d+ columns/);
    expect(await refused([...lines, state])).to.match(/expected \d+ columns; found \d+ columns/);
    expect(await refused([state, ...lines])).to.match(/head of a first pass/);
    expect(await refused([head, head])).to.match(/column 0 of a first pass/);
    const second = [...secondLines(await profileSecond(table, partOf(columns, 0, 300, 100), first))];
    const short = await appErrorOf('VALIDATION_FAILED', () => readSecondLines(arriving(second.slice(0, -1))));
    expect(short.message).to.match(/second pass over a part: expected \d+ columns/);
  });

  it('refuses parts of other versions, columns and rows', async () => {
    const columns = mixedTable(300);
    const table = storedTable(columns);
    const first = await profileFirst(table, partOf(columns, 0, 300, 100));
    const other = { ...first, version: 2 } as unknown as FirstPart; // a later program's
    await appErrorOf('VALIDATION_FAILED', async () => mergeFirst(table, [other]));
    const swapped = { ...first, columns: [...first.columns.slice(1), ...first.columns.slice(0, 1)] };
    await appErrorOf('VALIDATION_FAILED', async () => mergeFirst(table, [swapped]));
    await appErrorOf('VALIDATION_FAILED', async () => mergeFirst(table, [{ ...first, columns: [] }]));
    await appErrorOf('INTERNAL', async () => finishParts({ ...table, rowCount: 301 }, first, []));
  });
});
