import { expect } from 'chai';
import { parse, planParts, TablePart, type PlannedPart, type StoredTable } from '#contracts';
import { randomNumbers } from '../../../support/sample-data.ts';

const tableOf = (rowCounts: readonly number[], isText = false): StoredTable => ({
  rowCount: rowCounts.reduce((sum, rowCount) => sum + rowCount, 0),
  columns: [],
  files: [],
  inPlaceFiles: rowCounts.map((rowCount, index) => ({ path: `/t/${index}`, sizeBytes: 1, modifiedAt: 0, rowCount })),
  ...(isText ? { inPlaceText: { delimiter: ',', header: true } } : {}),
});

/** Rows of the table that a part has, [from, to). */
const rowsOf = ({ part }: PlannedPart): [from: number, to: number] => [
  part.rowsBefore + part.from,
  part.rowsBefore + part.to,
];

const LIMITS = { rowCells: 10, cellsMin: 1_000, countMax: 8 };

describe('parts of a table', () => {
  it('have each row once, in order, with just the files that have their rows', () => {
    const random = randomNumbers(3);
    for (let round = 0; round < 300; round += 1) {
      const rowCounts = Array.from({ length: 1 + Math.floor(random() * 12) }, () =>
        random() < 0.2 ? 0 : Math.floor(random() ** 3 * 2_000),
      );
      const isText = random() < 0.5;
      const table = tableOf(rowCounts, isText);
      const limits = {
        rowCells: 1 + Math.floor(random() * 20),
        cellsMin: 2_000,
        countMax: 2 + Math.floor(random() * 30),
      };
      const parts = planParts(table, limits);
      if (parts.length === 0) continue;
      const starts = new Set(rowCounts.map((_, index) => tableOf(rowCounts.slice(0, index)).rowCount));
      let row = 0;
      for (const [index, planned] of parts.entries()) {
        parse(TablePart, planned.part, 'part');
        expect(planned.part).to.include({ index, count: parts.length });
        const [from, to] = rowsOf(planned);
        expect(from).to.equal(row);
        expect(to).to.be.greaterThan(from);
        row = to;
        if (isText) expect(starts.has(from), 'text is cut between files').to.be.true;
        const files = planned.table.inPlaceFiles ?? [];
        expect(planned.table.rowCount).to.equal(files.reduce((sum, file) => sum + file.rowCount, 0));
        expect(planned.part.from).to.be.lessThan(files[0]?.rowCount ?? 0);
        expect(planned.part.to).to.be.greaterThan(planned.table.rowCount - (files.at(-1)?.rowCount ?? 0));
        expect(planned.part.to).to.be.at.most(planned.table.rowCount);
      }
      expect(row).to.equal(table.rowCount);
      expect(parts.length).to.be.within(2, limits.countMax);
    }
  });

  it('are as many as the cells make worth it, and not more than there may be', () => {
    const countOf = (rows: number, limits = LIMITS): number => planParts(tableOf([rows]), limits).length;
    expect(countOf(100)).to.equal(0);
    expect(countOf(199)).to.equal(0);
    expect(countOf(200)).to.equal(2);
    expect(countOf(500)).to.equal(5);
    expect(countOf(1e9)).to.equal(LIMITS.countMax);
    expect(countOf(500, { ...LIMITS, rowCells: 4 })).to.equal(2);
    expect(planParts({ rowCount: 1e6, columns: [], files: [] }, LIMITS), 'a snapshot').to.deep.equal([]);
    expect(planParts(tableOf([]), LIMITS)).to.deep.equal([]);
  });

  it('end where files do if that is near, else about equal', () => {
    expect(planParts(tableOf([110, 190]), LIMITS).map(rowsOf)).to.deep.equal([
      [0, 110],
      [110, 200],
      [200, 300],
    ]);
    expect(planParts(tableOf([150, 150], true), LIMITS).map(rowsOf), 'text').to.deep.equal([
      [0, 150],
      [150, 300],
    ]);
    expect(planParts(tableOf([10_000], true), LIMITS), 'one file of text').to.deep.equal([]);
  });
});
