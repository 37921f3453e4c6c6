import { expect } from 'chai';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createOneAtATime } from '../../../../../../prediction/server/http/pieces/one-at-a-time.ts';

describe('prediction server: large bodies one at a time', () => {
  it('does work in the order in which it was asked for, one at a time, whatever becomes of it', async () => {
    const oneAtATime = createOneAtATime();
    const log: string[] = [];
    const work = (name: string, fails = false) =>
      oneAtATime(async () => {
        log.push(`${name} begins`);
        await nextTurn();
        log.push(`${name} ends`);
        if (fails) throw new Error(name);
        return name;
      });
    const outcomes = await Promise.allSettled([work('a'), work('b', true), work('c')]);
    expect(log).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends', 'c begins', 'c ends']);
    expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
  });
});
