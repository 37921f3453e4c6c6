import { expect } from 'chai';
import type { ColumnView, ManifestFeature, ManifestStep } from '#contracts';
import {
  levelWarnings,
  mergeUnseenLevels,
  openArtifact,
  packArtifact,
  unseenLevelText,
  unseenLevelsFacts,
  unseenLevelsText,
  type RawRow,
} from '#scoring';
import { memorySource, type MemoryColumn } from '../../../../support/memory-table.ts';
import { manifestOf, regressionContent, sha256 } from '../sample-artifact.ts';
import { randomGenerator } from '../support.ts';

const nullMarkers = ['NA', 'NaN'];
const category = (name: string, keyRule: 'text' | 'number' = 'text'): ManifestFeature => ({
  name,
  type: 'categorical',
  parse: { kind: 'category', keyRule, nullMarkers },
});

const FEATURES: readonly ManifestFeature[] = [
  { name: 'age', type: 'numeric', parse: { kind: 'number', nullMarkers } },
  category('plan'),
  category('zip', 'number'),
  { name: 'day', type: 'date', parse: { kind: 'date', formats: ['iso-date'], nullMarkers } },
  category('shop'),
  category('kind'),
  category('rare'),
  category('unread'),
  { ...category('note'), type: 'text' },
];
/** Three members read `plan`, each with levels of its own; no step knows a level of `rare`, and no member reads the last step. */
const STEPS: readonly ManifestStep[] = [
  { kind: 'category-codes', feature: 1, keys: ['basic', 'plus'], missingCode: null },
  {
    kind: 'category-numbers',
    feature: 1,
    meaning: 'count',
    keys: ['plus', 'pro'],
    outputCount: 1,
    values: [0.5, 0.25],
    missing: [0],
    unseen: [0],
  },
  {
    kind: 'category-cross',
    feature: 5,
    other: 1,
    keys: ['a', 'b'],
    otherKeys: ['max'],
    codes: [0, null, null, 1, null, null, null, null, null, null, null, null],
  },
  { kind: 'category-codes', feature: 2, keys: ['7', '10'], missingCode: null },
  {
    kind: 'series-history',
    feature: 3,
    series: 4,
    season: null,
    windows: [7],
    log: false,
    keys: ['north'],
    times: [0],
    values: [1, 1],
    seasonal: [],
  },
  { kind: 'category-codes', feature: 6, keys: [], missingCode: null },
  { kind: 'numeric', feature: 0 },
  {
    kind: 'text-scores',
    feature: 8,
    tokens: 'words',
    minLength: 1,
    maxLength: 1,
    charactersMax: 100,
    documentCount: 1,
    terms: ['word'],
    documents: [1],
    outputCount: 1,
    coefficients: [1],
  },
  { kind: 'category-codes', feature: 7, keys: ['known'], missingCode: null },
];
const MEMBERS = [[0, 3, 6], [1, 4, 5], [2, 7], [0]];

function scorerOf(members: readonly (readonly number[])[]) {
  const content = regressionContent({
    features: [...FEATURES],
    steps: [...STEPS],
    members: members.map((steps) => ({
      weight: 1,
      steps: [...steps],
      model: { kind: 'constant', scores: [1] },
    })),
  });
  const packed = packArtifact(content, new Map(), sha256);
  return openArtifact(manifestOf(packed), packed.blob, sha256);
}

type Row = Readonly<Record<string, string | null>>;
type Found = readonly (readonly [column: string, value: string])[];

/** Cells that are known, missing, unseen, and of one level in several spellings. */
const CELLS: Readonly<Record<string, readonly (string | null)[]>> = {
  age: ['1', '2', null],
  plan: ['basic', 'plus', 'pro', 'max', 'gold', 'Basic', 'NA', '', null],
  zip: ['7', '007', '10.0', '7.50', 'x', 'NaN', null],
  day: ['2026-01-01', null],
  shop: ['north', 'south', 'NaN', null],
  kind: ['a', 'b', 'c', '', null],
  rare: ['anything', null],
  unread: ['known', 'unknown'],
  note: ['word', 'never before', null],
};

