import { expect } from 'chai';
import type { InsightContent } from '#contracts';
import {
  encodeOutOfFold,
  insightOf,
  insightRows,
  openOutOfFold,
  readInsightRows,
  type OutOfFold,
  type OutOfFoldSource,
} from '#ml';
import {
  countRankingRows,
  readSampleRows,
  sampleRows,
} from '../../../../../yarn-workers/ml/insights/features/sample-rows.ts';
import { outcomesOf } from '../../../../../yarn-workers/ml/insights/insight-rows.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { manyPredictions, targetOf, type MadePredictions } from '../../../../support/many-predictions.ts';

const CASES: readonly MadePredictions[] = [
  { rowCount: 5_003, targetType: 'binary', foldCount: 3, isWeighted: true },
  { rowCount: 5_003, targetType: 'multiclass' },
  { rowCount: 5_003, targetType: 'regression', foldCount: 2, isByDate: true },
];

const inBlocks = (data: OutOfFold): Promise<OutOfFoldSource> => {
  const bytes = encodeOutOfFold(data);
  return openOutOfFold(async (start, end) => bytes.slice(start, end), bytes.length, 301);
};

describe('rows of insights that are read in blocks', () => {
  it('are those of all predictions at once', async () => {
    for (const kind of CASES) {
      const data = manyPredictions(kind);
      const target = targetOf(kind.targetType);
      const source = await inBlocks(data);
      for (const partition of [undefined, 'validation', 'holdout'] as const)
        for (const most of [3, 1_000, 1_000_000]) {
          const [expected, found] = [
            insightRows(data, target, partition, most),
            await readInsightRows(source, target, partition, most),
          ];
          expect(found.partition).to.equal(expected.partition);
          const classIndex = kind.targetType === 'regression' ? null : 1;
          expect(outcomesOf(found, classIndex)).to.deep.equal(outcomesOf(expected, classIndex));
          const lift = (rows: typeof found): InsightContent => insightOf('lift', rows, undefined);
          if (most > 3) expect(lift(found)).to.deep.equal(lift(expected));
        }
    }
  });

  it('are those of least hash, in order of fold', async () => {
    for (const kind of CASES) {
      const data = manyPredictions(kind);
      const source = await inBlocks(data);
      for (const most of [1, 700, 1_000_000])
        expect(await readSampleRows(source, 9, most)).to.deep.equal(sampleRows(data, 9, most));
      expect(await countRankingRows(source)).to.equal(sampleRows(data, 0, data.rows.length).rows.length);
    }
  });

  it('are refused where there are none', async () => {
    const data = manyPredictions({ rowCount: 50, targetType: 'binary' });
    const source = await inBlocks({ ...data, partitions: new Int8Array(50).fill(-1) });
    const target = targetOf('binary');
    await appErrorOf('VALIDATION_FAILED', () => readInsightRows(source, target, undefined));
    await appErrorOf('VALIDATION_FAILED', () => readInsightRows(source, target, 'crossValidation'));
    await appErrorOf('RESULT_MISMATCH', () => readInsightRows(source, targetOf('regression'), undefined));
    await appErrorOf('TOO_FEW_ROWS', () => readSampleRows(source, 1, 10));
    await appErrorOf('TOO_FEW_ROWS', () => countRankingRows(source));
  });
});
