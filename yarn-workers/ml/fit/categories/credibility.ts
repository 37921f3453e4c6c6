/** What is known of a level's targets in one output: rows, their weight, weighted mean, and weighted squares about it. */
export interface LevelMoments {
  readonly rowCount: number;
  readonly weight: number;
  readonly mean: number;
  /** Sum of weight x (target - mean)^2. */
  readonly squares: number;
}

export const NO_ROWS: LevelMoments = { rowCount: 0, weight: 0, mean: 0, squares: 0 };

/** The moments of two sets of rows together. @see Chan, Golub, LeVeque 1983, equations 2.1 */
export function together(a: LevelMoments, b: LevelMoments): LevelMoments {
  if (a.weight === 0) return b;
  if (b.weight === 0) return a;
  const weight = a.weight + b.weight;
  const apart = b.mean - a.mean;
  return {
    rowCount: a.rowCount + b.rowCount,
    weight,
    mean: a.mean + apart * (b.weight / weight),
    squares: a.squares + b.squares + apart * apart * a.weight * (b.weight / weight),
  };
}

/**
 * The weight of rows at which a level's own mean says as much as that of all rows: the variance within levels by the variance
 * between them. Infinity where levels differ by no more than chance, or none has two rows: then no level says anything.
 *
 * @param levels with rows of positive weight
 * @see Bühlmann, Straub 1970; Bühlmann, Gisler 2005, "A Course in Credibility Theory", section 4.8. With equal weights the
 * variances are those of one-way analysis of variance with random effects.
 */
export function credibilityConstant(levels: readonly LevelMoments[]): number {
  const all = levels.reduce(together, NO_ROWS);
  const degrees = levels.reduce((sum, { rowCount }) => sum + rowCount - 1, 0);
  if (levels.length < 2 || degrees === 0) return Infinity;
  const within = levels.reduce((sum, { squares }) => sum + squares, 0) / degrees;
  let between = -(levels.length - 1) * within;
  let squaredWeights = 0;
  for (const { weight, mean } of levels) {
    between += weight * (mean - all.mean) ** 2;
    squaredWeights += weight * weight;
  }
  between /= all.weight - squaredWeights / all.weight;
  return between > 0 ? within / between : Infinity;
}

/** A level's mean, drawn towards that of all rows by so much weight: the best linear estimate of what new rows will have. */
export function drawnMean({ weight, mean }: LevelMoments, all: number, constant: number): number {
  if (weight === 0 || constant === Infinity) return all;
  return all + (weight / (weight + constant)) * (mean - all);
}
