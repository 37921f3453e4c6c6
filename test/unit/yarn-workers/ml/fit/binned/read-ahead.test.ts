import { expect } from 'chai';
import { readAhead } from '../../../../../../yarn-workers/ml/fit/binned/read-ahead.ts';

/** Reads that are done when it is said, and how many are on their way. */
function reads() {
  const asked: { index: number; done: (value: number) => void; fail: (err: unknown) => void }[] = [];
  return {
    asked,
    read: (index: number): Promise<number> =>
      new Promise<number>((done, fail) => {
        asked.push({ index, done, fail });
      }),
  };
}

describe('fit: reading ahead', () => {
  it('gives what is read in order, whichever is there first, with so many on their way and no more', async () => {
    const { asked, read } = reads();
    const rows = readAhead(5, 2, read);
    const first = rows.next();
    expect(asked.map(({ index }) => index)).to.deep.equal([0, 1, 2]);
    for (const place of [2, 1, 0]) asked[place]?.done(10 * place);
    expect((await first).value).to.equal(0);
    expect(asked.map(({ index }) => index)).to.deep.equal([0, 1, 2, 3]);
    for (const value of [10, 20]) expect((await rows.next()).value).to.equal(value);
    expect(asked).to.have.length(5);
    for (const place of [3, 4]) asked[place]?.done(10 * place);
    for (const value of [30, 40]) expect((await rows.next()).value).to.equal(value);
    expect((await rows.next()).done).to.equal(true);
  });

  it('reads nothing of nothing, and one of one', async () => {
    const asked: number[] = [];
    const read = async (index: number): Promise<number> => asked.push(index);
    expect(await Array.fromAsync(readAhead(0, 3, read))).to.deep.equal([]);
    expect(await Array.fromAsync(readAhead(1, 3, read))).to.deep.equal([1]);
    expect(asked).to.deep.equal([0]);
  });

  it('fails where a read fails, when the others have ended, and those that failed too are nobody’s', async () => {
    const { asked, read } = reads();
    const rows = readAhead(3, 2, read);
    const first = rows.next().catch((err: unknown) => String(err));
    asked[0]?.fail(new Error('gone'));
    asked[1]?.fail(new Error('gone, too'));
    asked[2]?.done(2);
    expect(await first).to.equal('Error: gone');
    expect((await rows.next()).done).to.equal(true);
  });

  it('waits for what is on its way where nobody wants more', async () => {
    const { asked, read } = reads();
    let isOver = false;
    const over = (async () => {
      for await (const value of readAhead(9, 2, read)) if (value === 0) break;
      isOver = true;
    })();
    asked[0]?.done(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(isOver).to.equal(false);
    for (const { done } of asked.slice(1)) done(1);
    await over;
    expect(asked.length).to.be.at.most(4);
  });
});
