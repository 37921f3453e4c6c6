import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect } from 'chai';
import {
  credibilityConstant,
  drawnMean,
  NO_ROWS,
  together,
  type LevelMoments,
} from '../../../../../../yarn-workers/ml/fit/categories/credibility.ts';
import { mergedMoments, targetsPass } from '../../../../../../yarn-workers/ml/fit/categories/target-moments.ts';
import { surveySpans } from '../../../../../../yarn-workers/ml/fit/survey/spans.ts';
import type { TargetRows } from '../../../../../../yarn-workers/ml/fit/target-rows.ts';
import { taskFeatures } from '../../../../../../yarn-workers/ml/fit/task-columns.ts';
import { memorySource, storedTable, textRule } from '../../../../../support/memory-table.ts';

interface Fixture {
  readonly levels: string[];
  readonly targets: { readonly value: number[]; readonly binary: number[]; readonly classes: number[] };
  readonly smoothed: {
    readonly target: 'value' | 'binary' | 'classes';
    readonly smooth: number;
    readonly categories: string[];
    /** Of classes by category and class, one after the other by class. */
    readonly encodings: number[][];
  }[];
  readonly 'random effects': {
    readonly levels: string[];
    readonly y: number[];
    readonly predicted: Record<string, number>;
    readonly within: number;
    readonly between: number;
  }[];
  readonly weighted: { readonly weights: number[]; readonly constant: number };
}

const file = path.join(import.meta.dirname, '../../../../../fixtures/encodings/encodings.json');
// The cast holds: the script beside the file wrote it.
const fixture = JSON.parse(readFileSync(file, 'utf8')) as Fixture;

const PARTS = 3;

/** Moments of each level, gathered in parts from a table. */
async function momentsOf(
  levels: readonly string[],
  target: readonly number[],
  classes: readonly number[] | null,
  weights: readonly number[] | null = null,
  spanRowsMin = Infinity,
): Promise<Map<string, LevelMoments[]>> {
  const table = [{ name: 'level', cells: levels, parse: textRule }];
  const keys = [...new Set(levels)].sort();
  const rows: TargetRows = {
    rowCount: levels.length,
    classes: classes === null ? null : Int32Array.from(target),
    values: classes === null ? Float64Array.from(target) : null,
    weights: weights === null ? null : Float64Array.from(weights),
    offsets: [],
    key: null,
    first: null,
    times: null,
  };
  const features = taskFeatures({
    table: storedTable(table),
    features: [{ name: 'level', type: 'categorical', uniqueCount: keys.length }],
  });
  const job = {
    ...{ features, source: memorySource(table, 40), rows, classes, partCount: PARTS },
    partOf: (row: number) => row % PARTS,
  };
  const merged = mergedMoments(job, [{ feature: 0, keys }]);
  for await (const state of targetsPass(job, [{ feature: 0, keys }])(surveySpans(levels.length, spanRowsMin)))
    merged.merge(state);
  const [moments] = merged.moments;
  if (moments === undefined) throw new Error('nothing was gathered');
  const outputs = [...(classes ?? [0]).keys()];
  const whole = (place: number, output: number): LevelMoments =>
    [0, 1, 2].reduce((sum, part) => together(sum, moments.at(place, part, output)), NO_ROWS);
  return new Map(keys.map((key, place) => [key, outputs.map((output) => whole(place, output))]));
}

