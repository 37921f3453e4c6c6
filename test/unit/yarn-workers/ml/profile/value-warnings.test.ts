import { expect } from 'chai';
import type { FeatureProfile, FeatureWarning } from '#contracts';
import { futureDates } from '#ml';
import { createRandom } from '#statistics';
import { booleanRule, dateRule, numberRule, textRule } from '../../../../support/memory-table.ts';
import { profileOf } from '../../../../support/modelling-task.ts';

const times = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));
const OURS = ['DISGUISED_MISSING', 'EXCESS_ZEROS', 'OUTLIERS'];

async function featureOf(cells: readonly (string | number | null)[], rule = numberRule): Promise<FeatureProfile> {
  const table = [{ name: 'f', cells: cells.map((cell) => (cell === null ? null : String(cell))), parse: rule }];
  const [feature] = (await profileOf(table)).features;
  return feature ?? expect.fail('no feature');
}
const warningsOf = async (cells: readonly (string | number | null)[], rule = numberRule): Promise<FeatureWarning[]> =>
  (await featureOf(cells, rule)).warnings.filter(({ code }) => OURS.includes(code));
const codesOf = async (...of: Parameters<typeof warningsOf>): Promise<string[]> =>
  (await warningsOf(...of)).map(({ code }) => code);

/** Normal deviates of the polar method. */
function normals(count: number, seed = 1): number[] {
  const random = createRandom(seed);
  return times(count, () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform()));
}

