import { expect } from 'chai';
import { checkExplanations } from '../../../../../prediction/server/http/explanations.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

describe('explanations of one request', () => {
  const features = Array.from({ length: 8 }, (_, index) => `f${index}`);
  const explainer = { features, baseValues: new Float64Array(50), explain: () => undefined };
  const scorer = { outputCount: 50, explainer: () => explainer };

  it('are bounded by the contributions that they name', async () => {
    checkExplanations(scorer, 500, 100);
    const { status, message } = await appErrorOf('TOO_MANY_ROWS', () => checkExplanations(scorer, 501, 100));
    expect([status, message]).to.deep.equal([
      413,
      '501 rows with 8 explanations of each of 50 classes name 200400 contributions, at most 200000; send at most 500 rows in one request, or ask for fewer',
    ]);
    checkExplanations(scorer, 1_333, 3);
    await appErrorOf('TOO_MANY_ROWS', () => checkExplanations(scorer, 1_334, 3));
  });
});
