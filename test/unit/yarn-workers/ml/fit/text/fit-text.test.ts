import { expect } from 'chai';
import type { ManifestStep, TrainTask } from '#contracts';
import { fitModel, manifestOf, type AutopilotRequest, type FitResult } from '#ml';
import { compileText, openArtifact } from '#scoring';
import { createRandom } from '#statistics';
import { sha256, testEngine } from '../../../../../support/boosting-engine.ts';
import { appErrorOf } from '../../../../../support/expect-error.ts';
import { memorySource, numberRule, textRule, type MemoryColumn } from '../../../../../support/memory-table.ts';
import { freeIo, planOf, trainTask } from '../../../../../support/modelling-task.ts';
import { ODD_TEXTS, TEXT_FEATURES, textTable } from '../../../../../support/text-table.ts';

const ROWS = 400;
const TABLE = textTable(ROWS, 5);

async function taskOf(
  table: readonly MemoryColumn[],
  request: AutopilotRequest,
  changes: Partial<TrainTask>,
): Promise<TrainTask> {
  const partitioning = { method: 'random' as const, folds: 3, holdoutFraction: 0 };
  const plan = await planOf(table, { featureNames: [...TEXT_FEATURES], partitioning, ...request });
  return trainTask(table, plan, changes);
}

const fit = (table: readonly MemoryColumn[], task: TrainTask, io = {}, batchRows = 100): Promise<FitResult> =>
  fitModel(task, memorySource(table, batchRows), testEngine(), freeIo(io));

const textSteps = (result: FitResult) =>
  result.content.steps.flatMap((step): Extract<ManifestStep, { kind: 'text-scores' }>[] =>
    step.kind === 'text-scores' ? [step] : [],
  );

const scorerOf = (task: TrainTask, result: FitResult) =>
  openArtifact(
    JSON.parse(JSON.stringify(manifestOf(task, result, { createdAt: '2026-01-01T00:00:00Z', files: [] }))),
    result.blob,
    sha256,
  );

