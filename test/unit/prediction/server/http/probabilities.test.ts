import { expect } from 'chai';
import { appErrorOf } from '../../../../support/expect-error.ts';
import {
  checkProbabilities,
  mostLikely,
  probabilitiesAsked,
} from '../../../../../prediction/server/http/probabilities.ts';

describe('prediction server: probabilities of many classes', () => {
  it('names the most likely classes, of equal ones the first', () => {
    const probabilities = Float64Array.of(0.1, 0.3, 0.05, 0.3, 0.25);
    expect(mostLikely({ probabilities }, 1)).to.deep.equal([1]);
    expect(mostLikely({ probabilities }, 3)).to.deep.equal([1, 3, 4]);
    expect(mostLikely({ probabilities }, 10)).to.deep.equal([1, 3, 4, 0, 2]);
    expect(mostLikely({ probabilities: new Float64Array(0) }, 3)).to.deep.equal([]);
  });

  it('reads a number from the query', async () => {
    expect(probabilitiesAsked('explanations=3')).to.equal(0);
    expect(probabilitiesAsked('probabilities=5')).to.equal(5);
    for (const query of ['probabilities=0', 'probabilities=1001', 'probabilities=1&probabilities=2'])
      expect((await appErrorOf('VALIDATION_FAILED', () => probabilitiesAsked(query))).message, query).to.match(
        /probabilities must be one whole number from 1 to 1000; found/,
      );
  });

  it('bounds an answer, and says how to have it', async () => {
    checkProbabilities(1_000, 1_000, 0, 'json');
    checkProbabilities(1_000, 100_000, 10, 'json');
    checkProbabilities(0, 100_000, 0, 'csv');
    const tooMany = await appErrorOf('TOO_MANY_ROWS', () => checkProbabilities(1_000, 1_001, 0, 'json'));
    expect(tooMany.message).to.include('send at most 1000 rows').and.include('?probabilities=');
    const csv = await appErrorOf('VALIDATION_FAILED', () => checkProbabilities(3, 1, 2, 'csv'));
    expect(csv.message).to.include('JSON answers only');
  });
});
