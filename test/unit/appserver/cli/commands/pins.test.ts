import { expect } from 'chai';
import { pinsOf } from '../../../../../appserver/cli/commands/pins.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';

describe('trainyard autopilot run --pin', () => {
  it('reads parameters of all blueprints and of one, as numbers, truth values and texts', () => {
    expect(
      pinsOf(['learningRate=0.05', 'lightgbm-slow.leaves=8', 'lightgbm-slow.extraTrees=true', 'categories=both']),
    ).to.deep.equal({
      learningRate: 0.05,
      'lightgbm-slow': { leaves: 8, extraTrees: true },
      categories: 'both',
    });
  });

  it('names a word that is none', async () => {
    for (const word of ['leaves', 'leaves=', '=8', 'a.b.c=1']) {
      const err = await appErrorOf('BAD_REQUEST', () => pinsOf([word]));
      expect(err.message).to.include(JSON.stringify(word)).and.include('blueprint.parameter=value');
    }
  });
});
