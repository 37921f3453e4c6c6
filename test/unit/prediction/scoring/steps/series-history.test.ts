import { expect } from 'chai';
import { checkStep, historyTable, stepColumns, type HistoryStep, type InputFeature } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';

const DAY = 86_400;
const FEATURES: InputFeature[] = [
  { name: 'day', parse: { kind: 'date', formats: ['iso-date'], nullMarkers: [] } },
  { name: 'shop', parse: { kind: 'category', keyRule: 'text', nullMarkers: [] } },
  { name: 'code', parse: { kind: 'number', nullMarkers: [] } },
];
const seasonal = (first: number): number[] => Array.from({ length: 14 }, (_, at) => first + at);
const STEP: HistoryStep = {
  kind: 'series-history',
  feature: 0,
  series: 1,
  season: 'weekday',
  windows: [7, 28],
  log: false,
  keys: ['1', '2.0'],
  times: [0, DAY],
  values: [10, 11, 12, 20, 21, 22],
  seasonal: [...seasonal(100), ...Array.from({ length: 14 }, () => null)],
};

/** The columns of a row. */
function columnsOf(step: HistoryStep, isNumber: boolean, series: string | number | null, seconds: number): number[] {
  const table = historyTable(step, isNumber);
  const out = new Float64Array(7);
  table.write(table.placeOf(series), seconds, out, 1);
  return [...out.subarray(1)];
}

describe('scoring: histories of series', () => {
  it('are looked up by series and date; what is not known is missing', () => {
    // 1970-01-05 is a Monday.
    expect(columnsOf(STEP, false, '1', 4.5 * DAY)).to.deep.equal([4.5, 10, 11, 12, 100, 101]);
    expect(columnsOf(STEP, false, '1', 5 * DAY)).to.deep.equal([5, 10, 11, 12, 102, 103]);
    expect(columnsOf(STEP, false, '2.0', 5 * DAY)).to.deep.equal([4, 20, 21, 22, NaN, NaN]);
    expect(columnsOf(STEP, true, 2, 5 * DAY)).to.deep.equal([4, 20, 21, 22, NaN, NaN]);
    expect(columnsOf(STEP, false, '1', NaN)).to.deep.equal([NaN, 10, 11, 12, NaN, NaN]);
    for (const series of ['3', '2', null]) expect(columnsOf(STEP, false, series, 0)).to.deep.equal(Array(6).fill(NaN));
  });

  it('are logarithms under a log link, of what has one', () => {
    const step = { ...STEP, log: true, values: [Math.E, 1, 0, -1, 1, 1] };
    expect(columnsOf(step, false, '1', NaN).slice(1, 4)).to.deep.equal([1, 0, NaN]);
    expect(columnsOf(step, false, '2.0', NaN).slice(1, 3)).to.deep.equal([NaN, 0]);
  });

  it('name their columns, which count as the date', () => {
    const columns = stepColumns(STEP, FEATURES);
    expect(columns.map(({ name }) => name)).to.deep.equal(
      ['age', 'last', 'mean 7', 'mean 28', 'last weekday', 'weekday mean'].map((what) => `day.${what}`),
    );
    expect(new Set(columns.map(({ sourceFeature }) => sourceFeature))).to.deep.equal(new Set(['day']));
  });

  it('are refused where their arrays do not fit each other or their features', async () => {
    const cases: [Partial<HistoryStep>, string][] = [
      [{ feature: 1 }, 'reads category, expected date'],
      [{ series: 0 }, 'has series by feature 0'],
      [{ series: 7 }, 'has series by feature 7'],
      [{ keys: ['1', '1'] }, 'a series appears twice'],
      [{ series: 2, keys: ['1', 'x'] }, 'a series is no number'],
      [{ series: 2, keys: ['1', '1.0'] }, 'a series appears twice'],
      [{ series: null }, '2 series and no column for them'],
      [{ times: [0] }, '1 times for 2 series'],
      [{ values: [1] }, '1 values for 2 series'],
      [{ seasonal: [] }, '0 values by season for 2 series'],
      [{ times: [0, Infinity] }, 'a number is not finite'],
    ];
    checkStep(STEP, 0, FEATURES);
    checkStep({ ...STEP, series: 2 }, 0, FEATURES);
    for (const [changes, message] of cases) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep({ ...STEP, ...changes }, 0, FEATURES));
      expect(err.message).to.include(message);
    }
  });
});
