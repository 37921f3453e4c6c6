import { expect } from 'chai';
import type { Column, ManifestFeature, ManifestStep } from '#contracts';
import {
  checkStep,
  openArtifact,
  packArtifact,
  stepColumnCount,
  stepColumns,
  type LinearArrays,
  type Scorer,
} from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { manifestOf, regressionContent, sha256 } from '../sample-artifact.ts';

const nullMarkers = ['NA'];
const number = (name: string): ManifestFeature => ({ name, type: 'numeric', parse: { kind: 'number', nullMarkers } });
const FEATURES: ManifestFeature[] = [
  number('lon'),
  { name: 'city', type: 'categorical', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
  number('lat'),
];
const DIRECTIONS: ManifestStep = { kind: 'place-directions', feature: 2, longitude: 0, width: 0.5 };

/** A model that answers the first direction, and 1,024 of a row that misses it; its contributions are of the column alone. */
function scorerOf(column: 0 | 1): Scorer {
  const identity: LinearArrays = {
    outputCount: 1,
    columnCount: 2,
    intercept: Float64Array.of(0),
    columnKind: new Uint8Array(2),
    pointOffset: Int32Array.of(0, column === 0 ? 2 : 0, 2),
    // Powers of 2, so that interpolation rounds nothing.
    knot: Float64Array.of(-1024, 1024),
    value: Float64Array.of(-1024, 1024),
    otherwise: Float64Array.from({ length: 2 }, (_, place) => (place === column ? 1024 : 0)),
    mean: new Float64Array(2),
  };
  const content = regressionContent({
    features: FEATURES,
    steps: [DIRECTIONS],
    members: [{ weight: 1, steps: [0], model: { kind: 'linear', prefix: 'm', outputCount: 1, columnCount: 2 } }],
  });
  const packed = packArtifact(content, new Map([['m', identity]]), sha256);
  return openArtifact(manifestOf(packed), packed.blob, sha256);
}

type Row = Readonly<Record<string, string | null>>;

/** What rows are scored as one by one, as cells and as a batch: all equal. */
function scores(scorer: Scorer, rows: readonly Row[]): number[] {
  const out = scorer.createPrediction();
  const scored = (raw: Parameters<Scorer['scoreRow']>[0], row: number): number => {
    scorer.scoreRow(raw, out, row);
    return Number(out.prediction);
  };
  const byRow = rows.map((row, index) => scored(row, index));
  const byCells = rows.map((row, index) =>
    scored(
      FEATURES.map(({ name }) => row[name]),
      index,
    ),
  );
  const columns = scorer.inputFeatures.map((name): Column => ({
    view: 'text',
    name,
    values: rows.map((row) => row[name] ?? null),
  }));
  const batch = new Float64Array(rows.length);
  scorer.scoreBatch({ firstRow: 0, rowCount: rows.length, columns }, batch);
  expect(byCells).to.deep.equal(byRow);
  expect([...batch]).to.deep.equal(byRow);
  return byRow;
}

describe('scoring: directions of a place', () => {
  const rows: Row[] = [
    { lat: '52', lon: '13' },
    { lat: '-33.5', lon: '-151' },
    { lat: '1e1', lon: ' 4 ' },
    { lat: 'NA', lon: '4' },
    { lat: '10', lon: null },
    { lat: '10' },
  ];

  it('are latitude and width x longitude, added and taken off; missing where one of them is', () => {
    expect(scores(scorerOf(0), rows)).to.deep.equal([58.5, -109, 12, 1024, 1024, 1024]);
    expect(scores(scorerOf(1), rows)).to.deep.equal([45.5, 42, 8, 1024, 1024, 1024]);
  });

  it('read both features, one of which is missing in a row without it', () => {
    const scorer = scorerOf(0);
    expect(scorer.inputFeatures).to.deep.equal(['lon', 'lat']);
    const out = scorer.createPrediction();
    scorer.scoreRow({ lat: '10' }, out, 0);
    expect(out.missingColumnCount).to.equal(1);
  });

  it('have a name each, and count as the latitude’s in explanations', () => {
    const columns = stepColumns(DIRECTIONS, FEATURES);
    expect(columns.map(({ name }) => name)).to.deep.equal(['lat, lon.north-east', 'lat, lon.north-west']);
    expect(columns.map(({ sourceFeature }) => sourceFeature)).to.deep.equal(['lat', 'lat']);
    expect(stepColumnCount(DIRECTIONS)).to.equal(2);
    const scorer = scorerOf(0);
    const out = scorer.createPrediction(true);
    scorer.scoreRow({ lat: '52', lon: '13' }, out, 0);
    expect([...(out.contributions ?? [])]).to.deep.equal([0, 58.5]);
  });

  it('are refused of what is no number', async () => {
    checkStep(DIRECTIONS, 0, FEATURES);
    const refused: readonly (readonly [ManifestStep, string])[] = [
      [{ ...DIRECTIONS, feature: 1 }, 'reads category, expected number'],
      [{ ...DIRECTIONS, longitude: 1 }, 'has feature 1 as longitude, which is no number'],
      [{ ...DIRECTIONS, longitude: 3 }, 'has feature 3 as longitude, which is no number'],
    ];
    for (const [step, part] of refused) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(step, 4, FEATURES));
      expect(err.message).to.contain(part);
    }
  });
});
