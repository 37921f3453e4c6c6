import { expect } from 'chai';
import { isAppError, type Column, type ColumnBatch, type ColumnRequest } from '#contracts';
import {
  compileStep,
  compileTrees,
  featureDecoder,
  isOneFeature,
  openArtifact,
  packArtifact,
  columnCountOf,
  firstColumnsOf,
  stepColumns,
  type Scorer,
} from '#scoring';
import { manifestOf, sampleArtifact, sampleContent, sampleModels, sampleTrees, sha256 } from '../sample-artifact.ts';
import { randomGenerator, type RandomGenerator } from '../support.ts';

const CELLS: Readonly<Record<string, readonly (string | null)[]>> = {
  age: ['1', '40', ' 40.25\t', '007', '1e-36', '-0', 'inf', '1e999', 'NA', '-999', '-999.0', '', null, '20'],
  ['__proto__']: ['a', 'b', ' 7', '7', 'hasOwnProperty', 'toString', 'NA', '', null, '__proto__'],
  unused: ['anything', 'x'],
  code: [
    '7',
    '007',
    '7.0',
    ' 7',
    '0',
    '-0',
    '1e21',
    '1000000000000000000000',
    'x',
    'y',
    '-999',
    '-999.0',
    'NA',
    '',
    null,
  ],
  flag: ['true', 'TRUE', 'False', 'yes', 'NA', '', null],
  when: ['2020-02-29', '1969-12-31T23:59:59.5Z', '2026-11-23 10:00', '0001-01-01', 'NA', '', null],
  constructor: ['1', '2', '', null, '1e300'],
};
const NAMES = Object.keys(CELLS);

type Row = Map<string, string | null>;

function randomRow(random: RandomGenerator): Row {
  return new Map(NAMES.map((name) => [name, random.pick(CELLS[name] ?? [])]));
}

/** As JSON.parse makes it: `__proto__` is an own key. */
const objectOf = (row: Row): Record<string, unknown> =>
  // The cast holds: the text is a JSON object.
  JSON.parse(
    `{${[...row].map(([name, cell]) => `${JSON.stringify(name)}:${JSON.stringify(cell)}`).join(',')}}`,
  ) as Record<string, unknown>;

const cellsOf = (row: Row): unknown[] => NAMES.map((name) => row.get(name));

/** Batches as a reader makes them: one growing dictionary a column. */
function batches(rows: readonly Row[], requests: readonly ColumnRequest[], batchRows: number): ColumnBatch[] {
  const dictionaries = new Map(
    requests.map(({ name }) => [name, { texts: [] as string[], codes: new Map<string, number>() }]),
  );
  const made: ColumnBatch[] = [];
  for (let firstRow = 0; firstRow < rows.length; firstRow += batchRows) {
    const part = rows.slice(firstRow, firstRow + batchRows);
    const columns = requests.map(({ name, view }): Column => {
      const values = part.map((row) => row.get(name) ?? null);
      if (view !== 'dictionary') return { view: 'text', name, values };
      const dictionary = dictionaries.get(name);
      if (dictionary === undefined) throw new Error(name);
      const codes = Int32Array.from(values, (text) => {
        if (text === null) return -1;
        const known = dictionary.codes.get(text) ?? dictionary.texts.push(text) - 1;
        dictionary.codes.set(text, known);
        return known;
      });
      return { view: 'dictionary', name, codes, dictionary: dictionary.texts };
    });
    made.push({ firstRow, rowCount: part.length, columns });
  }
  return made;
}

function rawByRow(scorer: Scorer, rows: readonly (Record<string, unknown> | unknown[])[]): number[] {
  const out = scorer.createPrediction();
  return rows.map((row) => {
    scorer.scoreRow(row, out);
    return out.rawScores[0] ?? NaN;
  });
}

function rawByBatch(scorer: Scorer, made: readonly ColumnBatch[]): number[] {
  return made.flatMap((batch) => {
    const out = new Float64Array(batch.rowCount);
    scorer.scoreBatch(batch, out);
    return [...out];
  });
}

