import { expect } from 'chai';
import type { Column, ManifestFeature, ManifestStep } from '#contracts';
import { checkStep, openArtifact, packArtifact, stepColumns, type LinearArrays, type Scorer } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { manifestOf, sha256 } from '../sample-artifact.ts';

const nullMarkers = ['NA'];
const FEATURES: ManifestFeature[] = [
  { name: 'city', type: 'categorical', parse: { kind: 'category', keyRule: 'number', nullMarkers } },
  { name: 'ordered', type: 'date', parse: { kind: 'date', formats: ['iso-date', 'iso-datetime'], nullMarkers } },
  { name: 'sent', type: 'date', parse: { kind: 'date', formats: ['iso-date', 'iso-datetime'], nullMarkers } },
];
const NUMBERS: Extract<ManifestStep, { kind: 'category-numbers' }> = {
  kind: 'category-numbers',
  feature: 0,
  meaning: 'target',
  keys: ['a', '7'],
  outputCount: 2,
  values: [1, 2, 3, 4],
  missing: [5, 6],
  unseen: [8, 9],
};
const DIFFERENCE: ManifestStep = { kind: 'date-difference', feature: 2, minus: 1 };

/** A model whose outputs are matrix columns as they are. */
function scorerOf(steps: readonly ManifestStep[], column: number, columnCount: number): Scorer {
  const points = Array.from({ length: columnCount + 1 }, (_, place) => (place > column ? 2 : 0));
  const identity: LinearArrays = {
    outputCount: 1,
    columnCount,
    intercept: Float64Array.of(0),
    columnKind: new Uint8Array(columnCount),
    pointOffset: Int32Array.from(points),
    // Powers of 2, so that interpolation rounds nothing.
    knot: Float64Array.of(-1024, 1024),
    value: Float64Array.of(-1024, 1024),
    otherwise: Float64Array.from({ length: columnCount }, (_, place) => (place === column ? -1 : 0)),
    mean: new Float64Array(columnCount),
  };
  const content = {
    targetType: 'regression' as const,
    target: 'y',
    classes: [],
    positiveClass: null,
    threshold: null,
    link: 'identity' as const,
    features: FEATURES,
    steps: [...steps],
    members: [
      {
        weight: 1,
        steps: [...steps.keys()],
        model: { kind: 'linear' as const, prefix: 'm', outputCount: 1, columnCount },
      },
    ],
  };
  const packed = packArtifact(content, new Map([['m', identity]]), sha256);
  return openArtifact(manifestOf(packed), packed.blob, sha256);
}

type Row = Readonly<Record<string, string | null>>;

/** What rows are scored as one by one, as cells and as a batch: all equal. */
function scores(scorer: Scorer, rows: readonly Row[]): number[] {
  const out = scorer.createPrediction();
  const byRow = rows.map((row, number) => {
    scorer.scoreRow(row, out, number);
    return Number(out.prediction);
  });
  const byCells = rows.map((row, number) => {
    scorer.scoreRow(
      FEATURES.map(({ name }) => row[name]),
      out,
      number,
    );
    return Number(out.prediction);
  });
  const columns = scorer.inputFeatures.map((name): Column => {
    const dictionary = [...new Set(rows.flatMap((row) => row[name] ?? []))];
    const codes = Int32Array.from(rows, (row) => dictionary.indexOf(row[name] ?? '\u0000'));
    return { view: 'dictionary', name, codes, dictionary };
  });
  const batch = new Float64Array(rows.length);
  scorer.scoreBatch({ firstRow: 0, rowCount: rows.length, columns }, batch);
  expect(byCells).to.deep.equal(byRow);
  expect([...batch]).to.deep.equal(byRow);
  return byRow;
}

describe('scoring: steps of encodings', () => {
  it('give a category its numbers, one an output, in every spelling; missing and unseen ones theirs', () => {
    const rows: Row[] = ['a', '7', '7.0', ' 007', 'b', '', 'NA', null].map((city) => ({ city }));
    expect(scores(scorerOf([NUMBERS], 0, 2), rows)).to.deep.equal([1, 3, 3, 3, 8, 5, 5, 5]);
    expect(scores(scorerOf([NUMBERS], 1, 2), [...rows, {}])).to.deep.equal([2, 4, 4, 4, 9, 6, 6, 6, 6]);
  });

  it('give the days between two dates, and nothing where one is missing', () => {
    const rows: Row[] = [
      { ordered: '2024-02-28', sent: '2024-03-01' },
      { ordered: '2024-03-01T12:00:00', sent: '2024-02-28' },
      { ordered: null, sent: '2024-03-01' },
      { sent: '2024-03-01' },
      { ordered: '1969-12-31', sent: 'NA' },
      { ordered: '1969-12-31', sent: '1970-01-01' },
    ];
    const scorer = scorerOf([DIFFERENCE], 0, 1);
    expect(scores(scorer, rows)).to.deep.equal([2, -2.5, -1, -1, -1, 1]);
    expect(scorer.inputFeatures).to.deep.equal(['ordered', 'sent']);
    const out = scorer.createPrediction();
    scorer.scoreRow({ sent: '2024-03-01' }, out, 0);
    expect(out.missingColumnCount).to.equal(1);
  });

  it('name their columns', () => {
    expect([NUMBERS, DIFFERENCE].flatMap((step) => stepColumns(step, FEATURES)).map(({ name }) => name)).to.deep.equal([
      'city.target.0',
      'city.target.1',
      'sent - ordered',
    ]);
  });

  it('are refused where their arrays do not fit each other or their features', async () => {
    checkStep(NUMBERS, 0, FEATURES);
    checkStep(DIFFERENCE, 0, FEATURES);
    const refused: readonly (readonly [ManifestStep, string])[] = [
      [{ ...NUMBERS, keys: ['a', 'a'] }, 'a key appears twice'],
      [{ ...NUMBERS, keys: ['a', '07'] }, 'a key is none under the rule number'],
      [{ ...NUMBERS, values: [1, 2, 3] }, '3 values of 2 keys and 2 outputs'],
      [{ ...NUMBERS, missing: [1] }, 'missing has 1 values of 2 outputs'],
      [{ ...NUMBERS, unseen: [] }, 'unseen has 0 values of 2 outputs'],
      [{ ...NUMBERS, unseen: [1, NaN] }, 'a value is NaN'],
      [{ ...NUMBERS, values: [1, 2, 3, 1e300] }, 'a value is 1e+300'],
      [{ ...NUMBERS, feature: 1 }, 'reads date, expected category'],
      [{ kind: 'date-difference', feature: 0, minus: 1 }, 'reads category, expected date'],
      [{ kind: 'date-difference', feature: 2, minus: 0 }, 'takes off feature 0, which is no date'],
      [{ kind: 'date-difference', feature: 2, minus: 3 }, 'takes off feature 3, which is no date'],
    ];
    for (const [step, part] of refused) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(step, 4, FEATURES));
      expect(err.message).to.contain(part);
    }
  });
});
