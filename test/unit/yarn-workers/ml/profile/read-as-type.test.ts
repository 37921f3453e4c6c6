import { expect } from 'chai';
import type { AppError, FeatureType, ParseRule } from '#contracts';
import { checkGivenType, readAsType, withGivenType } from '#ml';
import { appErrorOf } from '../../../../support/expect-error.ts';
import {
  booleanRule,
  dateRule,
  memorySource,
  numberRule,
  storedTable,
  textRule,
  type MemoryColumn,
} from '../../../../support/memory-table.ts';
import { profileOf } from '../../../../support/modelling-task.ts';

type Cells = readonly (string | null)[];

const of = (cells: Cells, rule: ParseRule): MemoryColumn[] => [{ name: 'f', cells, parse: rule }];

/** The feature as another type, read as a worker reads it; no other column is there. */
function read(cells: Cells, rule: ParseRule, type: FeatureType) {
  return readAsType({ table: storedTable(of(cells, rule)), feature: 'f', type }, ({ columns: [column] }) =>
    memorySource(of(cells, column?.parse ?? rule), 2),
  );
}

const refused = (cells: Cells, rule: ParseRule, type: FeatureType): Promise<AppError> =>
  appErrorOf('FEATURE_TYPE_REFUSED', () => read(cells, rule, type));

async function checked(cells: Cells, rule: ParseRule, type: FeatureType): Promise<void> {
  const [column] = storedTable(of(cells, rule)).columns;
  if (column !== undefined) checkGivenType(await profileOf(of(cells, rule)), column, type);
}

const CODES = ['10', '20', '30', '10', null, 'NA', '20'];

