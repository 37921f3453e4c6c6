import { expect } from 'chai';
import { kebab, parseArguments } from '../../../../appserver/cli/arguments.ts';

const SPECS = {
  timeBudget: { kind: 'integer', description: 'x' },
  fraction: { kind: 'number', description: 'x' },
  exclude: { kind: 'list', description: 'x' },
  output: { kind: 'text', description: 'x', short: 'o' },
  wait: { kind: 'switch', description: 'x' },
} as const;

describe('command line arguments', () => {
  it('are typed by their flags', () => {
    const { flags, words } = parseArguments(
      ['--time-budget', '60', '--exclude=a,b', '-o', 'f.csv', '--wait', 'word'],
      SPECS,
      1,
    );
    expect(flags).to.deep.equal({
      timeBudget: 60,
      fraction: undefined,
      exclude: ['a', 'b'],
      output: 'f.csv',
      wait: true,
    });
    expect(words).to.deep.equal(['word']);
  });

  it('that cannot be read are refused by name', () => {
    const refused: [string[], string][] = [
      [['--time-budget', '1.5'], '--time-budget must be a whole number; found "1.5"'],
      [['--fraction', 'half'], '--fraction must be a number; found "half"'],
      [['--nonsense'], "Unknown option '--nonsense'"],
      [['--output'], "Option '-o, --output <value>' argument missing"],
      [['one', 'two'], 'unexpected argument "two"'],
    ];
    for (const [argv, message] of refused) expect(() => parseArguments(argv, SPECS, 1)).to.throw(message);
  });

  it('are spelled with dashes', () => {
    expect(kebab('nullMarkers')).to.equal('null-markers');
  });
});
