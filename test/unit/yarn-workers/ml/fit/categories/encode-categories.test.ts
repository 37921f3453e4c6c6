import { expect } from 'chai';
import type { ManifestStep, TrainTask } from '#contracts';
import { fitModel, type AutopilotRequest } from '#ml';
import { stepColumns } from '#scoring';
import { createRandom } from '#statistics';
import {
  encodeCategories,
  encodedClasses,
  encodingPass,
  type NumbersStep,
} from '../../../../../../yarn-workers/ml/fit/categories/encode-categories.ts';
import { placeColumnsOf } from '../../../../../../yarn-workers/ml/blueprints/places.ts';
import { tableEncoder } from '../../../../../../yarn-workers/ml/fit/encoder.ts';
import { featurePass, surveyFeatures } from '../../../../../../yarn-workers/ml/fit/feature-survey.ts';
import { rowRoles, trainingRows } from '../../../../../../yarn-workers/ml/fit/row-roles.ts';
import { passesAlone } from '../../../../../../yarn-workers/ml/fit/survey/passes.ts';
import { surveySpans } from '../../../../../../yarn-workers/ml/fit/survey/spans.ts';
import { readTargetRows } from '../../../../../../yarn-workers/ml/fit/target-rows.ts';
import { taskFeatures } from '../../../../../../yarn-workers/ml/fit/task-columns.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';

const LEVELS = 250;

/** A category of many levels that say much of the targets, a missing one and some of one row, and a group of 4 rows each. */
function levelsTable(rowCount: number, signal: number, seed: number): MemoryColumn[] {
  const random = createRandom(seed);
  const worth = Array.from({ length: LEVELS }, () => random.uniform() - 0.5);
  const cells = { level: [], x: [], group: [], binary: [], value: [], classes: [] } as Record<
    string,
    (string | null)[]
  >;
  for (let row = 0; row < rowCount; row += 1) {
    const level = random.below(LEVELS);
    const x = random.uniform() - 0.5;
    const value = signal * (worth[level] ?? 0) + x / 2 + (random.uniform() - 0.5) / 2;
    cells['level']?.push(row % 97 === 0 ? null : row % 31 === 0 ? `once ${row}` : `level ${level}`);
    cells['x']?.push(String(x));
    cells['group']?.push(`g${row >> 2}`);
    cells['binary']?.push(value > 0 ? 'yes' : 'no');
    cells['value']?.push(String(1e6 + 100 * value));
    cells['classes']?.push(value > 0.3 ? 'high' : value > -0.3 ? 'middle' : 'low');
  }
  return Object.entries(cells).map(([name, column]) => ({
    name,
    cells: column,
    parse: name === 'x' || name === 'value' ? numberRule : textRule,
  }));
}

const featureNames = ['level', 'x'];
const partitioning = { method: 'random' as const, folds: 3, holdoutFraction: 0 };

async function taskOf(table: readonly MemoryColumn[], request: AutopilotRequest, changes: Partial<TrainTask> = {}) {
  return trainTask(table, await planOf(table, { featureNames, partitioning, ...request }), changes);
}

/** The encoded rows of the member of fold 0, and its steps. */
async function encodedOf(table: readonly MemoryColumn[], task: TrainTask, categories: 'codes' | 'target' | 'both') {
  const features = taskFeatures(task);
  const source = memorySource(table, 90);
  const rows = await readTargetRows(task, source);
  const roles = rowRoles(task, rows);
  const member = { fold: 0 };
  const dates = { parts: [], differences: false, holidays: null };
  const places = placeColumnsOf({ settings: null, uses: () => true }, [], { increasing: [], decreasing: [] });
  const job = { features, roles, source, seed: task.seed, analyses: [], dates, places, isKept: null };
  const spans = surveySpans(rows.rowCount);
  const io = freeIo();
  const passes = passesAlone({
    spans,
    passOf: (order) =>
      order.pass === 'targets' ? encodingPass({ task, features, source, rows, roles, io }, order) : featurePass(job),
  });
  const { survey } = await surveyFeatures(job, passes);
  const settings = { categories, categoryCounts: true };
  const context = { task, features, source, rows, roles, io, settings, passes };
  const { steps, heldOut } = await encodeCategories(context, member, survey.stepsOf(member), survey.levelsOf);
  const columns = steps.flatMap((step) =>
    stepColumns(
      step,
      features.map(({ manifest }) => manifest),
    ),
  );
  const values: number[][] = [];
  await tableEncoder(features, steps, source, undefined, { texts: null, categories: heldOut, history: null }).pass(
    (block, count) => {
      for (let row = 0; row < count; row += 1)
        values.push([...block.subarray(row * columns.length, (row + 1) * columns.length)]);
    },
  );
  return { steps, columns: columns.map(({ name }) => name), values, trains: trainingRows(roles, member), heldOut };
}

