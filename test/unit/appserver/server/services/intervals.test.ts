import { expect } from 'chai';
import type { PredictionIntervals } from '#contracts';
import { checkMadeFor } from '../../../../../appserver/server/services/intervals.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

const made: PredictionIntervals = {
  modelId: 'mdl_1',
  coverage: 0.9,
  isNonNegative: false,
  ranges: [{ upTo: null, lower: -1, upper: 1, rowCount: 100 }],
};
const deployment = (modelId: string, interval?: number) => ({
  ...{ id: 'dep_1', modelId },
  settings: { missingColumns: 'warn' as const, ...(interval === undefined ? {} : { interval }) },
});

describe('app server: intervals that were made before they are stored', () => {
  it('are of the model and for the setting that are stored', () => {
    checkMadeFor(made, deployment('mdl_1', 0.9));
    checkMadeFor(null, deployment('mdl_1'));
  });

  it('are refused where either was changed meanwhile', async () => {
    for (const [intervals, stored] of [
      [made, deployment('mdl_2', 0.9)],
      [made, deployment('mdl_1', 0.8)],
      [made, deployment('mdl_1')],
      [null, deployment('mdl_1', 0.9)],
    ] as const)
      expect((await appErrorOf('CONFLICT', () => checkMadeFor(intervals, stored))).message).to.match(
        /dep_1.*ask again/,
      );
  });
});