describe('ml fit: texts', function () {
  this.timeout(30_000);

  it('say what the signal is made of, and far more than the other features', async () => {
    const scores = [];
    for (const blueprintId of ['linear', 'linear-text', 'lightgbm-fast']) {
      const task = await taskOf(TABLE, { target: 'binary', metric: 'auc' }, { blueprintId });
      const result = await fit(TABLE, task);
      scores.push(result.scores?.crossValidation?.auc ?? NaN);
      if (blueprintId === 'linear') expect(textSteps(result)).to.deep.equal([]);
      if (blueprintId === 'linear-text') {
        const [words] = textSteps(result);
        const coefficient = (term: string): number => words?.coefficients[words.terms.indexOf(term)] ?? NaN;
        // Yes is the positive class.
        for (const bad of ['refund', 'broken', 'très', '😡', '坏 了']) expect(coefficient(bad), bad).to.be.above(0.1);
        for (const good of ['thanks', 'perfect', 'merci beaucoup']) expect(coefficient(good), good).to.be.below(-0.1);
      }
    }
    const [without = NaN, linear = NaN, boosted = NaN] = scores;
    expect(linear).to.be.above(without + 0.15);
    expect(boosted).to.be.above(without + 0.1);
  });

  it('are components too, where trees read some, of as many as are asked for', async () => {
    for (const [blueprintId, parameters, count] of [
      ['lightgbm-fast', { maxIterations: 5 }, null],
      ['lightgbm-fast', { maxIterations: 5, textComponents: 3 }, 3],
      ['extra-trees', { trees: 5 }, 8],
      ['extra-trees', { trees: 5, textComponents: 0 }, null],
    ] as const) {
      const task = await taskOf(TABLE, { target: 'multiclass' }, { blueprintId, parameters });
      const result = await fit(TABLE, task);
      const [components] = textSteps(result).filter((step) => step.components === true);
      expect(components?.outputCount ?? null, blueprintId).to.equal(count);
      const columns = scorerOf(task, result).columns.map(({ name }) => name);
      expect(columns.includes('note.words.component.0')).to.equal(count !== null);
    }
  });

  it('gives the same model for any batch size, and again', async () => {
    for (const blueprintId of ['linear-text', 'lightgbm-slow', 'extra-trees']) {
      const parameters = {
        ...(blueprintId === 'linear-text' ? { penalties: 8 } : {}),
        ...(blueprintId === 'lightgbm-slow' ? { maxIterations: 60, textComponents: 4 } : {}),
        ...(blueprintId === 'extra-trees' ? { trees: 10 } : {}),
      };
      const task = await taskOf(TABLE, { target: 'multiclass' }, { blueprintId, parameters });
      const hashes = [];
      for (const batchRows of [ROWS, 37, 37]) hashes.push((await fit(TABLE, task, {}, batchRows)).contentHash);
      expect(new Set(hashes).size, blueprintId).to.equal(1);
    }
  });

  it('keeps terms of held-back rows out of a member', async () => {
    // The word is in the rows of one fold only, which the partition column deals.
    const count = 120;
    const part = Array.from({ length: count }, (_, row) => ['a', 'b', 'c'][row % 3] ?? '');
    const random = createRandom(2);
    const target = part.map(() => (random.uniform() < 0.5 ? 'yes' : 'no'));
    const note = part.map((fold, row) => `some words that are here ${fold === 'b' ? 'secret' : `filler ${row % 7}`}`);
    const table: MemoryColumn[] = [
      { name: 'note', cells: note.map((text, row) => `${text} ${row}`), parse: textRule },
      { name: 'part', cells: part, parse: textRule },
      { name: 'target', cells: target, parse: textRule },
    ];
    const partitioning = { method: 'column', column: 'part' } as const;
    for (const blueprintId of ['linear-text', 'lightgbm-fast']) {
      const plan = await planOf(table, { target: 'target', featureNames: ['note'], partitioning });
      const result = await fit(table, trainTask(table, plan, { blueprintId }));
      const vocabularies = result.content.members.map(({ steps }) => {
        const step = result.content.steps[steps[0] ?? -1];
        return step?.kind === 'text-scores' ? step.terms : [];
      });
      expect(vocabularies.map((terms) => terms.includes('secret'))).to.deep.equal([true, false, true]);
      expect(vocabularies.every((terms) => terms.includes('words'))).to.be.true;
    }
  });

  it('gives trees scores of models that had not seen the row', async () => {
    const task = await taskOf(
      TABLE,
      { target: 'binary', featureNames: ['note'] },
      { blueprintId: 'lightgbm-fast', refit: { of: 'twin', iterations: 5 } },
    );
    const pushed: number[] = [];
    const yes: boolean[] = [];
    const engine = testEngine();
    const spy: typeof engine = {
      ...engine,
      createDataset: (spec) => {
        expect(spec.columnCount).to.equal(1);
        const dataset = engine.createDataset(spec);
        return {
          ...dataset,
          push: (values, rowCount, labels, weights) => {
            pushed.push(...values.subarray(0, rowCount));
            yes.push(...Array.from(labels.subarray(0, rowCount), (label) => label === 1));
            dataset.push(values, rowCount, labels, weights);
          },
        };
      },
    };
    const result = await fitModel(task, memorySource(TABLE, 100), spy, freeIo());
    expect(pushed).to.have.length(ROWS);
    const [step] = textSteps(result);
    if (step === undefined) throw new Error('there is a text step');
    const score = compileText(step);
    const out = new Float64Array(1);
    const isMissing = (note: string | null): boolean => note === null || note === '' || note === 'NA';
    const seen = (TABLE.find(({ name }) => name === 'note')?.cells ?? []).map((note) => {
      score(isMissing(note) ? null : note, out, 0);
      return out[0] ?? NaN;
    });
    expect(seen.map(Number.isNaN)).to.deep.equal(pushed.map(Number.isNaN));
    const rankingOf = (scores: readonly number[]): number => {
      const told = scores.flatMap((value, row) => (Number.isNaN(value) ? [] : [{ value, isYes: yes[row] === true }]));
      const below = told.flatMap(({ value, isYes }) =>
        isYes ? [told.filter((other) => !other.isYes && other.value < value).length] : [],
      );
      return below.reduce((sum, count) => sum + count, 0) / (below.length * told.filter(({ isYes }) => !isYes).length);
    };
    // Chances that a row of yes is above one of no, among the rows that the step was fitted on.
    expect(rankingOf(seen)).to.be.above(0.93);
    expect(rankingOf(pushed)).to.be.within(0.7, 0.9);
  });

  it('predicts odd texts, and a table of nothing else', async () => {
    const cells = Array.from({ length: 160 }, (_, row) => ODD_TEXTS[row % ODD_TEXTS.length] ?? null);
    const longest = 'very long '.repeat(100_000);
    const table: MemoryColumn[] = [
      { name: 'note', cells: cells.map((cell, row) => (row === 7 ? longest : cell)), parse: textRule },
      { name: 'target', cells: cells.map((_, row) => (row % 3 === 0 ? 'yes' : 'no')), parse: textRule },
      { name: 'x', cells: cells.map((_, row) => String(row % 5)), parse: numberRule },
    ];
    const plan = await planOf(table, { target: 'target', featureNames: ['note', 'x'] });
    const features = [
      { name: 'note', type: 'text' as const, uniqueCount: 16 },
      { name: 'x', type: 'numeric' as const, uniqueCount: 5 },
    ];
    for (const blueprintId of ['linear-text', 'lightgbm-fast']) {
      for (const wanted of [features, features.slice(0, 1)]) {
        const task = trainTask(table, plan, { blueprintId, features: wanted });
        const result = await fit(table, task);
        const scorer = scorerOf(task, result);
        const answer = scorer.createPrediction(true);
        for (const [row, note] of [...ODD_TEXTS, longest, 7, true, undefined].entries()) {
          scorer.scoreRow({ note, x: 1 }, answer, row);
          expect(answer.probabilities[0], String(note).slice(0, 20)).to.be.within(0, 1);
          const sum = Array.from(answer.contributions ?? []).reduce((total, one) => total + one, 0);
          const [base = NaN] = scorer.explainer().baseValues;
          expect(base + sum).to.be.closeTo(answer.rawScores[0] ?? NaN, 1e-11);
        }
        await appErrorOf('CELL_UNREADABLE', () => scorer.scoreRow({ note: ['a'], x: 1 }, answer));
      }
    }
  });

  it('are no terms at all where every text is missing or different', async () => {
    for (const cellOf of [() => null, (row: number) => `only${row}`]) {
      const cells = Array.from({ length: 90 }, (_, row) => cellOf(row));
      const table: MemoryColumn[] = [
        { name: 'note', cells, parse: textRule },
        { name: 'target', cells: cells.map((_, row) => String(row % 7)), parse: numberRule },
        { name: 'x', cells: cells.map((_, row) => String(row % 5)), parse: numberRule },
      ];
      const plan = await planOf(table, { target: 'target', targetType: 'regression', featureNames: ['x'] });
      const features = [{ name: 'note', type: 'text' as const, uniqueCount: 0 }, ...plan.features];
      for (const blueprintId of ['linear-text', 'lightgbm-fast']) {
        const task = trainTask(table, plan, {
          blueprintId,
          features,
          parameters: blueprintId === 'linear-text' ? { characters: 0 } : {},
        });
        const result = await fit(table, task);
        expect(textSteps(result).map(({ terms }) => terms.length)).to.satisfy((all: number[]) =>
          all.every((n) => n === 0),
        );
        const answer = scorerOf(task, result).createPrediction();
        scorerOf(task, result).scoreRow({ note: 'anything', x: 3 }, answer);
        expect(answer.prediction).to.be.finite;
      }
    }
  });

  it('refits with the steps of its twin, with weights and groups', async () => {
    const weighted = TABLE.map((column) =>
      column.name === 'x' ? { ...column, cells: column.cells.map((_, row) => String(row % 4)) } : column,
    );
    const request = {
      target: 'regression',
      targetType: 'regression',
      weightColumn: 'x',
      featureNames: ['note'],
      partitioning: { method: 'group', column: 'colour', folds: 2, holdoutFraction: 0 },
    } as const;
    for (const [blueprintId, iterations] of [
      ['linear-text', 6],
      ['lightgbm-fast', 12],
    ] as const) {
      const task = await taskOf(weighted, request, { blueprintId, refit: { of: 'twin', iterations } });
      const result = await fit(weighted, task);
      expect(result.iterations).to.equal(iterations);
      const steps = textSteps(result);
      expect(steps).to.have.length(blueprintId === 'linear-text' ? 2 : 1);
      const missing = new Set([null, '', 'NA']);
      const rows = weighted.find(({ name }) => name === 'note')?.cells ?? [];
      // Rows of weight 0 train nothing, and a missing text is no document.
      const documents = rows.filter((cell, row) => row % 4 > 0 && !missing.has(cell)).length;
      expect(steps.map(({ documentCount }) => documentCount)).to.deep.equal(steps.map(() => documents));
    }
  });

  it('ends in time with what it has, and says so', async () => {
    let now = 0;
    const clock = { now: () => (now += 5), remainingMs: () => 2_000 - now };
    for (const blueprintId of ['linear-text', 'lightgbm-fast']) {
      now = 0;
      const task = await taskOf(TABLE, { target: 'binary' }, { blueprintId });
      const result = await fit(TABLE, task, clock);
      expect(result.stoppedByDeadline, blueprintId).to.be.true;
      expect(textSteps(result).length).to.be.above(0);
      expect(result.scores?.crossValidation?.logLoss).to.be.finite;
    }
  });

  it('goes on from a checkpoint to the same model', async () => {
    const task = await taskOf(
      TABLE,
      { target: 'binary' },
      { blueprintId: 'lightgbm-slow', parameters: { maxIterations: 120 } },
    );
    const states: Uint8Array[] = [];
    const log: string[] = [];
    const io = { now: () => 0 };
    const whole = await fit(TABLE, task, {
      ...io,
      onCheckpoint: async ({ encode }: { encode: () => Uint8Array }) => void states.push(encode()),
    });
    const state = states[Math.floor(states.length / 2)] ?? null;
    const again = await fit(TABLE, task, { ...io, resumeFrom: state, log: (line: string) => log.push(line) });
    expect(log.some((line) => line.startsWith('resumed at iteration'))).to.be.true;
    expect(again.contentHash).to.equal(whole.contentHash);
  });

  it('contribute what their terms say, less what texts say on average', async () => {
    const task = await taskOf(
      TABLE,
      { target: 'regression', targetType: 'regression' },
      { blueprintId: 'linear-text', refit: { of: 'twin', iterations: 18 } },
    );
    const result = await fit(TABLE, task);
    const scorer = scorerOf(task, result);
    const answer = scorer.createPrediction(true);
    const place = scorer.explainer().features.indexOf('note');
    const cells = new Map(TABLE.map((column) => [column.name, column.cells]));
    const notes = cells.get('note') ?? [];
    const contributionOf = (note: string | null, row: number): number => {
      scorer.scoreRow({ x: cells.get('x')?.[row], colour: cells.get('colour')?.[row], note }, answer);
      return answer.contributions?.[place] ?? NaN;
    };
    const steps = textSteps(result).map((step) => compileText(step));
    const out = new Float64Array(1);
    const termsSay = (note: string): number =>
      steps.reduce((sum, score) => {
        score(note, out, 0);
        return sum + (out[0] ?? NaN);
      }, 0);
    const nothing = contributionOf('zzzz', 0) - termsSay('zzzz');
    let total = 0;
    for (let row = 0; row < ROWS; row += 1) {
      const note = notes[row] ?? null;
      const contribution = contributionOf(note, row);
      total += contribution;
      if (note !== null && note !== '' && note !== 'NA')
        expect(contribution - termsSay(note), note).to.be.closeTo(nothing, 1e-9);
    }
    // On average 0 over the training rows; the fit holds tf-idf in float32.
    expect(total / ROWS).to.be.closeTo(0, 1e-4);
  });
});
