import { expect } from 'chai';
import type { ManifestFeature, ManifestStep, TargetSpec } from '#contracts';
import { openArtifact, packArtifact, scoreRows } from '#scoring';
import { objectiveOf } from '../../../../../yarn-workers/ml/blueprints/objective.ts';
import { assemble, type FittedMember } from '../../../../../yarn-workers/ml/fit/assemble.ts';
import { compiledMembers } from '../../../../../yarn-workers/ml/fit/predict-partitions.ts';
import { randomFactorization } from '../../../prediction/scoring/random-factorization.ts';
import { randomLinear } from '../../../prediction/scoring/random-linear.ts';
import { randomNetwork } from '../../../prediction/scoring/random-network.ts';
import { manifestOf, sha256 } from '../../../prediction/scoring/sample-artifact.ts';
import { randomGenerator } from '../../../prediction/scoring/support.ts';

const TARGET: TargetSpec = { name: 'y', targetType: 'regression', classes: [], positiveClass: null };

const FEATURES = ['a', 'b', 'c', 'd'].map((name) => ({
  manifest: { name, type: 'numeric', parse: { kind: 'number', nullMarkers: [] } } satisfies ManifestFeature,
  request: { name, view: 'number' } as const,
}));

const STEPS = FEATURES.map((_, feature): ManifestStep => ({ kind: 'numeric', feature }));

describe('assembled models', () => {
  it('score from the arrays in memory as from the artefact, whatever members are', () => {
    const random = randomGenerator(600);
    const members: FittedMember[] = [
      { steps: STEPS, model: { network: randomNetwork(random, { columnCount: 4, outputCount: 1, unitCount: 6 }) } },
      { steps: STEPS.toReversed(), model: { linear: randomLinear(random, 4, 1) } },
      { steps: STEPS, model: { factorization: randomFactorization(random, 4, 1, 2) }, votes: 3 },
      {
        steps: STEPS.slice(1),
        model: { network: randomNetwork(random, { columnCount: 3, outputCount: 1, unitCount: 2 }) },
      },
    ];
    const { content, models } = assemble(TARGET, objectiveOf(TARGET, 'rmse'), FEATURES, members, []);
    expect(content.steps).to.have.length(4);
    expect(content.members.map(({ weight, model }) => [weight, model.kind])).to.deep.equal([
      [1 / 6, 'network'],
      [1 / 6, 'linear'],
      [3 / 6, 'factorization-machine'],
      [1 / 6, 'network'],
    ]);
    const packed = packArtifact(content, models, sha256);
    const scorer = openArtifact(manifestOf(packed), packed.blob, sha256);
    const compiled = compiledMembers({ content: packed.content, models });
    const values = Float64Array.from({ length: 80 }, () => random.integer(9) - 2);
    const matrix = { rowCount: 20, columnCount: 4, values };
    const expected = new Float64Array(20);
    scorer.scoreMatrix(matrix, 0, 20, expected);
    const sums = new Float64Array(20);
    const own = new Float64Array(20);
    for (const [index, { weight, model }] of compiled.entries()) {
      scoreRows(model, matrix, 0, 20, own);
      for (const [row, raw] of own.entries())
        sums[row] = index === 0 ? weight * raw : (sums[row] ?? NaN) + weight * raw;
    }
    expect(sums).to.deep.equal(expected);
  });
});
