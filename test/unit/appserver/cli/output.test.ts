import { expect } from 'chai';
import { cell, createOutput, table } from '#cli';

function streams(isTTY: boolean) {
  const written = { out: '', err: '' };
  return {
    written,
    out: { write: (text: string) => (written.out += text) },
    err: { write: (text: string) => (written.err += text), isTTY, columns: 60 },
  };
}

describe('command line output', () => {
  it('is a table for people, numbers to the right', () => {
    const text = table(
      ['name', 'auc'],
      [
        ['gbm', '0.92'],
        ['baseline', '0.5'],
      ],
    );
    expect(text.split('\n')).to.deep.equal(['name       auc', '--------  ----', 'gbm       0.92', 'baseline   0.5']);
  });

  it('shows terminal codes in names escaped', () => {
    expect(cell('a\u001b[31mred\u0007')).to.equal('a\\x1b[31mred\\x07');
    expect([cell(null), cell(0.123456789), cell(3), cell({ a: 1 })]).to.deep.equal(['-', '0.123457', '3', '{"a":1}']);
  });

  it('is JSON alone with --json: no notes, no bars', () => {
    const { written, ...to } = streams(true);
    const output = createOutput(to, true);
    output.note('remark');
    output.progress('x').update(0.5, 'half');
    output.result({ a: [1] }, () => 'people');
    expect(JSON.parse(written.out)).to.deep.equal({ a: [1] });
    expect(written.err).to.equal('');
  });

  it('draws a bar on a terminal and never more than its width', () => {
    const { written, ...to } = streams(true);
    const bar = createOutput(to, false).progress('modelling');
    bar.update(0.5, 'x'.repeat(500));
    bar.end('done');
    const first = written.err.split('\r')[1] ?? '';
    expect(first.replace('\u001b[2K', '').length).to.equal(59);
    expect(first)
      .to.contain('█'.repeat(12) + '░'.repeat(12))
      .and.contain(' 50%');
    expect(written.err).to.match(/100% done\n$/);
  });

  it('writes a line per change elsewhere', () => {
    const { written, ...to } = streams(false);
    const bar = createOutput(to, false).progress('reading');
    for (const text of ['profile', 'profile', 'writing']) bar.update(0.1, text);
    bar.end('succeeded');
    expect(written.err).to.equal('reading: profile\nreading: writing\nreading: succeeded\n');
  });
});
