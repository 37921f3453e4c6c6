import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import { HOLIDAY_CALENDARS, holidayTable } from '../../../../../yarn-workers/ml/holidays/calendars.ts';
import { easterSunday } from '../../../../../yarn-workers/ml/holidays/rules.ts';

const file = path.join(import.meta.dirname, '../../../../fixtures/holidays/holidays.json');
// The cast holds: generate.py, beside the file, writes this shape.
const reference = JSON.parse(readFileSync(file, 'utf8')) as Readonly<Record<string, readonly string[]>>;
const dateOf = (day: number): string => new Date(day * 86_400_000).toISOString().slice(0, 10);

const COUNTRIES = HOLIDAY_CALENDARS.filter((country) => country !== 'none');

/** The holidays of a country by date. */
function namesByDate(country: (typeof COUNTRIES)[number]): Map<string, string[]> {
  const { names, days, nameOf } = holidayTable(country);
  const found = new Map<string, string[]>();
  for (const [place, day] of days.entries()) {
    const date = dateOf(day);
    found.set(date, [...(found.get(date) ?? []), names[nameOf[place] ?? -1] ?? '']);
  }
  return found;
}

describe('ml holidays', () => {
  for (const country of COUNTRIES)
    it(`of ${country} are those of the Python package, 1991 to 2050`, () => {
      const own = [...namesByDate(country).keys()].filter((date) => date >= '1991' && date < '2051');
      expect(own).to.deep.equal(reference[country]);
    });

  it('have Easter where python-dateutil has it, 1583 to 2299', () => {
    expect(reference['easter']?.map((_, index) => dateOf(easterSunday(1583 + index)))).to.deep.equal(
      reference['easter'],
    );
  });

  it('know what the law was in single years', () => {
    const [us, gb, de] = (['US', 'GB', 'DE'] as const).map(namesByDate);
    expect(us?.get('1970-02-22')).to.deep.equal(['Washington’s Birthday']);
    expect(us?.get('1975-10-27')).to.deep.equal(['Veterans Day']);
    expect(us?.has('1975-11-11')).to.equal(false);
    expect(us?.has('1985-01-21')).to.equal(false);
    expect(us?.get('1986-01-20')).to.deep.equal(['Martin Luther King Jr. Day']);
    expect(gb?.has('1973-01-01')).to.equal(false);
    expect(gb?.get('1977-06-07')).to.deep.equal(['Bank holiday of one year']);
    expect(de?.get('1989-06-17')).to.deep.equal(['Day of German Unity']);
    expect([de?.has('1989-10-03'), de?.has('1990-06-17'), de?.has('1990-10-03')]).to.deep.equal([false, true, true]);
  });

  it('give a day that is kept instead the name of what it stands for', () => {
    const [us, gb] = (['US', 'GB'] as const).map(namesByDate);
    // Saturday, Friday; Sunday, Monday.
    expect(us?.get('2026-07-03')).to.deep.equal(['Independence Day']);
    expect(us?.get('2027-07-05')).to.deep.equal(['Independence Day']);
    // Christmas on Saturday, Boxing Day on Sunday: Monday and Tuesday.
    expect(gb?.get('2021-12-27')).to.deep.equal(['Christmas Day']);
    expect(gb?.get('2021-12-28')).to.deep.equal(['Boxing Day']);
    // Christmas on Sunday, and Boxing Day has the Monday already.
    expect(gb?.get('2022-12-26')).to.deep.equal(['Boxing Day']);
    expect(gb?.get('2022-12-27')).to.deep.equal(['Christmas Day']);
  });

  it('keep two that meet on one day, and every country from 1970 to 2069', () => {
    expect(namesByDate('FR').get('2008-05-01')).to.have.members(['Labour Day', 'Ascension Day']);
    for (const country of COUNTRIES) {
      const { days, nameOf } = holidayTable(country);
      expect(dateOf(days.at(0) ?? NaN).slice(0, 4), country).to.equal('1970');
      expect(dateOf(days.at(-1) ?? NaN).slice(0, 4), country).to.equal('2069');
      expect(nameOf).to.have.length(days.length);
      expect(days.every((day, place) => day >= (days[place - 1] ?? day))).to.equal(true);
    }
  });
});
