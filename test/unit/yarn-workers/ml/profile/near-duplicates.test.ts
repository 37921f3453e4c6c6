import { expect } from 'chai';
import { createRandom } from '#statistics';
import { dateRule, numberRule, textRule, type MemoryColumn } from '../../../../support/memory-table.ts';
import { profileOf } from '../../../../support/modelling-task.ts';

const column = (
  name: string,
  rowCount: number,
  cellOf: (row: number) => string | null,
  parse: MemoryColumn['parse'] = textRule,
): MemoryColumn => ({ name, cells: Array.from({ length: rowCount }, (_, row) => cellOf(row)), parse });

/** The warnings of near duplicates by feature. */
async function warned(table: readonly MemoryColumn[], batchRows = 500): Promise<Record<string, string>> {
  const { features } = await profileOf(table, batchRows);
  const found = features.flatMap(({ name, warnings }) =>
    warnings.filter(({ code }) => code === 'NEAR_DUPLICATE').map(({ message }) => [name, message] as const),
  );
  return Object.fromEntries(found);
}

describe('ml profile: near duplicates', () => {
  const rowCount = 6_000;
  const random = createRandom(4);
  const draw = Array.from({ length: rowCount }, () => random.uniform());
  const level = draw.map((value) => Math.floor(value * 12));
  const at = (values: readonly number[], row: number): number => values[row] ?? NaN;

  it('are numbers of one order, whatever their scale, dates among them', async () => {
    const table = [
      column('x', rowCount, (row) => String(at(draw, row)), numberRule),
      column('log', rowCount, (row) => String(7 - 3 * Math.log(at(draw, row) + 0.01)), numberRule),
      column('nearly', rowCount, (row) => String(at(draw, row) + random.uniform() / 100), numberRule),
      column('like', rowCount, (row) => String(at(draw, row) + random.uniform() / 4), numberRule),
      column('day', rowCount, (row) => new Date(at(draw, row) * 1e12).toISOString().slice(0, 10), dateRule),
    ];
    const found = await warned(table);
    expect(Object.keys(found)).to.deep.equal(['log', 'nearly', 'day']);
    expect(found['log']).to.match(/^It says nearly the same as "x": rank correlation (1|0\.99\d+) in \d+ rows\.$/);
    // Some 2,000 of the rows, the same ones however they are read.
    expect(Number(/in (\d+) rows/.exec(found['log'] ?? '')?.[1])).to.be.within(1_800, 2_200);
    expect(await warned(table, 77)).to.deep.equal(found);
  });

  it('are categories of other names, and numbers of few values that are codes of them', async () => {
    const found = await warned([
      column('level', rowCount, (row) => `level ${at(level, row)}`),
      column('code', rowCount, (row) => String((at(level, row) * 7) % 12), numberRule),
      column('half', rowCount, (row) => `half ${at(level, row) >> 1}`),
      column('missing too', rowCount, (row) => (at(level, row) === 3 ? null : `l${at(level, row)}`)),
      column('other', rowCount, () => `other ${random.below(12)}`),
    ]);
    expect(Object.keys(found)).to.deep.equal(['code', 'missing too']);
    expect(found['missing too']).to.contain('the same as "level": shared information 1 in');
  });

  it('are not rare flags, categories of many levels, ids, constants and small tables', async () => {
    const many = draw.map((value) => Math.floor(value * 1_500));
    const table = [
      column('rare', rowCount, (row) => (row % 400 === 1 ? 'yes' : 'no')),
      column('rare too', rowCount, (row) => (row % 400 === 2 ? 'yes' : 'no')),
      column('many', rowCount, (row) => `m${at(many, row)}`),
      column('many too', rowCount, (row) => `n${at(many, row)}`),
      column('id', rowCount, (row) => `id ${row}`),
      column('id too', rowCount, (row) => `key ${row}`),
      column('one', rowCount, () => 'a'),
      column('one too', rowCount, () => 'b'),
    ];
    expect(await warned(table)).to.deep.equal({});
    const small = (name: string) => column(name, 99, (row) => `level ${row % 5}`);
    expect(await warned([small('a'), small('b')])).to.deep.equal({});
    expect(
      Object.keys(await warned([0, 1].map((index) => column(`c${index}`, 100, (row) => `level ${row % 5}`)))),
    ).to.deep.equal(['c1']);
  });
});
