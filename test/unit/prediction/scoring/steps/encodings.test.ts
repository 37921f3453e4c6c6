import { expect } from 'chai';
import type { ManifestFeature, ManifestStep } from '#contracts';
import { checkStep, stepColumns } from '#scoring';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { columnScorer, scores, type Row } from './column-scorer.ts';

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

describe('scoring: steps of encodings', () => {
  it('give a category its numbers, one an output, in every spelling; missing and unseen ones theirs', () => {
    const rows: Row[] = ['a', '7', '7.0', ' 007', 'b', '', 'NA', null].map((city) => ({ city }));
    expect(scores(columnScorer(FEATURES, [NUMBERS], 0), rows)).to.deep.equal([1, 3, 3, 3, 8, 5, 5, 5]);
    expect(scores(columnScorer(FEATURES, [NUMBERS], 1), [...rows, {}])).to.deep.equal([2, 4, 4, 4, 9, 6, 6, 6, 6]);
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
    const scorer = columnScorer(FEATURES, [DIFFERENCE], 0);
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