describe('ml profile: features as other types', () => {
  it('numbers as categories: keys are numbers, and the profile is that of a category', async () => {
    const { column, feature, distinctValues } = await read(CODES, numberRule, 'categorical');
    expect(column).to.deep.include({ hasTwin: false, parse: { ...textRule, keyRule: 'number' } });
    expect(feature).to.deep.include({
      type: 'categorical',
      missingCount: 2,
      uniqueCount: 3,
      mean: null,
      histogram: null,
    });
    expect(distinctValues).to.deep.equal([
      { value: '10', count: 2 },
      { value: '20', count: 2 },
      { value: '30', count: 1 },
    ]);
  });

  it('and back again they have the profile that they had', async () => {
    const [before] = (await profileOf(of(CODES, numberRule))).features;
    const categories = await read(CODES, numberRule, 'categorical');
    const { column, feature } = await read(CODES, categories.column.parse, 'numeric');
    expect(column.parse).to.deep.equal(numberRule);
    expect(feature).to.deep.equal(before);
  });

  it('ids become numbers and are told apart from those that were inferred', async () => {
    const ids = Array.from({ length: 200 }, (_, row) => String(row + 1));
    const inferred = (await profileOf(of(ids, numberRule))).features[0];
    expect(inferred?.type).to.equal('id');
    const { column, feature } = await read(ids, numberRule, 'numeric');
    expect(column.hasTwin, 'the numbers that are stored are read').to.equal(true);
    expect(feature).to.include({ type: 'numeric', mean: 100.5 });
    const made = (await read(CODES, numberRule, 'id')).feature;
    expect(made.warnings.map(({ code, message }) => `${code}: ${message}`)).to.deep.equal([
      'ID_LIKE: It was made an identifier.',
    ]);
  });

  it('places become categories or texts, and come back with their box', async () => {
    const places = ['37.8, -122.4', '51.5, -0.1', '48.9 2.3', '37.8, -122.4'];
    const inferred = (await profileOf(of(places, textRule))).features[0];
    expect(inferred?.type).to.equal('geo');
    const category = await read(places, textRule, 'categorical');
    expect(category.feature).to.include({ type: 'categorical', uniqueCount: 3 }).and.not.have.property('boundingBox');
    const { column, feature } = await read(places, category.column.parse, 'geo');
    expect(column.parse).to.deep.equal(textRule);
    expect(feature.boundingBox).to.deep.equal(inferred?.boundingBox);
  });

  it('compact dates are read only when they are asked for', async () => {
    const days = ['20260131', '20260201', '', '20251231'];
    expect((await profileOf(of(days, numberRule))).features[0]?.type).to.equal('numeric');
    const { column, feature, timeCounts } = await read(days, numberRule, 'date');
    expect(column.parse).to.deep.include({ kind: 'date', formats: ['compact-date'] });
    expect(feature).to.include({ type: 'date', min: Date.UTC(2025, 11, 31) / 1000, missingCount: 1 });
    expect(timeCounts?.counts).to.deep.equal([1, 1, 1]);
  });

  it('of several formats the one that reads all dates is taken', async () => {
    const { column } = await read(['1/2/2026', '13/2/2026'], textRule, 'date');
    expect(column.parse).to.deep.include({ formats: ['d/m/y'] });
    const mixed = await read(['2026-01-01', '2026-01-01T10:00Z'], textRule, 'date');
    expect(mixed.column.parse).to.deep.include({ formats: ['iso-date', 'iso-datetime'] });
  });

  it('texts of true and false become booleans', async () => {
    const { column, feature } = await read(['TRUE', 'false', 'True'], textRule, 'boolean');
    expect(column.parse).to.deep.equal(booleanRule);
    expect(feature).to.include({ type: 'boolean', uniqueCount: 2 });
  });

  it('values that cannot be read: which feature, which type, how many, the first, and what it can be', async () => {
    const { message, errors } = await refused(['1', 'x-7', '2', null, 'y', 'y'], textRule, 'numeric');
    expect(message).to.equal(
      'type: "f" cannot be made numeric: 3 of 5 values cannot be read as numeric, the first is "x-7" in row 2; it can be made categorical, text, id',
    );
    expect(errors.map(({ path }) => path)).to.deep.equal(['/type']);
    expect((await refused(['2026-01-01', '2026-02-30', '3/4/2026'], textRule, 'date')).message).to.match(
      /2 of 3 values cannot be read as date, the first is "2026-02-30" in row 2/,
    );
    expect((await refused(['1', '0'], numberRule, 'boolean')).message).to.match(
      /the first is "1" in row 1; it can be made numeric, categorical, text, id$/,
    );
    expect((await refused(['91.0, 5.5', '1.5, 1.5'], textRule, 'geo')).message).to.match(/1 of 2 .* "91.0, 5.5"/);
    expect((await refused(['2026-01-01', '2026-01-02'], dateRule, 'numeric')).message).to.match(/"2026-01-01"/);
  });

  it('what is known of all values, or of the first rows, refuses before any row is read', async () => {
    const known = await appErrorOf('FEATURE_TYPE_REFUSED', () => checked(['1', 'x', 'x'], textRule, 'numeric'));
    expect(known.message).to.match(/2 of 3 values cannot be read as numeric, the first is "x"; it can be/);
    const many = Array.from({ length: 3_000 }, (_, row) => (row === 500 || row === 2_000 ? 'x' : `${row}.5`));
    const sampled = await appErrorOf('FEATURE_TYPE_REFUSED', () => checked(many, textRule, 'numeric'));
    expect(sampled.message).to.match(/1 of 1000 values of the first 1000 rows cannot .* "x" in row 501/);
    const later = many.with(500, '1');
    await checked(later, textRule, 'numeric');
    expect((await refused(later, textRule, 'numeric')).message).to.match(/1 of 3000 values cannot .* in row 2001/);
    await checked(many, textRule, 'categorical');
  });

  it('types that are no choice, and features of one value, are refused with the reason', async () => {
    const reasons = [
      ['constant', /found to be; make it id to leave it out/],
      ['currency', /not read yet; numbers without them are numeric/],
      ['percent', /not read yet/],
      ['duration', /not read yet/],
    ] as const;
    for (const [type, reason] of reasons)
      expect((await appErrorOf('FEATURE_TYPE_REFUSED', () => checked(CODES, numberRule, type))).message).to.match(
        reason,
      );
    const same = await appErrorOf('FEATURE_TYPE_REFUSED', () => checked(['7', '7'], numberRule, 'categorical'));
    expect(same.message).to.match(/one value in all rows, so it stays constant/);
    const empty = await appErrorOf('FEATURE_TYPE_REFUSED', () => checked([null, ''], textRule, 'text'));
    expect(empty.message).to.match(/has no value/);
  });

  it('the rest of the profile stays, but for warnings that are not true any more', async () => {
    const rows = Array.from({ length: 300 }, (_, row) => String((row * 37) % 100));
    const table = [
      { name: 'a', cells: rows, parse: numberRule },
      { name: 'f', cells: rows, parse: numberRule },
      { name: 'c', cells: rows, parse: numberRule },
    ];
    const before = await profileOf(table);
    const duplicates = (profile: typeof before) =>
      profile.features.map(({ warnings }) => warnings.filter(({ code }) => code === 'NEAR_DUPLICATE').length);
    expect(duplicates(before)).to.deep.equal([0, 1, 1]);
    const as = async (type: FeatureType, position: number) => {
      const outcome = await read(rows, numberRule, type);
      const column = { ...outcome.column, position };
      const name = table[position]?.name ?? '';
      return withGivenType(before, { ...outcome, column, feature: { ...outcome.feature, position, name } });
    };
    const category = await as('categorical', 1);
    expect(duplicates(category)).to.deep.equal([0, 1, 1]);
    expect(category.features[1]).to.include({ type: 'categorical', inferredType: 'numeric' });
    expect([category.features[0], category.features[2]]).to.deep.equal([before.features[0], before.features[2]]);
    expect(category.sampleRows).to.equal(before.sampleRows);
    expect(duplicates(await as('id', 0)), 'c says the same as a, which is compared no more').to.deep.equal([0, 0, 0]);
  });
});
