import { expect } from 'chai';
import type { ManifestFeature, ManifestStep } from '#contracts';
import { checkStep, featureDecoder, stepColumns, type Scorer } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { columnScorer, scores, type Row } from './column-scorer.ts';

const nullMarkers = ['NA'];
const FEATURES: ManifestFeature[] = [
  { name: 'x', type: 'numeric', parse: { kind: 'number', nullMarkers } },
  { name: 'spot', type: 'geo', parse: { kind: 'geo', nullMarkers } },
  { name: 'y', type: 'numeric', parse: { kind: 'number', nullMarkers } },
];
const PARTS: ManifestStep = {
  kind: 'place-parts',
  feature: 1,
  parts: ['latitude', 'longitude', 'north-east', 'north-west'],
  width: 0.5,
};
/** Southern half, cut by longitude at 4, then by latitude; northern half by longitude at 20. */
const CUTS = { onLongitude: [false, true, true], cuts: [10, 4, 20] };
const CELLS: ManifestStep = { kind: 'place-cells', feature: 1, longitude: null, depths: [1, 2], ...CUTS };
const PAIR_CELLS: ManifestStep = { ...CELLS, feature: 0, longitude: 2 };

/** A model that answers one column, and 1,024 of a row that misses it. */
const scorerOf = (steps: readonly ManifestStep[], column: number): Scorer =>
  columnScorer(FEATURES, steps, column, 1024);

describe('scoring: a feature that is a place', () => {
  const rows: Row[] = [
    { spot: '52,16' },
    { spot: 'POINT(-151 -33.5)' },
    { spot: '( 10 4 )' },
    { spot: 'NA' },
    { spot: null },
    {},
  ];

  it('is its latitude, its longitude and two directions', () => {
    const found = (column: number): number[] => scores(scorerOf([PARTS], column), rows);
    expect(found(0)).to.deep.equal([52, -33.5, 10, 1024, 1024, 1024]);
    expect(found(1)).to.deep.equal([16, -151, 4, 1024, 1024, 1024]);
    expect(found(2)).to.deep.equal([60, -109, 12, 1024, 1024, 1024]);
    expect(found(3)).to.deep.equal([44, 42, 8, 1024, 1024, 1024]);
  });

  it('lies in a cell at each depth, up to a cut in its lower half', () => {
    const found = (column: number): number[] => scores(scorerOf([PARTS, CELLS], column), rows);
    expect(found(4)).to.deep.equal([1, 0, 0, 1024, 1024, 1024]);
    expect(found(5)).to.deep.equal([2, 0, 0, 1024, 1024, 1024]);
    expect(scores(scorerOf([CELLS], 1), [{ spot: '5,5' }, { spot: '11 20.5' }])).to.deep.equal([1, 3]);
  });

  it('has cells of two numbers too, missing where one of them is', () => {
    const pairs: Row[] = [
      { x: '5', y: '5' },
      { x: '11', y: '20' },
      { x: '11', y: 'NA' },
      { x: null, y: '5' },
      { x: '5' },
    ];
    expect(scores(scorerOf([PAIR_CELLS], 1), pairs)).to.deep.equal([1, 2, 1024, 1024, 1024]);
  });

  it('names its columns, all of which count as the feature’s', () => {
    const columns = [PARTS, CELLS, PAIR_CELLS].flatMap((step) => stepColumns(step, FEATURES));
    expect(columns.map(({ name }) => name)).to.deep.equal([
      ...['spot.latitude', 'spot.longitude', 'spot.north-east', 'spot.north-west'],
      ...['spot.cells.2', 'spot.cells.4', 'x, y.cells.2', 'x, y.cells.4'],
    ]);
    expect(columns.map(({ sourceFeature }) => sourceFeature)).to.deep.equal([
      ...Array.from({ length: 6 }, () => 'spot'),
      ...['x', 'x'],
    ]);
    const scorer = scorerOf([PARTS, CELLS], 2);
    const out = scorer.createPrediction(true);
    scorer.scoreRow({ spot: '52 16' }, out, 0);
    expect(scorer.inputFeatures).to.deep.equal(['spot']);
    expect([...(out.contributions ?? [])]).to.deep.equal([60]);
  });

  it('refuses a text that is no place, naming row and column', async () => {
    const scorer = scorerOf([PARTS], 0);
    const err = await appErrorOf('CELL_UNREADABLE', () =>
      scorer.scoreRow({ spot: 'here' }, scorer.createPrediction(), 3),
    );
    expect(err.message).to.contain('row 3').and.to.contain('"spot"').and.to.contain('geo');
    const decode = featureDecoder(FEATURES[1] ?? expect.fail('no feature'));
    const batch = await appErrorOf('CELL_UNREADABLE', () =>
      decode({ view: 'text', name: 'spot', values: ['1,2', '91,2'] }, 2, 40),
    );
    expect(batch.message).to.contain('row 41');
  });

  it('steps are refused of other features, and with cuts that do not fit', async () => {
    for (const step of [PARTS, CELLS, PAIR_CELLS]) checkStep(step, 0, FEATURES);
    const refused: readonly (readonly [ManifestStep, string])[] = [
      [{ ...PARTS, feature: 0 }, 'reads number, expected geo'],
      [{ kind: 'numeric', feature: 1 }, 'reads geo, expected number or date'],
      [{ ...CELLS, feature: 0 }, 'reads number with no longitude beside'],
      [{ ...CELLS, longitude: 0 }, 'reads geo with a longitude beside'],
      [{ ...PAIR_CELLS, longitude: 1 }, 'has feature 1 as longitude, which is no number'],
      [{ ...CELLS, depths: [3] }, '3 cuts along 3 sides for 7'],
      [{ ...CELLS, cuts: [10, Infinity, 20] }, 'a cut is not finite'],
    ];
    for (const [step, part] of refused) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(step, 4, FEATURES));
      expect(err.message).to.contain(part);
    }
  });
});