describe('ml profile: warnings about values', () => {
  it('says nothing of clean columns', async () => {
    const random = createRandom(2);
    expect(await codesOf(normals(5_000))).to.deep.equal([]);
    expect(await codesOf(times(5_000, () => random.uniform()))).to.deep.equal([]);
    expect(await codesOf(times(500, (row) => row % 100)), 'ages up to 99').to.deep.equal([]);
    expect(await codesOf(times(500, (row) => (row % 2 === 0 ? -1 : 1))), 'a sign').to.deep.equal([]);
    expect(await codesOf(times(500, (row) => Math.max(0, (row % 10) - 6))), 'counts').to.deep.equal([]);
    expect(await codesOf(normals(5_000).map(Math.exp)), 'a heavy tail').to.deep.equal([]);
    expect(await codesOf(times(500, (row) => (row === 499 ? 99_999 : row))), 'an identifier').to.deep.equal([]);
    expect(await codesOf(times(500, () => null))).to.deep.equal([]);
    expect(await codesOf(times(500, () => 'Infinity'))).to.deep.equal([]);
  });

  for (const [mark, many] of [
    [-999, false],
    [-999, true],
    [9999, false],
    [99999, true],
    [-999.25, true],
    [-1, true],
  ] as const)
    // prettier-ignore
    it(`takes ${mark} among ${many ? 'many' : 'few'} other values for a missing one`, async () => {
      const random = createRandom(3);
      const value = (): number => (many ? random.uniform() : Math.floor(100 * random.uniform()));
      const [warning, ...others] = await warningsOf(times(3_000, (row) => (row % 100 === 7 ? mark : value())));
      expect(others).to.deep.equal([]);
      expect(warning?.code).to.equal('DISGUISED_MISSING');
      expect(warning?.message).to.match(new RegExp(`^${mark} is in 30 rows`));
      expect(warning?.handling).to.include(`"${mark}" in nullMarkers`);
    });

  it('finds marks at both ends, and takes no mark that is rare, near or of another kind', async () => {
    const column = (mark: (row: number) => number | null): number[] => times(2_000, (row) => mark(row) ?? row % 50);
    const both = column((row) => (row % 100 === 0 ? -99 : row % 100 === 1 ? 999 : null));
    expect(await codesOf(both)).to.deep.equal(['DISGUISED_MISSING', 'DISGUISED_MISSING']);
    expect(await codesOf(column((row) => (row < 4 ? -999 : null))), 'four rows').to.deep.equal(['OUTLIERS']);
    expect(await codesOf(column((row) => (row < 10 ? 99 : null))), 'within twice the spread').to.deep.equal([
      'DISGUISED_MISSING',
    ]);
    expect(await codesOf(column((row) => (row < 10 ? 88 : null))), 'too near').to.deep.equal([]);
    expect(await codesOf(column((row) => (row < 10 ? 1234 : null))), 'no mark').to.deep.equal(['OUTLIERS']);
  });

  it('counts outliers beyond Tukey’s outer fences', async () => {
    const cells = [...normals(2_000, 5), 50, 60, -70];
    const sorted = [...cells].sort((a, b) => a - b);
    const quartile = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? NaN;
    const range = quartile(0.75) - quartile(0.25);
    const above = cells.filter((value) => value > quartile(0.75) + 3 * range).length;
    const below = cells.filter((value) => value < quartile(0.25) - 3 * range).length;
    expect([below, above]).to.deep.equal([1, 2]);
    const [warning] = await warningsOf(cells);
    expect(warning).to.include({ code: 'OUTLIERS' });
    expect(warning?.message).to.match(/quartiles: 1 below -\d\.\d+, 2 above \d\.\d+\.$/);
  });

  it('finds zeros in excess, but not of counts', async () => {
    const random = createRandom(6);
    const amounts = times(3_000, (row) => (row % 3 === 0 ? random.uniform() : 0));
    const [warning, ...others] = await warningsOf(amounts);
    expect(others).to.deep.equal([]);
    expect(warning).to.include({
      code: 'EXCESS_ZEROS',
      message: '2000 of 3000 values are 0, beside 1000 different other ones.',
    });
    expect(await codesOf(times(3_000, (row) => (row % 5 < 2 ? 0 : random.uniform())))).to.deep.equal([]);
  });

  it('does not depend on batches', async () => {
    const cells = times(3_000, (row) => String(row % 100 === 7 ? -999 : Math.sin(row)));
    const table = [{ name: 'f', cells, parse: numberRule }];
    const [first, second] = await Promise.all([profileOf(table, 7), profileOf(table, 3_000)]);
    expect(first?.features[0]?.warnings).to.deep.equal(second?.features[0]?.warnings).and.not.be.empty;
  });

  it('names texts that look like missing values', async () => {
    const cells = times(300, (row) => (row % 10 === 0 ? '?' : row % 10 === 1 ? 'Unknown' : `level ${row % 7}`));
    const [warning, ...others] = await warningsOf(cells, textRule);
    expect(others).to.deep.equal([]);
    expect(warning).to.deep.equal({
      code: 'DISGUISED_MISSING',
      message: '"?", "Unknown" in 60 rows looks like a missing value.',
      handling:
        'It counts as a value of its own; name "?", "Unknown" in nullMarkers, beside the usual ones, to have it read as missing when the dataset is added again.',
    });
    const numbers = await warningsOf(
      times(300, (row) => (row % 10 === 0 ? '?' : row % 30)),
      textRule,
    );
    expect(numbers[0]?.message).to.include('it stands among numbers');
    expect(
      await codesOf(
        times(300, (row) => `level ${row % 7}`),
        textRule,
      ),
    ).to.deep.equal([]);
    expect(
      await codesOf(
        times(300, () => 'unknown'),
        textRule,
      ),
      'a constant',
    ).to.deep.equal([]);
    expect(
      await codesOf(
        times(300, (row) => String(row % 2 === 0)),
        booleanRule,
      ),
    ).to.deep.equal([]);
  });

  it('finds dates after the day on which the dataset was added', async () => {
    const feature = await featureOf(['2024-01-01', '2024-05-02', '2024-03-01', null], dateRule);
    const codes = (addedAt: string): string[] => futureDates(feature, Date.parse(addedAt)).map(({ code }) => code);
    expect(codes('2024-04-30')).to.deep.equal(['FUTURE_DATES']);
    expect(codes('2024-05-01'), 'time zones').to.deep.equal([]);
    expect(codes('2025-01-01')).to.deep.equal([]);
    const number = await featureOf(times(100, (row) => 1e12 + row * 3));
    expect(futureDates(number, 0)).to.deep.equal([]);
  });
});
