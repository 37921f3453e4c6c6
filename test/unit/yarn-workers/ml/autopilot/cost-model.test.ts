import { expect } from 'chai';
import { fitMsEstimator } from '../../../../../yarn-workers/ml/autopilot/cost-model.ts';

describe('ml autopilot cost model', () => {
  it('expects of trees what trees took, and of linear models what those took', () => {
    const candidate = (blueprintId: string, parameters = {}) => ({ blueprintId, parameters });
    const measured = (blueprintId: string, fitMs: number, parameters = {}) => ({
      ...candidate(blueprintId, parameters),
      result: { key: blueprintId, modelId: 'm', state: 'succeeded' as const, score: 1, iterations: 1, fitMs },
    });
    expect(fitMsEstimator({ features: [] }, [measured('baseline', 5)])(candidate('linear'))).to.equal(null);
    const estimate = (known: ReturnType<typeof measured>[], ...ids: string[]) =>
      ids.map((id) => fitMsEstimator({ features: [] }, known)(candidate(id)));
    const fast = [measured('baseline', 5), measured('lightgbm-fast', 1_000)];
    expect(estimate(fast, 'lightgbm-default', 'linear')).to.deep.equal([2_200, 1_100]);
    const both = [measured('lightgbm-fast', 1_000), measured('linear', 11_000)];
    expect(estimate(both, 'lightgbm-default', 'linear-splines')).to.deep.equal([2_200, 19_000]);
    // Half the learning rate takes twice the iterations, four times the leaves twice the time of each.
    const slower = candidate('lightgbm-default', { learningRate: 0.05, leaves: 124 });
    expect(fitMsEstimator({ features: [] }, [measured('lightgbm-default', 1_000)])(slower)).to.equal(4_000);
    expect(estimate([measured('lightgbm-default', 4_000, slower.parameters)], 'lightgbm-default')).to.deep.equal([
      1_000,
    ]);
    // Terms of texts are a kind of their own, and their scores cost every boosted model as much.
    const texts = { features: [{ name: 'note', type: 'text' as const, uniqueCount: 9 }] };
    const withTexts = fitMsEstimator(texts, [measured('lightgbm-fast', 4_000), measured('linear', 11_000)]);
    expect([withTexts(candidate('lightgbm-slow')), withTexts(candidate('linear'))]).to.deep.equal([8_800, 11_000]);
    const terms = fitMsEstimator(texts, [measured('linear-text', 36_000), measured('linear', 11_000)]);
    expect([terms(candidate('linear-text')), terms(candidate('linear'))]).to.deep.equal([36_000, 11_000]);
  });
});
