import { expect } from 'chai';
import type { ManifestMember } from '#contracts';
import { openArtifact, packArtifact, type Scorer } from '#scoring';
import { manifestOf, sampleContent, sampleModels, sha256 } from '../sample-artifact.ts';
import { randomGenerator, type RandomGenerator } from '../support.ts';

/** Of the sum of all magnitudes. */
const TOLERANCE = 1e-12;
const ROWS = 2_000;

/** The sample artefact with some of its members, whose weights are as they are or 1. */
function opened(keeps: (member: ManifestMember, index: number) => boolean, weight?: number): Scorer {
  const whole = sampleContent();
  const members = whole.members.filter(keeps).map((member) => ({ ...member, weight: weight ?? member.weight }));
  const prefixes = members.flatMap(({ model }) => (model.kind === 'constant' ? [] : [model.prefix]));
  const models = new Map([...sampleModels(randomGenerator(4))].filter(([prefix]) => prefixes.includes(prefix)));
  const packed = packArtifact({ ...whole, members }, models, sha256);
  return openArtifact(manifestOf(packed), packed.blob, sha256);
}

function randomRow(random: RandomGenerator): Record<string, unknown> {
  const number = (): number | null =>
    random.pick([null, 0, -0, 1, -11, 19.5, 20, 1e300, -1e300, random.next() * 60 - 10]);
  const row: Record<string, unknown> = {
    age: number(),
    code: random.pick(['7', '0', '1e21', 'x', '-999', 'y', null]),
    flag: random.pick([true, false, null]),
    when: random.pick(['2020-02-29', '1969-12-31T23:59:59.5Z', null]),
    constructor: number(),
  };
  Object.defineProperty(row, '__proto__', { value: random.pick(['a', 'b', ' 7', 'c', null]), enumerable: true });
  return row;
}

const sumOf = (values: Iterable<number>): number => [...values].reduce((sum, value) => sum + value, 0);

describe('explanations of ensembles', () => {
  it('sum up to the raw score, of trees, constant, linear and network members together', () => {
    const scorer = opened(() => true);
    const { features, baseValues } = scorer.explainer();
    expect(features).to.deep.equal(scorer.inputFeatures);
    const out = scorer.createPrediction(true);
    const random = randomGenerator(12);
    const seen = features.map(() => 0);
    for (let i = 0; i < ROWS; i += 1) {
      scorer.scoreRow(randomRow(random), out);
      const parts = [baseValues[0] ?? NaN, ...(out.contributions ?? [])];
      const size = sumOf(parts.map(Math.abs));
      expect(sumOf(parts)).to.be.closeTo(out.rawScores[0] ?? NaN, TOLERANCE * size);
      for (const [place, value] of parts.slice(1).entries()) seen[place] = Math.max(seen[place] ?? 0, Math.abs(value));
    }
    for (const [place, most] of seen.entries()) expect(most, features[place]).to.be.greaterThan(0.01);
  });

  it('are what members say one by one, by their weights', () => {
    const scorer = opened(() => true);
    const { features, baseValues } = scorer.explainer();
    const members = scorer.manifest.content.members.map(({ weight }, index) => ({
      weight,
      scorer: opened((_, place) => place === index, 1),
    }));
    const out = scorer.createPrediction(true);
    expect(baseValues[0]).to.be.closeTo(
      sumOf(members.map((member) => member.weight * (member.scorer.explainer().baseValues[0] ?? NaN))),
      1e-14,
    );
    const random = randomGenerator(13);
    for (let i = 0; i < 50; i += 1) {
      const row = randomRow(random);
      scorer.scoreRow(row, out);
      const expected = new Map(features.map((feature) => [feature, 0]));
      for (const member of members) {
        const own = member.scorer.createPrediction(true);
        member.scorer.scoreRow(row, own);
        for (const [place, feature] of member.scorer.explainer().features.entries())
          expected.set(feature, (expected.get(feature) ?? NaN) + member.weight * (own.contributions?.[place] ?? NaN));
      }
      for (const [place, feature] of features.entries())
        expect(out.contributions?.[place], feature).to.be.closeTo(expected.get(feature) ?? NaN, 1e-13);
    }
  });
});
