import { compileLinear, type FactorizationArrays, type LinearArrays } from '#scoring';
import { randomLinear } from './random-linear.ts';
import type { RandomGenerator } from './support.ts';

/** A random factorization machine of numbers and categories by turns, in fields of two columns and one of the last; means are 0. */
export function randomFactorization(
  random: RandomGenerator,
  columnCount: number,
  outputCount: number,
  rank: number,
): FactorizationArrays {
  const terms = randomLinear(random, columnCount, outputCount * (1 + rank));
  return {
    ...terms,
    outputCount,
    rank,
    intercept: terms.intercept.slice(0, outputCount),
    columnField: Int32Array.from({ length: columnCount }, (_, column) => Math.floor(column / 2)),
  };
}

/** What each column adds in a row, columns x (outputs x (1 + rank)): the scores of a linear model that has this column alone. */
export function termsOfRow(model: FactorizationArrays, row: readonly number[]): number[][] {
  const width = model.outputCount * (1 + model.rank);
  return row.map((_, alone) => {
    const isOwn = (at: number, size: number): boolean => Math.floor(at / size) === alone;
    const [from = 0, to = 0] = model.pointOffset.slice(alone, alone + 2);
    const linear: LinearArrays = {
      ...model,
      outputCount: width,
      intercept: new Float64Array(width),
      value: model.value.map((value, at) => (at >= from * width && at < to * width ? value : 0)),
      otherwise: model.otherwise.map((value, at) => (isOwn(at, width) ? value : 0)),
    };
    const out = new Float64Array(width);
    compileLinear(linear, row.length).score(Float64Array.from(row), 0, out, 0);
    return [...out];
  });
}

/** The definition: intercept, numbers of the columns, products of the vectors of each two columns of different fields. */
export function scoresByPairs(model: FactorizationArrays, terms: readonly (readonly number[])[]): number[] {
  const { outputCount, rank, intercept, columnField } = model;
  return Array.from({ length: outputCount }, (_, output) => {
    const first = output * (1 + rank);
    let score = intercept[output] ?? NaN;
    for (const [column, own] of terms.entries()) {
      score += own[first] ?? NaN;
      for (const [other, theirs] of terms.slice(0, column).entries()) {
        if (columnField[column] === columnField[other]) continue;
        for (let at = first + 1; at <= first + rank; at += 1) score += (own[at] ?? NaN) * (theirs[at] ?? NaN);
      }
    }
    return score;
  });
}
