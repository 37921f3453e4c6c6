import { expect } from 'chai';
import type { InsightOf, TargetSpec } from '#contracts';
import { heldBackLevels } from '../../../../../appserver/server/monitoring/held-back.ts';

type Segment = InsightOf<'segments'>['features'][number]['segments'][number];
const segment = (kind: Segment['kind'], level: string | null, meanPredicted: number[]): Segment => ({
  ...{ kind, level, from: null, to: null, rowCount: 70, weight: 70, meanActual: [], meanPredicted },
  ...{ score: 0.4, gain: null, noise: null, pValue: null, rates: null },
});
const INSIGHT: InsightOf<'segments'> = {
  ...{
    kind: 'segments',
    metric: 'logLoss',
    score: 0.5,
    threshold: 0.5,
    outputs: ['yes'],
    columnCount: 1,
    testedCount: 0,
  },
  notable: [],
  features: [
    {
      ...{ feature: 'country', isModelled: true, disparities: null },
      segments: [segment('level', 'DE', [0.25]), segment('others', null, [0.5]), segment('missing', null, [0.75])],
    },
  ],
};
const target = (targetType: TargetSpec['targetType'], positiveClass: number | null): TargetSpec => ({
  ...{ name: 'y', targetType, classes: [], positiveClass },
});
const of = (asked: TargetSpec, feature = 'country') =>
  [...heldBackLevels(INSIGHT, feature, asked)].map(([key, { meanPredicted }]) => [key, meanPredicted]);

describe('held-back training rows of the levels of a feature', () => {
  it('are those of the levels and of missing values, as probabilities of the second class', () => {
    expect(of(target('binary', 1))).to.deep.equal([['=DE', 0.25], ['missing', 0.75]]); // prettier-ignore
    expect(of(target('binary', 0))).to.deep.equal([['=DE', 0.75], ['missing', 0.25]]); // prettier-ignore
    expect(of(target('regression', null))[0]).to.deep.equal(['=DE', 0.25]);
    expect(heldBackLevels(INSIGHT, 'country', target('binary', 1)).get('=DE')).to.deep.include({
      ...{ rowCount: 70, score: 0.4 },
    });
  });

  it('have no mean of many classes, and are none of a feature without segments', () => {
    expect(of(target('multiclass', null))[0]).to.deep.equal(['=DE', null]);
    expect(of(target('binary', 1), 'shop')).to.deep.equal([]);
  });
});
