import type { HumilityRule, Manifest } from '#contracts';
import { cellReader } from '../parse/cell-reader.ts';
import { DEFAULT_THRESHOLD } from '../models/link.ts';
import type { RowPrediction } from '../scorer/scorer.ts';
import type { RawRow } from '../steps/row-encoder.ts';
import { ruleFeatures, unfitFor, type CellCondition, type RuleFeature, type TrainingRange } from './rule-features.ts';

/**
 * Which rules hold for a row that has just been predicted: bit i is set where rule i holds.
 *
 * @param row its cells have been read by the model, so that each can be
 */
export type RuleJudge = (row: RawRow, prediction: RowPrediction) => number;

type Condition = (row: RawRow, prediction: RowPrediction) => boolean;

/**
 * Compiles the rules of a deployment for its model. Features that the model does not read are passed over: they were checked when the rules
 * were given, and again when the model was replaced.
 *
 * @param threshold the deployment's; undefined: the model's own
 */
export function compileRules(
  rules: readonly HumilityRule[],
  manifest: Manifest,
  threshold: number | undefined,
): RuleJudge {
  const features = ruleFeatures(manifest);
  const conditions = rules.map(({ when }): Condition => {
    switch (when.type) {
      case 'nearThreshold': {
        const { positiveClass, threshold: own } = manifest.content;
        const middle = threshold ?? own ?? DEFAULT_THRESHOLD;
        return (_row, { probabilities }) =>
          Math.abs((probabilities[positiveClass ?? 1] ?? NaN) - middle) <= when.within;
      }
      case 'lowProbability':
        return (_row, { probabilities, classIndex }) => (probabilities[classIndex] ?? NaN) < when.below;
      case 'predictionOutside': {
        const isOutside = outside({ least: when.least ?? -Infinity, most: when.most ?? Infinity });
        return (_row, { prediction }) => isOutside(Number(prediction));
      }
      case 'unseenLevel':
        return unseenLevel(chosen(when, features));
      case 'missingValue':
      case 'outsideRange':
        return anyOf(chosen(when, features).map((feature) => cellTest(when, feature)));
    }
  });
  return (row, prediction) => {
    let held = 0;
    for (let rule = 0; rule < conditions.length; rule += 1)
      if (conditions[rule]?.(row, prediction) === true) held |= 1 << rule;
    return held;
  };
}

const outside =
  ({ least, most }: TrainingRange) =>
  (value: number): boolean =>
    value < least || value > most;

function anyOf(tests: readonly Condition[]): Condition {
  return (row, prediction) => {
    for (const test of tests) if (test(row, prediction)) return true;
    return false;
  };
}

/** The features that a condition looks at. */
function chosen(condition: CellCondition, features: readonly RuleFeature[]): readonly RuleFeature[] {
  const named = condition.features === undefined ? null : new Set(condition.features);
  return features.filter(
    (feature) => (named === null || named.has(feature.feature.name)) && unfitFor(condition, feature) === null,
  );
}

/** By what the scorer has found, so that no cell is read twice. */
function unseenLevel(features: readonly RuleFeature[]): Condition {
  const places = new Set(features.map(({ index }) => index));
  return (_row, { unseenLevelCount, unseenFeatures }) => {
    for (let at = 0; at < unseenLevelCount; at += 1) if (places.has(unseenFeatures[at] ?? -1)) return true;
    return false;
  };
}

function cellTest(
  condition: Extract<CellCondition, { type: 'missingValue' | 'outsideRange' }>,
  { index, feature, range }: RuleFeature,
): Condition {
  const reader = cellReader(feature.parse);
  // The casts hold: what is no array is the record of the union (Array.isArray does not narrow readonly arrays).
  const cellOf = (row: RawRow): unknown =>
    Array.isArray(row) ? (row as readonly unknown[])[index] : (row as Readonly<Record<string, unknown>>)[feature.name];
  if (reader.kind === 'category') return (row) => (reader.read(cellOf(row)) ?? null) === null;
  const value = new Float64Array(2);
  const { read } = reader;
  if (condition.type === 'missingValue') return (row) => read(cellOf(row), value, 0) && Number.isNaN(value[0] ?? NaN);
  const { least = -Infinity, most = Infinity } =
    condition.least === undefined && condition.most === undefined ? (range ?? {}) : condition;
  const isOutside = outside({ least, most });
  return (row) => read(cellOf(row), value, 0) && isOutside(value[0] ?? NaN);
}
