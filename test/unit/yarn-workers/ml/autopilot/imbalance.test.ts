import { expect } from 'chai';
import type { AppError, ImbalanceRequest } from '#contracts';
import { checkFits, imbalanceFor, settingsOf, withImbalance, type AutopilotRequest } from '#ml';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';

const ROWS = 1_000;
const cellsOf = (cell: (row: number) => string | number): string[] =>
  Array.from({ length: ROWS }, (_, row) => String(cell(row)));
const TABLE: MemoryColumn[] = [
  { name: 'x', cells: cellsOf((row) => (row * 37) % 101), parse: numberRule },
  { name: 'rare', cells: cellsOf((row) => (row % 20 === 0 ? 'yes' : 'no')), parse: textRule },
  { name: 'flag', cells: cellsOf((row) => (row % 20 === 0 ? '1' : '0')), parse: numberRule },
  { name: 'few', cells: cellsOf((row) => (row % 100 === 0 ? 'yes' : 'no')), parse: textRule },
  { name: 'kind', cells: cellsOf((row) => (row % 10 < 7 ? 'a' : row % 10 < 9 ? 'b' : 'c')), parse: textRule },
  { name: 'amount', cells: cellsOf((row) => row * 1.5), parse: numberRule },
];

const plan = (target: string, imbalance: ImbalanceRequest, request: Partial<AutopilotRequest> = {}) =>
  planOf(TABLE, { target, imbalance, featureNames: ['x'], ...request });

describe('ml: imbalance of a plan', () => {
  it('is nothing by default and with none', async () => {
    expect(await planOf(TABLE, { target: 'rare', featureNames: ['x'] })).not.to.have.property('imbalance');
    expect(await plan('rare', { method: 'none' })).not.to.have.property('imbalance');
    expect(await plan('amount', { method: 'none' }, { targetType: 'regression' })).not.to.have.property('imbalance');
  });

  it('has weights by class in class order: balanced, or as asked, by any spelling of a label', async () => {
    const balanced = await plan('rare', { method: 'weights' });
    expect(balanced.imbalance).to.deep.equal({ method: 'weights', factors: [1_000 / (2 * 950), 10] });
    const asked = await plan('flag', { method: 'weights', classWeights: { '1.0': 19 } });
    expect(asked.imbalance?.factors).to.deep.equal([1, 19]);
    const kinds = await plan('kind', { method: 'weights' });
    expect(kinds.imbalance?.factors).to.deep.equal([1_000 / 2_100, 1_000 / 600, 1_000 / 300]);
  });

  it('draws the largest class down to so many rows for each of all others', async () => {
    const binary = await plan('rare', { method: 'downsampling', ratio: 4 });
    expect(binary.imbalance).to.deep.equal({ method: 'downsampling', factors: [200 / 950, 1] });
    expect((await plan('rare', { method: 'downsampling' })).imbalance?.factors).to.deep.equal([500 / 950, 1]);
    const kinds = await plan('kind', { method: 'downsampling', ratio: 2 });
    expect(kinds.imbalance?.factors).to.deep.equal([600 / 700, 1, 1]);
  });

  it('refuses forests whose scores are no log odds, and says why', async () => {
    const blueprints = ['baseline', 'lightgbm-random-forest'];
    const err = await appErrorOf('VALIDATION_FAILED', () => plan('rare', { method: 'weights' }, { blueprints }));
    expect(err.message).to.include('log odds');
    const byHand = await appErrorOf('VALIDATION_FAILED', async () =>
      checkFits(
        'lightgbm-random-forest',
        settingsOf('lightgbm-random-forest', {}),
        await plan('rare', { method: 'weights' }),
      ),
    );
    expect(byHand.message).to.include('log odds');
  });

  it('is not for the baseline; a model by hand may have another', async () => {
    const weighted = await plan('rare', { method: 'weights' });
    expect(imbalanceFor(weighted, 'baseline')).to.equal(undefined);
    expect(imbalanceFor(weighted, 'linear')).to.deep.equal(weighted.imbalance);
    expect(imbalanceFor(weighted, 'ensemble')).to.deep.equal(weighted.imbalance);
    expect(withImbalance(weighted, undefined, 'linear')).to.equal(weighted);
    expect(withImbalance(weighted, { method: 'none' }, 'linear')).not.to.have.property('imbalance');
    const drawn = withImbalance(weighted, { method: 'downsampling', ratio: 4 }, 'linear');
    expect(drawn.imbalance?.method).to.equal('downsampling');
    const err = await appErrorOf('VALIDATION_FAILED', () => withImbalance(weighted, { method: 'weights' }, 'baseline'));
    expect(pathOf(err)).to.equal('/imbalance/method');
  });

  const REFUSED: readonly (readonly [string, string, ImbalanceRequest, AppError['code'], string, string])[] = [
    ['weights of a number', 'amount', { method: 'weights' }, 'VALIDATION_FAILED', 'method', 'number'],
    ['a draw of a number', 'amount', { method: 'downsampling' }, 'VALIDATION_FAILED', 'method', 'number'],
    [
      'an unknown class',
      'rare',
      { method: 'weights', classWeights: { maybe: 2 } },
      'VALIDATION_FAILED',
      'classWeights',
      '"no"',
    ],
    [
      'a class named twice',
      'flag',
      { method: 'weights', classWeights: { '1': 2, '1.0': 3 } },
      'VALIDATION_FAILED',
      'classWeights',
      'second',
    ],
    [
      'weights of another method',
      'rare',
      { method: 'downsampling', classWeights: { yes: 2 } },
      'VALIDATION_FAILED',
      'classWeights',
      'weights',
    ],
    [
      'a ratio of another method',
      'rare',
      { method: 'weights', ratio: 2 },
      'VALIDATION_FAILED',
      'ratio',
      'downsampling',
    ],
    [
      'a ratio with nothing to draw',
      'rare',
      { method: 'downsampling', ratio: 19 },
      'VALIDATION_FAILED',
      'ratio',
      '950',
    ],
    ['a draw of too few rows', 'few', { method: 'downsampling', ratio: 2 }, 'TOO_FEW_ROWS', 'ratio', '20 rows'],
  ];
  for (const [what, target, imbalance, code, field, said] of REFUSED) {
    it(`refuses ${what}, naming the field`, async () => {
      const targetType = target === 'amount' ? { targetType: 'regression' as const } : {};
      const err = await appErrorOf(code, () => plan(target, imbalance, targetType));
      expect(pathOf(err)).to.equal(`/imbalance/${field}`);
      expect(err.message).to.include(said);
    });
  }
});

const pathOf = (err: AppError): string | undefined => err.errors[0]?.path;