describe('Scorer', () => {
  const random = randomGenerator(11);
  const { manifest, blob } = sampleArtifact(random);
  const scorer = openArtifact(manifest, blob, sha256);
  const rows = Array.from({ length: 700 }, () => randomRow(random));
  const rowAt = (index: number): Row => rows[index] ?? new Map<string, string | null>();

  it('gives the same raw scores for JSON objects, cells, batches of any size and view', () => {
    const byObject = rawByRow(scorer, rows.map(objectOf));
    expect(new Set(byObject).size).to.be.greaterThan(300);
    expect(rawByRow(scorer, rows.map(cellsOf))).to.deep.equal(byObject);
    const shuffled = rows.map((row) => objectOf(new Map([...row].sort(() => random.next() - 0.5))));
    expect(rawByRow(scorer, shuffled)).to.deep.equal(byObject);
    const requests = scorer.columnRequests(NAMES.map((name) => ({ name })));
    expect(requests).to.deep.equal([
      { name: 'age', view: 'text' },
      { name: '__proto__', view: 'dictionary' },
      { name: 'code', view: 'dictionary' },
      { name: 'flag', view: 'dictionary' },
      { name: 'when', view: 'text' },
      { name: 'constructor', view: 'text' },
    ]);
    for (const batchRows of [1, 2, 255, 256, 257, 700]) {
      expect(rawByBatch(scorer, batches(rows, requests, batchRows)), `${batchRows} rows`).to.deep.equal(byObject);
    }
    for (const view of ['text', 'dictionary'] as const) {
      const all = requests.map(({ name }) => ({ name, view }));
      expect(rawByBatch(scorer, batches(rows, all, 100)), view).to.deep.equal(byObject);
    }
  });

  it('asks for numbers where the source parses by the same rule', () => {
    const source = manifest.content.features.map(({ name, parse }) => ({ name, parse }));
    const views = scorer.columnRequests(source).map(({ view }) => view);
    expect(views).to.deep.equal(['number', 'dictionary', 'dictionary', 'dictionary', 'number', 'number']);
    const other = scorer.columnRequests([{ name: 'age', parse: { kind: 'number', nullMarkers: [] } }]);
    expect(other).to.deep.equal([{ name: 'age', view: 'text' }]);
  });

  it('gives the same for a number view and for a matrix that the steps made', () => {
    const { features, steps } = manifest.content;
    const columnCount = columnCountOf(steps);
    expect(steps.flatMap((step) => stepColumns(step, features))).to.deep.equal(scorer.columns);
    const values = new Float64Array(rows.length * columnCount);
    const decoded = features.map((feature, index) => {
      if (feature.name === 'unused') return null;
      const [batch] = batches(
        rows,
        [{ name: feature.name, view: index % 2 === 0 ? 'text' : 'dictionary' }],
        rows.length,
      );
      const column = batch?.columns[0];
      if (column === undefined) throw new Error(feature.name);
      return featureDecoder(feature)(column, rows.length, 0);
    });
    const firstColumns = firstColumnsOf(steps);
    for (const [number, step] of steps.entries()) {
      const first = firstColumns[number] ?? 0;
      const input = decoded[step.feature];
      if (input !== null && input !== undefined && isOneFeature(step)) {
        const apply = compileStep(step);
        apply(input, 0, 100, values, columnCount, first, 0);
        apply(input, 100, rows.length, values, columnCount, first, 100);
      }
    }
    const byObject = rawByRow(scorer, rows.map(objectOf));
    const out = new Float64Array(600);
    scorer.scoreMatrix({ rowCount: rows.length, columnCount, values }, 50, 650, out);
    expect([...out]).to.deep.equal(byObject.slice(50, 650));
    const numberBatch: ColumnBatch = {
      firstRow: 0,
      rowCount: rows.length,
      columns: [
        ...decoded.flatMap((input, index): Column[] =>
          input?.kind === 'number' ? [{ view: 'number', name: features[index]?.name ?? '', values: input.values }] : [],
        ),
        ...(batches(rows, ['__proto__', 'code', 'flag'].map((name) => ({ name, view: 'dictionary' })), rows.length)[0]?.columns ?? []), // prettier-ignore
      ],
    };
    expect(rawByBatch(scorer, [numberBatch])).to.deep.equal(byObject);
  });

  it('takes JSON numbers and booleans as what their texts mean', () => {
    const [a, b] = rawByRow(scorer, [
      { age: 40.25, code: 7, flag: true, constructor: 2 },
      { age: '40.25', code: '7', flag: 'true', constructor: '2' },
    ]);
    expect(a).to.equal(b);
    const [c, d] = rawByRow(scorer, [
      { age: -999, code: -999, flag: null },
      { age: 'NA', code: 'NA', flag: 'NA' },
    ]);
    expect(c).to.equal(d);
  });

  it('counts and names missing and unknown columns', () => {
    const out = scorer.createPrediction();
    const row = { age: 1, extra: 2, y: 'yes', unused: 'not a number', code: null };
    scorer.scoreRow(row, out);
    expect([out.missingColumnCount, out.unknownColumnCount]).to.deep.equal([4, 2]);
    expect(scorer.columnDifferences(Object.keys(row))).to.deep.equal({
      missing: ['__proto__', 'flag', 'when', 'constructor'],
      unknown: ['extra', 'y'],
    });
    scorer.scoreRow(objectOf(rowAt(0)), out);
    expect([out.missingColumnCount, out.unknownColumnCount]).to.deep.equal([0, 0]);
    scorer.scoreRow({}, out);
    expect([out.missingColumnCount, out.unknownColumnCount]).to.deep.equal([6, 0]);
    const empty = out.rawScores[0];
    expect(rawByBatch(scorer, [{ firstRow: 0, rowCount: 3, columns: [] }])).to.deep.equal([empty, empty, empty]);
    expect(rawByRow(scorer, [[], [undefined, null, '', '', 'NA'], Object.create(null) as Record<string, unknown>])).to.deep.equal([empty, empty, empty]); // prettier-ignore
    expect(scorer.inputFeatures).to.deep.equal(['age', '__proto__', 'code', 'flag', 'when', 'constructor']);
  });

  it('does not take a prototype for a column', () => {
    const [polluted, plain] = rawByRow(scorer, [{ age: 1 }, JSON.parse('{"age":1,"__proto__":null,"constructor":null}') as Record<string, unknown>]); // prettier-ignore
    expect(polluted).to.equal(plain);
  });

  it('forgets the row before', () => {
    const full = objectOf(rowAt(3));
    const [alone] = rawByRow(scorer, [{ age: '20' }]);
    expect(rawByRow(scorer, [full, { age: '20' }, full, { age: '20' }])[3]).to.equal(alone);
  });

  const unreadable: readonly (readonly [string, unknown])[] = [
    ['age', 'forty'],
    ['age', true],
    ['age', {}],
    ['age', ['1']],
    ['code', { nested: 1 }],
    ['flag', []],
    ['when', '2023-02-30'],
    ['when', 5],
    ['constructor', 'NA'],
  ];
  for (const [column, cell] of unreadable) {
    it(`names row and column of ${JSON.stringify(cell)} in ${column}`, () => {
      const out = scorer.createPrediction();
      try {
        scorer.scoreRow({ age: 1, [column]: cell }, out, 3);
        expect.fail('was accepted');
      } catch (err) {
        if (!isAppError(err, 'CELL_UNREADABLE')) throw err;
        expect(err.message).to.include(`row 3, column "${column}"`);
        expect(err.errors[0]?.path).to.equal(`row 3, column "${column}"`);
        expect(err.details).to.deep.equal({ row: 3, column });
      }
    });
  }

  it('names the source row of an unreadable cell in a batch', () => {
    const text: Column = { view: 'text', name: 'age', values: ['1', '2', 'x'] };
    const dictionary: Column = {
      view: 'dictionary',
      name: 'age',
      codes: Int32Array.of(0, 0, 1),
      dictionary: ['1', 'x'],
    };
    for (const column of [text, dictionary]) {
      const score = (): void =>
        scorer.scoreBatch({ firstRow: 1000, rowCount: 3, columns: [column] }, new Float64Array(3));
      expect(score).to.throw('row 1002, column "age"');
      expect(score, 'again').to.throw('row 1002, column "age"');
    }
  });

  it('fills labels and probabilities', () => {
    const out = scorer.createPrediction();
    for (const row of rows.slice(0, 50)) {
      scorer.scoreRow(objectOf(row), out);
      const [no = NaN, yes = NaN] = out.probabilities;
      expect(no + yes).to.equal(1);
      expect(yes).to.equal(1 / (1 + Math.exp(-(out.rawScores[0] ?? NaN))));
      expect(out.prediction).to.equal(yes >= 0.5 ? 'yes' : 'no');
    }
  });

  it('gives a single member of weight 1 its own raw scores, and blends in member order', () => {
    const content = sampleContent();
    const trees = sampleTrees(randomGenerator(11));
    const models = sampleModels(randomGenerator(11));
    const rawOf = (members: typeof content.members): number[] => {
      const prefixes = new Set(members.flatMap(({ model }) => (model.kind === 'constant' ? [] : [model.prefix])));
      const packed = packArtifact(
        { ...content, members },
        new Map([...models].filter(([prefix]) => prefixes.has(prefix))),
        sha256,
      );
      return rawByRow(openArtifact(manifestOf(packed), packed.blob, sha256), rows.map(objectOf));
    };
    const members = content.members;
    const singles = members.map((member) => rawOf([{ ...member, weight: 1 }]));
    const blended = rawOf(members);
    const weights = members.map((member) => member.weight);
    for (const [row, value] of blended.entries()) {
      const [first = NaN, ...others] = singles.map((single, i) => (weights[i] ?? NaN) * (single[row] ?? NaN));
      expect(value).to.equal(others.reduce((sum, share) => sum + share, first));
    }
    const arrays = trees.get('m0');
    if (arrays === undefined) throw new Error('no m0');
    const own = compileTrees(arrays, 11);
    const out = new Float64Array(1);
    own.score(new Float64Array(11).fill(NaN).fill(5, 2, 3), 0, out, 0);
    expect(rawByRow(openArtifactOf(members[0]), [{}])[0]).to.equal(out[0]);

    function openArtifactOf(member: (typeof members)[number] | undefined): Scorer {
      if (member === undefined) throw new Error('no member');
      const packed = packArtifact(
        { ...content, members: [{ ...member, weight: 1 }] },
        new Map([['m0', arrays ?? fail()]]),
        sha256,
      );
      return openArtifact(manifestOf(packed), packed.blob, sha256);
    }
    function fail(): never {
      throw new Error('no m0');
    }
  });

  it('scores multiclass and regression', () => {
    const { steps, features } = sampleContent();
    const base = { target: 'y', positiveClass: null, threshold: null, features, steps };
    const open = (content: Parameters<typeof packArtifact>[0]): Scorer => {
      const packed = packArtifact(content, new Map(), sha256);
      return openArtifact(manifestOf(packed), packed.blob, sha256);
    };
    const three = open({
      ...base,
      targetType: 'multiclass',
      classes: ['a', 'b', 'c'],
      link: 'softmax',
      members: [{ weight: 2, steps: [], model: { kind: 'constant', scores: [0, 1, 1] } }],
    });
    const out = three.createPrediction();
    three.scoreRow({ anything: {} }, out);
    expect([out.prediction, out.classIndex, out.unknownColumnCount, out.missingColumnCount]).to.deep.equal([
      'b',
      1,
      1,
      0,
    ]);
    expect([...out.rawScores]).to.deep.equal([0, 2, 2]);
    const value = open({
      ...base,
      targetType: 'regression',
      classes: [],
      link: 'log',
      members: [{ weight: 1, steps: [0], model: { kind: 'constant', scores: [0] } }],
    });
    const answer = value.createPrediction();
    value.scoreRow({ age: 1 }, answer);
    expect([answer.prediction, answer.classIndex, answer.probabilities.length]).to.deep.equal([1, -1, 0]);
  });
});
