import { expect } from 'chai';
import { createTurnGate } from '../../../../../prediction/server/http/waiting.ts';

describe('prediction server: requests that wait', () => {
  /** A gate whose turns end when the test says so. */
  const gateOf = (waitMsMax: number) => {
    const ends: (() => void)[] = [];
    const isInTime = createTurnGate(waitMsMax, (end) => ends.push(end));
    return { isInTime, endTurn: () => ends.splice(0).forEach((end) => end()) };
  };

  it('are taken while a turn is short', () => {
    const { isInTime } = gateOf(10);
    for (let i = 0; i < 1_000; i += 1) expect(isInTime(100 + i / 100)).to.equal(true);
  });

  it('are refused once it has lasted too long, and taken again in the next', () => {
    const { isInTime, endTurn } = gateOf(10);
    for (let i = 0; i < 50; i += 1) isInTime(100);
    expect([isInTime(110), isInTime(110.1), isInTime(200)]).to.deep.equal([true, false, false]);
    endTurn();
    expect(isInTime(210)).to.equal(true);
    expect(isInTime(300), 'a pause before many have come is no overload').to.equal(true);
  });
});