describe('levels that a model does not know', () => {
  const scorer = scorerOf(MEMBERS);
  const out = scorer.createPrediction();

  function foundIn(row: RawRow): Found {
    scorer.scoreRow(row, out);
    const found = scorer.unseenLevels(row, out).map(({ column, value }) => [column, value] as const);
    expect(out.unseenLevelCount).to.equal(found.length);
    return found;
  }
  const cellsOf = (row: Row): unknown[] => FEATURES.map(({ name }) => row[name]);

  it('are those that no step of any member knows, a column once', () => {
    expect(foundIn({ plan: 'gold' })).to.deep.equal([['plan', 'gold']]);
    const [level] = scorer.unseenLevels({ plan: 'gold' }, out);
    expect([...(level?.known ?? [])]).to.deep.equal(['basic', 'plus', 'pro', 'max']);
    for (const plan of ['basic', 'plus', 'pro', 'max']) expect(foundIn({ plan }), plan).to.deep.equal([]);
    expect(foundIn({ plan: 'Basic' }), 'texts are compared exactly').to.deep.equal([['plan', 'Basic']]);
  });

  it('are of series and of pairs of features too', () => {
    expect(foundIn({ shop: 'south', kind: 'c', plan: 'max', day: '2026-01-01' })).to.deep.equal([
      ['shop', 'south'],
      ['kind', 'c'],
    ]);
    expect(foundIn({ shop: 'north', kind: 'b' })).to.deep.equal([]);
  });

  it('are not missing values, missing columns, or other spellings of a known level', () => {
    for (const cell of [null, '', 'NA', 'NaN'])
      expect(foundIn({ plan: cell, zip: cell, shop: cell, kind: cell }), String(cell)).to.deep.equal([]);
    expect(foundIn({})).to.deep.equal([]);
    for (const zip of ['7', '007', '7.0', 7, 10, '1e1']) expect(foundIn({ zip }), String(zip)).to.deep.equal([]);
    expect(foundIn({ zip: '7.50' }), 'as it was sent').to.deep.equal([['zip', '7.50']]);
    expect(foundIn({ zip: 8 })).to.deep.equal([['zip', '8']]);
    expect(foundIn({ zip: true })).to.deep.equal([['zip', 'true']]);
  });

  it('are none of numbers, dates, texts, of features that no member reads, or of which no level is known', () => {
    const row = {
      age: '1e9',
      day: '1912-06-23',
      note: 'never before',
      rare: 'anything',
      unread: 'unknown',
      extra: 'x',
    };
    expect(foundIn(row)).to.deep.equal([]);
  });

  it('are those of this row, not of the one before', () => {
    expect(foundIn({ plan: 'gold', kind: 'c' })).to.have.length(2);
    expect(foundIn({ plan: 'silver' })).to.deep.equal([['plan', 'silver']]);
    expect(foundIn({ plan: 'plus' })).to.deep.equal([]);
  });

  it('follow the steps that members read', () => {
    const first = scorerOf([[0]]);
    const one = first.createPrediction();
    first.scoreRow({ plan: 'pro' }, one);
    expect(first.unseenLevels({ plan: 'pro' }, one).map(({ known }) => [...known])).to.deep.equal([['basic', 'plus']]);
  });

  describe('of many rows', () => {
    const random = randomGenerator(5);
    const rows = Array.from({ length: 300 }, (): Row =>
      Object.fromEntries(Object.entries(CELLS).map(([name, cells]) => [name, random.pick(cells)])),
    );

    /** What a read of them in batches finds. */
    async function tallied(of: readonly Row[], batchRows: number, view?: ColumnView) {
      const found = await unseenOf(of, batchRows, view);
      return found.map(({ column, value, row, rowCount }) => ({ column, value, row, rowCount }));
    }

    async function unseenOf(of: readonly Row[], batchRows: number, view?: ColumnView) {
      const columns = FEATURES.map(({ name, parse }): MemoryColumn => ({
        name,
        parse,
        cells: of.map((row) => row[name] ?? null),
      }));
      const requests = scorer
        .columnRequests(columns)
        .map((request) => (view === undefined ? request : { ...request, view }));
      const tally = scorer.levelTally();
      for await (const batch of memorySource(columns, batchRows).batches(requests))
        scorer.scoreBatch(batch, new Float64Array(batch.rowCount), undefined, tally);
      return tally.unseen();
    }

    it('are counted by column, with the first of them, however they are read', async () => {
      const byRow = rows.map((row) => foundIn(row));
      expect(rows.map((row) => foundIn(cellsOf(row)))).to.deep.equal(byRow);
      const expected = ['plan', 'zip', 'shop', 'kind'].map((column) => {
        const those = byRow.flatMap((found, row) =>
          found.filter(([name]) => name === column).map(([, value]) => ({ row, value })),
        );
        expect(those.length, column).to.be.within(30, 200);
        return { column, ...those[0], rowCount: those.length };
      });
      for (const batchRows of [1, 7, 300])
        expect(await tallied(rows, batchRows), `${batchRows}`).to.deep.equal(expected);
      for (const view of ['text', 'dictionary'] as const)
        expect(await tallied(rows, 64, view), view).to.deep.equal(expected);
    });

    it('of parts of a table are those of the whole', async () => {
      const facts = async (from: number, to: number) =>
        (await unseenOf(rows.slice(from, to), 50)).map((found) =>
          unseenLevelsFacts({ ...found, row: found.row + from }),
        );
      const whole = await facts(0, rows.length);
      const parts = [await facts(0, 50), await facts(50, 200), await facts(200, 200), await facts(200, rows.length)];
      const merged = mergeUnseenLevels(parts);
      expect(whole.length).to.be.greaterThan(0);
      expect(merged).to.deep.equal(whole);
      expect(levelWarnings(merged)).to.deep.equal(levelWarnings(whole));
    });

    it('are none where all are known or missing, or the column is not there', async () => {
      const known = rows.map((row, index): Row => ({
        ...row,
        plan: index === 3 ? 'NA' : 'pro',
        zip: '07',
        shop: null,
        kind: 'a',
      }));
      expect(await tallied(known, 50)).to.deep.equal([]);
      const tally = scorer.levelTally();
      scorer.scoreBatch({ firstRow: 0, rowCount: 2, columns: [] }, new Float64Array(2), undefined, tally);
      expect(tally.unseen()).to.deep.equal([]);
    });
  });

  describe('in words', () => {
    const known = (...levels: string[]) => new Set(levels);

    it('name the column, the value, and what is known', () => {
      expect(unseenLevelText({ column: 'plan', value: 'gold', known: known('basic', 'plus') })).to.equal(
        'column "plan": "gold" is none of the 2 levels that the model knows ("basic", "plus")',
      );
      expect(unseenLevelText({ column: 'a "b"', value: '', known: known('only') })).to.equal(
        'column "a \\"b\\"": "" is not the one level that the model knows ("only")',
      );
      expect(unseenLevelText({ column: 'c', value: 'x', known: known('1', '2', '3', '4', '5') })).to.match(/"5"\)$/);
      expect(unseenLevelText({ column: 'c', value: 'x', known: known('1', '2', '3', '4', '5', '6', '7') })).to.equal(
        'column "c": "x" is none of the 7 levels that the model knows ("1", "2", "3", "4", "5" and 2 more)',
      );
    });

    it('cut what is long, between characters', () => {
      const long = `${'x'.repeat(59)}😀${'y'.repeat(1_000)}`;
      const text = unseenLevelText({ column: 'c', value: long, known: known(long) });
      const cut = `"${'x'.repeat(59)}..."`;
      expect(text).to.equal(`column "c": ${cut} is not the one level that the model knows (${cut})`);
    });

    it('count rows, and name the first', () => {
      const said = (rowCount: number): string =>
        unseenLevelsText(
          unseenLevelsFacts({
            feature: 0,
            column: 'plan',
            value: 'gold',
            known: known('basic', 'plus'),
            row: 3,
            rowCount,
          }),
        );
      const end = 'none of the 2 levels that the model knows ("basic", "plus")';
      const start = 'column "plan": "gold" in row 3';
      expect(said(1)).to.equal(`${start} is ${end}`);
      expect(said(2)).to.equal(`${start}, and what is in 1 row more, is ${end}`);
      expect(said(9)).to.equal(`${start}, and what is in 8 rows more, is ${end}`);
    });
  });
});
