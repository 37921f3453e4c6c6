import { createHash } from 'node:crypto';
import { ARTIFACT_FORMAT_VERSION, type Manifest } from '#contracts';
import {
  CATEGORY_COLUMN,
  NUMBER_COLUMN,
  packArtifact,
  type LinearArrays,
  type ModelArrays,
  type NetworkArrays,
  type TreeArrays,
  type UnpackedContent,
} from '#scoring';
import { randomTrees } from './random-trees.ts';
import type { RandomGenerator } from './support.ts';

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const nullMarkers = ['NA', '-999'];

/** The content of a model of numbers under the identity link. */
export const regressionContent = (parts: Pick<UnpackedContent, 'features' | 'steps' | 'members'>): UnpackedContent => ({
  targetType: 'regression',
  target: 'y',
  classes: [],
  positiveClass: null,
  threshold: null,
  link: 'identity',
  ...parts,
});

/** Every kind of step, key rule and column name that is hard; an ensemble of trees, a constant, a linear model, a network and shared steps. */
export function sampleContent(): UnpackedContent {
  return {
    targetType: 'binary',
    target: 'y',
    classes: ['no', 'yes'],
    positiveClass: 1,
    threshold: 0.5,
    link: 'logit',
    features: [
      { name: 'age', type: 'numeric', parse: { kind: 'number', nullMarkers } },
      { name: '__proto__', type: 'categorical', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
      { name: 'unused', type: 'numeric', parse: { kind: 'number', nullMarkers } },
      { name: 'code', type: 'categorical', parse: { kind: 'category', keyRule: 'number', nullMarkers } },
      { name: 'flag', type: 'boolean', parse: { kind: 'category', keyRule: 'boolean', nullMarkers } },
      { name: 'when', type: 'date', parse: { kind: 'date', formats: ['iso-date', 'iso-datetime'], nullMarkers } },
      { name: 'constructor', type: 'numeric', parse: { kind: 'number', nullMarkers: [] } },
    ],
    steps: [
      { kind: 'numeric', feature: 0 },
      { kind: 'category-codes', feature: 1, keys: ['a', 'b', 'hasOwnProperty', ' 7'], missingCode: null },
      { kind: 'category-codes', feature: 3, keys: ['7', '0', '1e+21', 'x', '-999'], missingCode: 5 },
      { kind: 'category-codes', feature: 4, keys: ['false', 'true'], missingCode: null },
      { kind: 'date-parts', feature: 5, parts: ['epochDays', 'year', 'month', 'day', 'weekday', 'hour'] },
      { kind: 'numeric', feature: 6 },
      { kind: 'numeric', feature: 5 },
    ],
    members: [
      {
        weight: 0.3,
        steps: [0, 1, 2, 3, 4, 5],
        model: { kind: 'trees', prefix: 'm0', outputCount: 1, treeCount: 20, averageOutput: false },
      },
      {
        weight: 0.5,
        steps: [2, 6, 5, 1],
        model: { kind: 'trees', prefix: 'm1', outputCount: 1, treeCount: 8, averageOutput: true },
      },
      { weight: 0.2, steps: [], model: { kind: 'constant', scores: [-0.75] } },
      { weight: 0.4, steps: [2, 0, 1, 5], model: { kind: 'linear', prefix: 'm3', outputCount: 1, columnCount: 4 } },
      {
        weight: 0.6,
        steps: [2, 0, 1, 5],
        model: { kind: 'network', prefix: 'm4', outputCount: 1, columnCount: 4, unitCount: 3 },
      },
    ],
  };
}

export function sampleTrees(random: RandomGenerator): Map<string, TreeArrays> {
  // Member 0: age, __proto__, code, flag, six date parts, constructor; categories are moved last by hand below.
  const thresholds = [-1.5, 0, 1, 7, 20, 40.25, 2020, 1e9];
  const base = { leafCountMax: 15, thresholds, categoryCount: 8 };
  const first = randomTrees(random, { ...base, treeCount: 20, columnCount: 11, firstCategory: 8 });
  // Columns 8, 9, 10 of the random trees are categories: in the member they are 1, 2, 3.
  const place = [0, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3];
  const second = randomTrees(random, { ...base, treeCount: 8, columnCount: 4, firstCategory: 2, averageOutput: true });
  const placeSecond = [1, 2, 0, 3];
  const moved = (trees: TreeArrays, to: readonly number[]): TreeArrays => ({
    ...trees,
    splitFeature: trees.splitFeature.map((column) => to[column] ?? 0),
  });
  return new Map([
    ['m0', moved(first, place)],
    ['m1', moved(second, placeSecond)],
  ]);
}

/** Coefficients of code, a broken line of age, __proto__, and nothing of the feature that is only missing or not. */
export function sampleLinear(): LinearArrays {
  return {
    outputCount: 1,
    columnCount: 4,
    intercept: Float64Array.of(0.25),
    columnKind: Uint8Array.of(CATEGORY_COLUMN, NUMBER_COLUMN, CATEGORY_COLUMN, NUMBER_COLUMN),
    pointOffset: Int32Array.of(0, 6, 9, 13, 13),
    knot: Float64Array.of(0, 1, 2, 3, 4, 5, -10, 20, 1e9, 0, 1, 2, 3),
    value: Float64Array.of(0.5, -0.5, 0.25, 0, 1, -1, -0.3, 0.9, 7, 0.1, 0.2, 0.3, -0.4),
    otherwise: Float64Array.of(0.05, -0.06, 0.07, -0.08),
    mean: Float64Array.of(0.125, 0.3, -0.04, -0.01),
  };
}

/** Cosines of the same columns, code and age as two inputs each. */
export function sampleNetwork(): NetworkArrays {
  const { columnCount, outputCount, columnKind, pointOffset, knot } = sampleLinear();
  const waves = (count: number): Float32Array => Float32Array.from({ length: count }, (_, at) => Math.sin(3 * at + 1));
  return {
    ...{ columnCount, outputCount, unitCount: 3, columnKind, pointOffset, knot },
    intercept: Float64Array.of(-0.125),
    phase: waves(3),
    inputWeight: waves(18),
    outputWeight: waves(3),
    columnField: Int32Array.of(0, 1, 2, 3),
    columnSize: Int32Array.of(2, 2, 1, 1),
    value: waves(22),
    otherwise: waves(6),
    meanCosine: waves(12).map((value) => value / 2),
    meanSine: waves(12).map((value) => 0.5 - value / 4),
  };
}

export function sampleModels(random: RandomGenerator): Map<string, ModelArrays> {
  return new Map<string, ModelArrays>([...sampleTrees(random), ['m3', sampleLinear()], ['m4', sampleNetwork()]]);
}

export function manifestOf(packed: { content: Manifest['content']; contentHash: string }): Manifest {
  return {
    formatVersion: ARTIFACT_FORMAT_VERSION,
    contentHash: packed.contentHash,
    modelId: 'model',
    projectId: 'project',
    blueprintId: 'gbdt',
    createdAt: '2026-11-23T10:00:00Z',
    seed: 1,
    rowCount: 100,
    parameters: { learning_rate: 0.1 },
    content: packed.content,
    trainingStatistics: [],
    files: [],
  };
}

export function sampleArtifact(random: RandomGenerator): { manifest: Manifest; blob: Uint8Array } {
  const packed = packArtifact(sampleContent(), sampleModels(random), sha256);
  return { manifest: manifestOf(packed), blob: packed.blob };
}
