import { expect } from 'chai';
import { adultDataset, BUDGET_TOLERANCE_SECONDS, measureBudget } from '../support/budget.ts';
import { sharedPlatform } from '../support/platform.ts';

/** Takes a minute, so it is not among the tests of every day. */
describe('time budget of a minute, for real', function () {
  this.timeout(120_000);

  it('has a servable recommended model 60 s after the accepted POST', async () => {
    const platform = await sharedPlatform();
    const { seconds, board, reason } = await measureBudget(platform, await adultDataset(platform), 60);
    expect(seconds).to.be.at.most(60 + BUDGET_TOLERANCE_SECONDS);
    expect(reason).to.include('refitted on all 32561 rows');
    const best = board.data[0]?.scores;
    expect((best?.crossValidation ?? best?.validation)?.['auc']).to.be.greaterThan(0.92);
  });
});
