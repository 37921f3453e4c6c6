import { expect } from 'chai';
import type { ManifestFeature, ManifestStep } from '#contracts';
import { checkStep, stepColumns, type HolidayStep } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { columnScorer, scores, type Row } from './column-scorer.ts';

const nullMarkers = ['NA'];
const FEATURES: ManifestFeature[] = [
  { name: 'sent', type: 'date', parse: { kind: 'date', formats: ['iso-date', 'iso-datetime'], nullMarkers } },
  { name: 'price', type: 'numeric', parse: { kind: 'number', nullMarkers } },
];
/** 1 and 4 January 1970, two on the 4th, 20 January. */
const NAMES: HolidayStep = {
  kind: 'holidays',
  feature: 0,
  columns: 'names',
  names: ['a', 'b'],
  days: [0, 3, 3, 19],
  nameOf: [0, 0, 1, 1],
};
const DISTANCES: HolidayStep = { ...NAMES, columns: 'distances' };
const rowsOf = (...dates: (string | null)[]): Row[] => dates.map((sent) => ({ sent }));
const columnOf = (step: ManifestStep, column: number, rows: readonly Row[]): number[] =>
  scores(columnScorer(FEATURES, [step], column), rows);

describe('scoring: holidays', () => {
  it('are as many days away as the calendar says, 8 at most, at any time of the day', () => {
    const rows = rowsOf('1970-01-01', '1970-01-02T23:59:59', '1970-01-04T12:00:00', '1970-01-05', '1970-01-13');
    expect(columnOf(DISTANCES, 0, rows)).to.deep.equal([0, 2, 0, 8, 7]);
    expect(columnOf(DISTANCES, 1, rows)).to.deep.equal([0, 1, 0, 1, 8]);
  });

  it('are each a column by name, and two on one day are both there', () => {
    const rows = rowsOf('1970-01-01', '1970-01-02', '1970-01-04', '1970-01-20T08:00:00');
    expect(columnOf(NAMES, 0, rows)).to.deep.equal([1, 0, 1, 0]);
    expect(columnOf(NAMES, 1, rows)).to.deep.equal([0, 0, 1, 1]);
  });

  it('are missing with the date, before the first day that is known and after the last', () => {
    const rows = [...rowsOf(null, 'NA', '1969-12-31', '1970-01-20', '1970-01-21', '9999-12-31'), {}];
    for (const column of [0, 1]) {
      expect(columnOf(DISTANCES, column, rows)).to.deep.equal([-1, -1, -1, 0, -1, -1, -1]);
      expect(columnOf(NAMES, column, rows)).to.deep.equal([-1, -1, -1, column, -1, -1, -1]);
    }
  });

  it('name their columns and count as the date', () => {
    const columns = [DISTANCES, NAMES].flatMap((step) => stepColumns(step, FEATURES));
    expect(columns.map(({ name }) => name)).to.deep.equal([
      'sent.daysToHoliday',
      'sent.daysSinceHoliday',
      'sent.a',
      'sent.b',
    ]);
    expect(new Set(columns.map(({ sourceFeature }) => sourceFeature))).to.deep.equal(new Set(['sent']));
  });

  it('are refused where their days do not fit their names or the feature', async () => {
    checkStep(NAMES, 0, FEATURES);
    const refused: readonly (readonly [ManifestStep, string])[] = [
      [{ ...NAMES, names: ['a', 'a'] }, 'a name appears twice'],
      [{ ...NAMES, nameOf: [0] }, '4 days with 1 names'],
      [{ ...NAMES, days: [0, 3, 2, 19] }, 'day 2 is before the one before it'],
      [{ ...NAMES, nameOf: [0, 0, 1, 2] }, 'a day has name 2 of 2'],
      [{ ...NAMES, feature: 1 }, 'reads number, expected date'],
    ];
    for (const [step, part] of refused) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(step, 4, FEATURES));
      expect(err.message).to.contain(part);
    }
  });
});