describe('ml fit: mean targets of levels', () => {
  it('are what TargetEncoder of scikit-learn has with the same smoothing', async () => {
    expect(fixture.smoothed).to.have.length(6);
    for (const { target, smooth, categories, encodings } of fixture.smoothed) {
      const classes = { value: null, binary: [1], classes: [0, 1, 2] }[target];
      const moments = await momentsOf(fixture.levels, fixture.targets[target], classes);
      for (const [output, expected] of encodings.entries()) {
        const own = categories.map((category) => moments.get(category)?.[output] ?? NO_ROWS);
        const all = own.reduce(together, NO_ROWS);
        for (const [place, level] of own.entries())
          expect(drawnMean(level, all.mean, smooth), `${target} ${output}`).to.be.closeTo(
            expected[place] ?? NaN,
            1e-12,
          );
      }
    }
  });

  it('are those of one span, but for the last digits, where spans are merged', async () => {
    for (const [target, classes] of [
      ['value', null],
      ['binary', [1]],
      ['classes', [0, 1, 2]],
    ] as const)
      for (const weights of [null, fixture.weighted.weights]) {
        const whole = await momentsOf(fixture.levels, fixture.targets[target], classes, weights);
        const spans = await momentsOf(fixture.levels, fixture.targets[target], classes, weights, 7);
        for (const [level, outputs] of whole)
          for (const [output, own] of outputs.entries()) {
            const merged = spans.get(level)?.[output] ?? NO_ROWS;
            expect(merged.rowCount).to.equal(own.rowCount);
            // Means of other orders of the same sums: some units in the last place.
            for (const name of ['weight', 'mean', 'squares'] as const)
              expect(merged[name], `${target} ${level} ${name}`).to.be.closeTo(own[name], 1e-12 * (1 + own[name]));
          }
      }
  });

  it('are drawn by as much as statsmodels finds by restricted maximum likelihood', async () => {
    for (const { levels, y, predicted, within, between } of fixture['random effects']) {
      const moments = await momentsOf(levels, y, null);
      const own = [...moments.values()].flat();
      const constant = credibilityConstant(own);
      // An optimiser found theirs.
      expect(constant / (within / between)).to.be.closeTo(1, 1e-4);
      const all = own.reduce(together, NO_ROWS).mean;
      for (const [level, [found = NO_ROWS]] of moments)
        expect(drawnMean(found, all, constant)).to.be.closeTo(predicted[level] ?? NaN, 1e-5);
    }
  });

  it('are drawn by weight as Bühlmann and Straub have it', async () => {
    const { weights, constant } = fixture.weighted;
    const moments = await momentsOf(fixture.levels, fixture.targets.value, null, weights);
    expect(credibilityConstant([...moments.values()].flat())).to.be.closeTo(constant, 1e-10);
    // Twice the weight everywhere is the same.
    const twice = await momentsOf(
      fixture.levels,
      fixture.targets.value,
      null,
      weights.map((weight) => 2 * weight),
    );
    expect(credibilityConstant([...twice.values()].flat()) / 2).to.be.closeTo(constant, 1e-10);
  });

  it('say nothing where levels differ by no more than chance, or have a row each', () => {
    const level = (mean: number, rowCount: number, squares: number): LevelMoments => ({
      rowCount,
      weight: rowCount,
      mean,
      squares,
    });
    expect(credibilityConstant([level(1, 4, 8), level(1.1, 4, 8)])).to.equal(Infinity);
    expect(credibilityConstant([level(1, 1, 0), level(9, 1, 0)])).to.equal(Infinity);
    expect(credibilityConstant([level(1, 9, 2)])).to.equal(Infinity);
    expect(credibilityConstant([])).to.equal(Infinity);
    expect(drawnMean(level(9, 4, 8), 2, Infinity)).to.equal(2);
    // Levels without any spread within are believed.
    expect(drawnMean(level(9, 4, 0), 2, credibilityConstant([level(9, 4, 0), level(1, 4, 0)]))).to.equal(9);
  });

  it('lose no digits far from 0', async () => {
    const far = fixture.targets.value.map((value) => value + 2 ** 30);
    const near = credibilityConstant(
      [...(await momentsOf(fixture.levels, fixture.targets.value, null)).values()].flat(),
    );
    const moved = credibilityConstant([...(await momentsOf(fixture.levels, far, null)).values()].flat());
    expect(moved / near).to.be.closeTo(1, 1e-5);
  });
});
