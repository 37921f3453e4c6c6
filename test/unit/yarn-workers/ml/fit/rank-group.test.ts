import { expect } from 'chai';
import type { RankGroup } from '#ml';
import { indicesWhere } from '#statistics';
import { appErrorOf } from '../../../../support/expect-error.ts';
import {
  checkAgreement,
  decidedByFirst,
  ownRows,
  shareRows,
  sumOverRanks,
} from '../../../../../yarn-workers/ml/fit/rank-group.ts';
import { stopBook } from '../../../../../yarn-workers/ml/fit/stops.ts';

/** Does the same on all ranks of a group; what they give must not follow from what they get. */
function onAll<Result>(size: number, action: (ranks: RankGroup) => Result): Result[] {
  const given: Uint8Array[][] = [];
  const run = (rank: number, exchange: (at: number, bytes: Uint8Array) => readonly Uint8Array[]): Result => {
    let at = 0;
    const allgather = (bytes: Uint8Array): readonly Uint8Array[] => exchange(at++, bytes);
    const gather = async (bytes: Uint8Array): Promise<readonly Uint8Array[]> => allgather(bytes);
    return action({ rank, size, allgather, gather, joined: (work) => work() });
  };
  const ranks = Array.from({ length: size }, (_, rank) => rank);
  for (const rank of ranks) {
    try {
      run(rank, (at, bytes) => {
        (given[at] ??= [])[rank] = bytes.slice();
        return ranks.map(() => bytes);
      });
    } catch {
      // What is wrong is thrown below, where all is known.
    }
  }
  return ranks.map((rank) => run(rank, (at) => given[at] ?? []));
}

describe('ml fit: ranks of a group', () => {
  it('deal the rows of each set in turn: each row has one rank, parts differ by one row at most', () => {
    const setOf = (row: number): number => (row % 7 === 0 ? -1 : row % 3);
    for (const size of [2, 3, 5]) {
      const parts = onAll(size, (ranks) => indicesWhere(1_000, ownRows(ranks, 1_000, setOf)));
      const all = parts.flatMap((part) => [...part]).sort((a, b) => a - b);
      expect(all).to.deep.equal([...indicesWhere(1_000, (row) => setOf(row) >= 0)]);
      for (const set of [0, 1, 2]) {
        const counts = parts.map((part) => part.filter((row) => setOf(row) === set).length);
        expect(Math.max(...counts) - Math.min(...counts)).to.be.at.most(1);
      }
    }
    expect(ownRows(null, 5, setOf)(0), 'of one process every row').to.equal(true);
  });

  it('sum in rank order, so that all have the same to the last bit', () => {
    const parts = [1e16, 1, -1e16];
    const sums = onAll(3, (ranks) => {
      const values = Float64Array.of(parts[ranks.rank] ?? NaN, ranks.rank);
      sumOverRanks(ranks, values);
      return [...values];
    });
    expect(sums).to.deep.equal(Array.from({ length: 3 }, () => [1e16 + 1 - 1e16, 3]));
  });

  it('do what the clock of the first one says', () => {
    expect(onAll(3, (ranks) => decidedByFirst(ranks, ranks.rank + 4))).to.deep.equal([4, 4, 4]);
    const ends = (late: number) =>
      onAll(2, (ranks) => stopBook(null, ranks).ends('boost-0', 7, () => ranks.rank === late));
    expect(ends(0), 'late is the first').to.deep.equal([true, true]);
    expect(ends(1), 'late is another').to.deep.equal([false, false]);
    const decided = onAll(2, (ranks) => stopBook(null, ranks).decided('terms', () => (ranks.rank === 0 ? null : 5)));
    expect(decided).to.deep.equal([null, null]);
    expect(onAll(2, (ranks) => stopBook(null, ranks).decided('terms', () => 5 + ranks.rank))).to.deep.equal([5, 5]);
  });

  it('find out that one of them has something else', async () => {
    expect(() => onAll(3, (ranks) => checkAgreement(ranks, 'bins', 'same'))).to.not.throw();
    const found = await appErrorOf('INTERNAL', () =>
      onAll(3, (ranks) => checkAgreement(ranks, 'bins', ranks.rank === 2 ? 'b0' : 'a0')),
    );
    expect(found.message).to.equal('bins: rank 0 has a0, rank 2 has b0');
  });

  it('fill in what the others have of rows that are spread', () => {
    // More than one exchange, and a rest that not all ranks have.
    const count = 200_003;
    const places = Uint32Array.from({ length: count }, (_, ordinal) => 2 * ordinal + 1);
    const filled = onAll(2, (ranks) => {
      const values = new Float64Array(2 * (2 * count + 1));
      for (const [ordinal, place] of places.entries())
        if (ordinal % 2 === ranks.rank) values.set([ordinal, -ordinal], 2 * place);
      shareRows(ranks, places.values(), count, values, 2);
      return values;
    });
    for (const values of filled) {
      const wrong = places.findIndex(
        (place, ordinal) => values[2 * place] !== ordinal || values[2 * place + 1] !== -ordinal,
      );
      expect(wrong).to.equal(-1);
      expect(values[0], 'of no row of the set').to.equal(0);
    }
    expect(onAll(3, (ranks) => shareRows(ranks, [].values(), 0, new Float64Array(0), 1))).to.have.length(3);
  });
});
