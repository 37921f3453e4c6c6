import { expect } from 'chai';
import type { Manifest } from '#contracts';
import { artefactAnswer } from '../../../../../appserver/server/verification/report-answer.ts';
import { sampleArtifact } from '../../../prediction/scoring/sample-artifact.ts';
import { randomGenerator } from '../../../prediction/scoring/support.ts';

describe('what a report reads in a manifest', () => {
  const { manifest } = sampleArtifact(randomGenerator(1));
  const answerOf = (content: Partial<Manifest['content']>) =>
    artefactAnswer({ ...manifest, content: { ...manifest.content, ...content } });

  it('names every feature that a step reads, each once', () => {
    const { steps } = answerOf({
      steps: [
        { kind: 'numeric', feature: 0 },
        { kind: 'date-difference', feature: 5, minus: 6 },
        { kind: 'place-directions', feature: 0, longitude: 2, width: 0.5 },
        { kind: 'numeric', feature: 2 },
      ],
    });
    expect(steps).to.deep.equal([
      { kind: 'numeric', count: 2, features: ['age', 'unused'] },
      { kind: 'date-difference', count: 1, features: ['when', 'constructor'] },
      { kind: 'place-directions', count: 1, features: ['age', 'unused'] },
    ]);
  });

  it('counts the trees of all members that have some', () => {
    const shape = { prefix: 'm', outputCount: 1, treeCount: 7, averageOutput: false };
    const { members } = answerOf({
      members: [
        { weight: 0.5, steps: [0], model: { kind: 'trees', ...shape } },
        { weight: 0.5, steps: [0], model: { kind: 'linear-trees', ...shape } },
        { weight: 0.5, steps: [], model: { kind: 'constant', scores: [1] } },
      ] as unknown as Manifest['content']['members'], // sections of arrays are left out
    });
    expect(members.map(({ kind, treeCount }) => [kind, treeCount])).to.deep.equal([
      ['trees', 7],
      ['linear-trees', 7],
      ['constant', null],
    ]);
  });
});
