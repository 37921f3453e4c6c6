import { expect } from 'chai';
import { adultDataset, BUDGET_TOLERANCE_SECONDS, measureBudget } from '../support/budget.ts';
import { sharedPlatform, type SharedPlatform } from '../support/platform.ts';

describe('time budget, for real', function () {
  this.timeout(90_000);
  let platform: SharedPlatform;
  let datasetId = '';

  before(async () => {
    platform = await sharedPlatform();
    datasetId = await adultDataset(platform);
  });

  for (const budgetSeconds of [5, 20]) {
    it(`has a servable recommended model ${budgetSeconds} s after the accepted POST`, async () => {
      const { seconds, board } = await measureBudget(platform, datasetId, budgetSeconds);
      expect(seconds).to.be.at.most(budgetSeconds + BUDGET_TOLERANCE_SECONDS);
      expect(board.data.length).to.be.at.least(2);
      // Something was learnt, whatever was cut short.
      const best = board.data[0]?.scores;
      expect((best?.crossValidation ?? best?.validation)?.['auc']).to.be.greaterThan(0.85);
    });
  }
});