const numbersSteps = (steps: readonly ManifestStep[], meaning: NumbersStep['meaning']): NumbersStep[] =>
  steps.flatMap((step) => (step.kind === 'category-numbers' && step.meaning === meaning ? [step] : []));

/** The table with one target changed to another one's. */
function withTarget(table: readonly MemoryColumn[], name: string, row: number, cell: string): MemoryColumn[] {
  return table.map((column) =>
    column.name === name ? { ...column, cells: column.cells.map((old, at) => (at === row ? cell : old)) } : column,
  );
}

describe('ml fit: encodings of categories', function () {
  this.timeout(60_000);
  const table = levelsTable(1_500, 2, 3);

  for (const [target, other] of [
    ['binary', 'no'],
    ['value', '5'],
    ['classes', 'high'],
  ] as const) {
    it(`of a training row never sees its own target: ${target}`, async () => {
      const task = await taskOf(table, { target });
      const before = await encodedOf(table, task, 'target');
      const cells = table.find(({ name }) => name === target)?.cells ?? [];
      const places = before.columns.flatMap((name, place) => (name.startsWith('level.target') ? [place] : []));
      expect(places).to.have.length(target === 'classes' ? 3 : 1);
      let moved = 0;
      for (const row of [5, 6, 40, 97, 124, 500]) {
        if (!before.trains(row) || cells[row] === other) continue;
        const changed = withTarget(table, target, row, other);
        const after = await encodedOf(changed, task, 'target');
        expect(after.values[row], `row ${row}`).to.deep.equal(before.values[row]);
        // What is stored has seen it.
        expect(numbersSteps(after.steps, 'target')).not.to.deep.equal(numbersSteps(before.steps, 'target'));
        moved += 1;
      }
      expect(moved).to.be.at.least(2);
    });
  }

  it('of a row never sees a target of its group', async () => {
    const task = await taskOf(table, {
      target: 'value',
      partitioning: { method: 'group', column: 'group', folds: 3, holdoutFraction: 0 },
    });
    const before = await encodedOf(table, task, 'target');
    const row = before.values.findIndex((_, at) => at % 4 === 0 && before.trains(at));
    const after = await encodedOf(withTarget(table, 'value', row, '5'), task, 'target');
    for (const member of [row, row + 1, row + 2, row + 3])
      expect(after.values[member]).to.deep.equal(before.values[member]);
    expect(after.values).not.to.deep.equal(before.values);
  });

  it('has the stored numbers in all other rows; levels of one row and unseen ones have those of all rows', async () => {
    const { steps, columns, values, trains } = await encodedOf(
      table,
      await taskOf(table, { target: 'binary' }),
      'both',
    );
    const [step] = numbersSteps(steps, 'target');
    const [shares] = numbersSteps(steps, 'count');
    if (step === undefined || shares === undefined) throw new Error('nothing is encoded');
    expect(columns).to.deep.equal(['level', 'x', 'level.count', 'level.target']);
    expect(step.keys.some((key) => key.startsWith('once'))).to.equal(false);
    const cells = table.find(({ name }) => name === 'level')?.cells ?? [];
    const trainingRowCount = values.filter((_, row) => trains(row)).length;
    let heldBack = 0;
    for (const [row, own] of values.entries()) {
      const cell = cells[row] ?? null;
      const place = cell === null ? -1 : step.keys.indexOf(cell);
      const expected = cell === null ? step.missing[0] : place < 0 ? step.unseen[0] : step.values[place];
      if (!trains(row)) {
        expect(own[3]).to.equal(expected);
        heldBack += 1;
      }
      const count = cells.filter((other, at) => other === cell && trains(at)).length;
      expect(own[2]).to.be.closeTo(place < 0 && cell !== null ? 0 : count / trainingRowCount, 1e-8);
    }
    expect(heldBack).to.be.above(400);
    expect(Math.min(...step.values)).to.be.below(0.2);
    expect(Math.max(...step.values)).to.be.above(0.8);
    expect(step.unseen[0]).to.be.closeTo(0.5, 0.1);
  });

  it('replaces codes of many levels or stands beside them, and leaves alone what has few', async () => {
    const task = await taskOf(table, { target: 'binary' });
    const kinds = async (categories: 'codes' | 'target' | 'both') =>
      (await encodedOf(table, task, categories)).steps.map(({ kind }) => kind);
    expect(await kinds('codes')).to.deep.equal(['category-codes', 'numeric', 'category-numbers']);
    expect(await kinds('target')).to.deep.equal(['numeric', 'category-numbers', 'category-numbers']);
    expect(await kinds('both')).to.deep.equal(['category-codes', 'numeric', 'category-numbers', 'category-numbers']);
    const few = table.map((column) =>
      column.name === 'level' ? { ...column, cells: column.cells.map((cell) => cell?.slice(0, 7) ?? null) } : column,
    );
    const { steps, heldOut } = await encodedOf(few, task, 'target');
    expect(steps.map(({ kind }) => kind)).to.deep.equal(['category-codes', 'numeric']);
    expect(heldOut).to.equal(null);
  });

  it('has a column for each of the most frequent classes', () => {
    const classes = Array.from({ length: 14 }, (_, index) => ({
      label: `c${index}`,
      texts: ['x'],
      rowCount: 100 - index,
    }));
    const target = { name: 'y', targetType: 'multiclass' as const, classes: classes.reverse(), positiveClass: null };
    expect(encodedClasses(target)).to.deep.equal([4, 5, 6, 7, 8, 9, 10, 11, 12, 13]);
    expect(encodedClasses({ ...target, targetType: 'binary', positiveClass: 0 })).to.deep.equal([0]);
    expect(encodedClasses({ ...target, targetType: 'regression' })).to.equal(null);
  });

  it('gains much where levels say much, and nothing on a permuted target', async () => {
    const aucOf = async (signal: number, categories: string): Promise<number> => {
      const made = levelsTable(3_000, signal, 7);
      // The target of another row.
      const permuted = made.map((column) =>
        column.name === 'binary' && signal === 0 ? { ...column, cells: column.cells.toReversed() } : column,
      );
      const task = await taskOf(
        permuted,
        { target: 'binary', metric: 'auc' },
        { blueprintId: 'lightgbm-fast', parameters: { categories } },
      );
      const fit = await fitModel(task, memorySource(permuted), testEngine(), freeIo());
      return fit.scores?.crossValidation?.auc ?? NaN;
    };
    expect(await aucOf(2, 'target')).to.be.above((await aucOf(2, 'codes')) + 0.02);
    // The standard error of an AUC of chance of 3,000 rows is 0.0105.
    expect(await aucOf(0, 'target')).to.be.within(0.5 - 0.032, 0.5 + 0.032);
  });

  it('gives the same model for any batch size', async () => {
    const task = await taskOf(
      table,
      { target: 'classes' },
      { blueprintId: 'lightgbm-fast', parameters: { categories: 'both', categoryCounts: true, maxIterations: 20 } },
    );
    const hashes = [];
    for (const batchRows of [1_500, 37])
      hashes.push((await fitModel(task, memorySource(table, batchRows), testEngine(), freeIo())).contentHash);
    expect(new Set(hashes).size).to.equal(1);
  });

  it('is asked for by name', async () => {
    const task = await taskOf(table, { target: 'binary' }, { parameters: { categories: 'magic' } });
    const err = await appErrorOf('VALIDATION_FAILED', () =>
      fitModel(task, memorySource(table), testEngine(), freeIo()),
    );
    expect(err.message).to.contain('must be one of codes, target, both; found "magic"');
  });
});
