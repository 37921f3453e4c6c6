import { expect } from 'chai';
import { compareParity, measuredRows, parityRows, PARITY_BOUND, type MeasuredRow, type ParityRows } from '#export';
import { appErrorOf } from '../../../support/expect-error.ts';
import { portableOf } from '../../../support/export/fitted-model.ts';
import { hardModel } from '../../../support/export/hard-model.ts';

/** Holds that something is refused, in words that have these among them. */
async function expectRefusal(make: () => unknown, words: string): Promise<void> {
  expect((await appErrorOf('EXPORT_DIFFERS', make)).message).to.include(words);
}

const artifact = hardModel(5);
const { scorer } = artifact;
const rows: ParityRows = parityRows(portableOf(artifact), scorer, [[41, 'a', 1, '7', 'true', '2020-01-01', 3]]);

/** What the model itself predicts, with one row changed. */
function predicted(row = -1, change: (own: MeasuredRow) => MeasuredRow = (own) => own): MeasuredRow[] {
  const out = scorer.createPrediction();
  return rows.rows.map((cells, at) => {
    scorer.scoreRow(cells, out);
    const own = { prediction: String(out.prediction), probabilities: [...out.probabilities] };
    return at === row ? change(own) : own;
  });
}

const shifted =
  (by: number) =>
  ({ prediction, probabilities: [no = NaN, yes = NaN] }: MeasuredRow): MeasuredRow => ({
    prediction,
    probabilities: [no + by, yes],
  });

describe('parity of predictions', () => {
  it('is told in full where they are the same', () => {
    const facts = compareParity(scorer, rows, predicted());
    expect(facts).to.deep.equal({
      ...{ rowCount: rows.rows.length, dataRowCount: 1, valueCount: 2 * rows.rows.length },
      ...{
        equalCount: 2 * rows.rows.length,
        absoluteDifferenceMax: 0,
        relativeDifferenceMax: 0,
        labelDifferenceCount: 0,
      },
    });
    expect(rows.rows.length).to.be.greaterThan(150);
  });

  it('has its largest difference in it', () => {
    const facts = compareParity(scorer, rows, predicted(3, shifted(PARITY_BOUND / 2)));
    expect(facts.absoluteDifferenceMax).to.be.within(PARITY_BOUND / 2.1, PARITY_BOUND / 1.9);
    expect(facts.equalCount).to.equal(2 * rows.rows.length - 1);
  });

  it('refuses a difference above the bound, a missing number, another label, and too few rows', async () => {
    const refused = (measured: readonly MeasuredRow[], message: string): Promise<void> =>
      expectRefusal(() => compareParity(scorer, rows, measured), message);
    await refused(predicted(7, shifted(2 * PARITY_BOUND)), 'row 7: the home has predicted');
    await refused(predicted(7, shifted(NaN)), 'row 7: the home has predicted NaN');
    const other = (own: MeasuredRow) => ({ ...own, prediction: own.prediction === 'yes' ? 'no' : 'yes' });
    await refused(predicted(7, other), 'row 7: the home has predicted class');
    await refused(predicted().slice(1), `expected ${rows.rows.length}`);
  });

  it('compares the same rows whenever it is asked', () => {
    const again = parityRows(portableOf(hardModel(5)), scorer, [[41, 'a', 1, '7', 'true', '2020-01-01', 3]]);
    expect(again).to.deep.equal(rows);
  });
});

describe('what a home has measured', () => {
  const classes = ['no', 'yes'];
  const header = ['PARITY_ROW', 'p.prediction', 'probability_no', 'probability_yes', 'parity_engine'];
  const lines = [
    ['1', 'yes', '0.25', '0.75', 'engine 1'],
    ['0', 'no', '0.75', '', 'engine 1'],
  ];

  it('is read in any order of lines, whatever the case of names', () => {
    const { rows: found, engine } = measuredRows(header, lines, { classes }, 2);
    expect(found).to.deep.equal([
      { prediction: 'no', probabilities: [0.75, NaN] },
      { prediction: 'yes', probabilities: [0.25, 0.75] },
    ]);
    expect(engine).to.equal('engine 1');
  });

  it('is refused with rows missing, doubled or surplus, or other columns', async () => {
    const refused = (names: readonly string[], cells: readonly (readonly string[])[], count: number, message: string) =>
      expectRefusal(() => measuredRows(names, cells, { classes }, count), message);
    await refused(header, lines, 3, 'expected 3 rows; found 2');
    await refused(header, [...lines, ['1', 'yes', '0', '1', 'e']], 2, 'line 3: expected another row');
    await refused(header, [['2', 'yes', '0', '1', 'e']], 2, 'line 1: expected another row from 0 to 1; found 2');
    await refused(header, [['0', 'yes', '0', '1']], 1, 'line 1: expected 5 cells; found 4');
    await refused(header.slice(1), lines, 2, 'expected the columns parity_row');
  });
});
