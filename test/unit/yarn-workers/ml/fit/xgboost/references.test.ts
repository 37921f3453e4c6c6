import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { compileTreeContributions, compileTrees, type TreeArrays } from '#scoring';
import { settingsOf } from '#ml';
import { isXgboost } from '../../../../../../yarn-workers/ml/blueprints/settings.ts';
import type { Objective } from '../../../../../../yarn-workers/ml/blueprints/objective.ts';
import { withConstants } from '../../../../../../yarn-workers/ml/fit/trees.ts';
import { createXgboostDataset } from '../../../../../../yarn-workers/ml/fit/xgboost/dataset.ts';
import { testEngine } from '../../../../../support/boosting-engine.ts';
import { objectiveFor } from '../../../../../support/objective.ts';

interface Reference {
  readonly objective: string;
  readonly labels: number[];
  readonly weights: number[] | null;
  readonly constants: number[];
  readonly offsets: number[] | null;
  readonly margins: number[];
  /** rows x outputs x (columns + 1), the last the base value */
  readonly contributions: number[];
}

// The cast holds: generate.py beside it writes this shape.
const REFERENCES = JSON.parse(
  readFileSync(new URL('../../../../../fixtures/xgboost/references.json', import.meta.url), 'utf8'),
) as {
  readonly iterations: number;
  readonly columns: number;
  readonly rows: (number | null)[];
  readonly cases: Reference[];
};
const { columns: COLUMNS, iterations: ITERATIONS } = REFERENCES;
const ROWS = Float64Array.from(REFERENCES.rows, (value) => value ?? NaN);
const ROW_COUNT = ROWS.length / COLUMNS;

const OBJECTIVES: Readonly<Record<string, Objective>> = {
  binary: objectiveFor('logLoss', 2),
  multiclass: objectiveFor('logLoss', 3),
  regression: objectiveFor('rmse'),
  regression_l1: objectiveFor('mae'),
  poisson: objectiveFor('poissonDeviance'),
  gamma: objectiveFor('gammaDeviance'),
  tweedie: objectiveFor('tweedieDeviance'),
  quantile: objectiveFor('quantileLoss', 0, 0.75),
};

function treesOf({ objective: name, labels, weights, constants, offsets }: Reference): TreeArrays {
  const settings = settingsOf('xgboost-default', { learningRate: 0.3, maxDepth: 4 });
  const objective = OBJECTIVES[name];
  if (settings === null || !isXgboost(settings) || objective === undefined) throw new Error(`no case ${name}`);
  const dataset = createXgboostDataset(testEngine().xgboost(), {
    rowCount: ROW_COUNT,
    categoryCounts: [null, null, 4, 30],
    sample: ROWS,
    sampleRowCount: ROW_COUNT,
    hasWeights: weights !== null,
    threadCount: 1,
    settings,
    objective,
    constants,
    offsets: offsets === null ? null : Float64Array.from(offsets),
    monotone: null,
  });
  try {
    dataset.push(ROWS, ROW_COUNT, Float32Array.from(labels), weights === null ? null : Float32Array.from(weights));
    dataset.finish();
    const booster = dataset.createBooster(1, 0);
    for (let iteration = 0; iteration < ITERATIONS; iteration += 1) booster.update();
    const trees = withConstants(booster.trees(0, ITERATIONS), constants);
    booster.close();
    return trees;
  } finally {
    dataset.close();
  }
}

/** XGBoost's gradients, sums and explanations are float32: some rounding errors of them a tree. */
const TOLERANCE = 2e-5;

describe('ml fit xgboost: against the Python package', () => {
  for (const reference of REFERENCES.cases) {
    it(`${reference.objective}: scores and explanations of its own objective`, () => {
      const trees = treesOf(reference);
      const outputCount = reference.constants.length;
      const { score } = compileTrees(trees, COLUMNS);
      const places = { ofColumn: Int32Array.from({ length: COLUMNS }, (_, column) => column), count: COLUMNS };
      const explain = compileTreeContributions(trees, places.ofColumn, places);
      const raw = new Float64Array(outputCount);
      for (let row = 0; row < ROW_COUNT; row += 1) {
        score(ROWS, row * COLUMNS, raw, 0);
        for (let output = 0; output < outputCount; output += 1)
          expect(raw[output]).to.be.closeTo(reference.margins[row * outputCount + output] ?? NaN, TOLERANCE);
      }
      const explained = reference.contributions.length / (outputCount * (COLUMNS + 1));
      for (let row = 0; row < explained; row += 1) {
        const out = new Float64Array(outputCount * COLUMNS);
        explain.add(ROWS, row * COLUMNS, 1, out);
        for (let output = 0; output < outputCount; output += 1) {
          const at = (row * outputCount + output) * (COLUMNS + 1);
          const own = [...out.subarray(output * COLUMNS, (output + 1) * COLUMNS), explain.baseValues[output] ?? NaN];
          for (const [column, value] of own.entries())
            expect(value).to.be.closeTo(reference.contributions[at + column] ?? NaN, TOLERANCE);
        }
      }
    });
  }
});
