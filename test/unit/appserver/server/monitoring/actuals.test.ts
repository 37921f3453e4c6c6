import { expect } from 'chai';
import { isAppError, type AppError, type TargetSpec } from '#contracts';
import { addAllToMoments, createMoments, momentsToData } from '#statistics';
import { associationKey } from '#store';
import { accuracyStates, estimatedAccuracy } from '../../../../../appserver/server/monitoring/accuracy.ts';
import { mergeActuals } from '../../../../../appserver/server/monitoring/merge-actuals.ts';
import { actualsOfCsv, readActuals } from '../../../../../appserver/server/monitoring/read-actuals.ts';

const CLASSES: TargetSpec = {
  name: 'y',
  targetType: 'binary',
  classes: [
    { label: 'no', texts: ['no', 'No'], rowCount: 1 },
    { label: 'yes', texts: ['yes'], rowCount: 1 },
  ],
  positiveClass: 1,
};
const NUMBER: TargetSpec = { name: 'y', targetType: 'regression', classes: [], positiveClass: null };

describe('readActuals', () => {
  it('reads classes by every text that they were met with, and numbers', () => {
    const rows = [
      { associationId: 7, actual: 'No' },
      { associationId: 'b', actual: 'yes', at: '2026-11-30T00:00:00Z' },
    ];
    expect(readActuals(rows, CLASSES, 5)).to.deep.equal([
      { key: associationKey('7'), associationId: '7', actual: 'no', atMs: 5 },
      { key: associationKey('b'), associationId: 'b', actual: 'yes', atMs: Date.UTC(2026, 10, 30) },
    ]);
    expect(readActuals([{ associationId: 'a', actual: '1e2' }], NUMBER, 5)[0]?.actual).to.equal('100');
  });

  it('takes nothing where one row is none, and names each that is not', () => {
    const rows = [
      { associationId: '', actual: 'no' },
      { associationId: 'a', actual: 'maybe' },
      { associationId: 'b', actual: 'no', at: 'tomorrow' },
    ];
    const err = expectThrown(() => readActuals(rows, CLASSES, 5));
    expect(err.errors.map(({ path }) => path)).to.deep.equal([
      'row 1, column "associationId"',
      'row 2, column "actual"',
      'row 3, column "at"',
    ]);
    expect(err.errors[1]?.message).to.equal('is no class: found "maybe", expected one of "no", "yes"');
    for (const actual of ['', 'ten', 'NaN', 'Infinity'])
      expect(expectThrown(() => readActuals([{ associationId: 'a', actual }], NUMBER, 5)).message).to.include(
        'is no number',
      );
  });

  it('reads CSV with its columns in any order, and no others', () => {
    expect(actualsOfCsv('actual,associationId\nyes,"a,b"\n', 10)).to.deep.equal([
      { associationId: 'a,b', actual: 'yes' },
    ]);
    expect(actualsOfCsv('associationId,actual,at\na,1,\nb,2,2026-01-01\n', 10)).to.deep.equal([
      { associationId: 'a', actual: '1' },
      { associationId: 'b', actual: '2', at: '2026-01-01' },
    ]);
    for (const header of ['id,actual', 'associationId', 'associationId,actual,actual'])
      expect(expectThrown(() => actualsOfCsv(`${header}\na,b,c\n`, 10)).message).to.include('expected the columns');
    expect(expectThrown(() => actualsOfCsv('associationId,actual\na,1\nb,1\n', 1)).message).to.include(
      'more than 1 rows',
    );
  });
});

describe('mergeActuals', () => {
  const at = (key: string, actual: string, atMs: number) => ({ key, associationId: key, actual, atMs });

  it('adds, corrects by the later time, knows repeats, and leaves what is outdated', () => {
    const known = new Map([
      ['a', { actual: 'no', atMs: 10 }],
      ['b', { actual: 'no', atMs: 10 }],
      ['c', { actual: 'no', atMs: 10 }],
    ]);
    const sent = [
      at('a', 'yes', 20),
      at('b', 'no', 20),
      at('c', 'yes', 5),
      at('d', 'yes', 1),
      at('d', 'no', 1),
      at('d', 'no', 0),
    ];
    const { kept, ...counts } = mergeActuals(known, sent);
    expect(counts).to.deep.equal({ added: 1, corrected: 2, repeated: 2, outdated: 1 });
    expect(kept.map(({ key, actual }) => [key, actual])).to.deep.equal([
      ['a', 'yes'],
      ['b', 'no'],
      ['d', 'no'],
    ]);
  });
});

describe('accuracyStates', () => {
  it('has the metrics of what was predicted, by the threshold of the deployment', () => {
    const outcomes = [0.9, 0.6, 0.4, 0.1].map((second, row) => ({
      prediction: { value: null, classIndex: second >= 0.5 ? 1 : 0, probabilities: [1 - second, second] },
      actual: row < 3 ? 'yes' : 'no',
    }));
    const states = accuracyStates(CLASSES, 1)();
    const gone = outcomes.slice(0, 1).map(({ prediction }) => ({ prediction, actual: 'a class that is gone' }));
    expect(states.add([...outcomes.slice(0, 2), ...gone])).to.equal(2);
    states.add(outcomes.slice(2));
    expect(states.metrics()).to.deep.include({ accuracy: 0.75, auc: 1 });
    const stricter = accuracyStates(CLASSES, 1, 0.7)();
    stricter.add(outcomes);
    expect(stricter.metrics().accuracy).to.equal(0.5);
  });

  it('has of very many classes what follows from the predicted one', () => {
    const classes = Array.from({ length: 40 }, (_, label) => ({
      label: `c${label}`,
      texts: [`c${label}`],
      rowCount: 1,
    }));
    const states = accuracyStates({ ...CLASSES, targetType: 'multiclass', classes, positiveClass: null }, 1)();
    states.add([
      { prediction: { value: null, classIndex: 7, probabilities: [0.3] }, actual: 'c7' },
      { prediction: { value: null, classIndex: 8, probabilities: [0.3] }, actual: 'c9' },
    ]);
    expect(states.metrics()).to.have.property('accuracy', 0.5);
    expect(states.metrics()).to.not.have.property('logLoss');
  });

  it('has errors of numbers', () => {
    const states = accuracyStates(NUMBER, 1)();
    const predicted = (value: number | null) => ({ value, classIndex: -1, probabilities: [] });
    expect(
      states.add([
        { prediction: predicted(3), actual: '1' },
        { prediction: predicted(null), actual: '1' },
      ]),
    ).to.equal(1);
    expect(states.metrics()).to.deep.include({ rmse: 2, mae: 2 });
  });
});

describe('estimatedAccuracy', () => {
  it('is the mean probability of the predicted class, with the error of so many outcomes', () => {
    const moments = createMoments();
    addAllToMoments(moments, Float64Array.of(0.6, 0.8, 0.9, 0.7));
    const found = estimatedAccuracy(momentsToData(moments));
    expect(found?.accuracy).to.be.closeTo(0.75, 1e-12);
    expect(found?.standardError).to.be.closeTo(Math.sqrt(0.24 + 0.16 + 0.09 + 0.21) / 4, 1e-12);
    expect(estimatedAccuracy(null)).to.equal(null);
    expect(estimatedAccuracy(momentsToData(createMoments()))).to.equal(null);
  });
});

function expectThrown(run: () => unknown): AppError {
  try {
    run();
  } catch (err) {
    if (isAppError(err)) return err;
    throw err;
  }
  return expect.fail('nothing was thrown');
}
