import { createHash } from 'node:crypto';
import { ARTIFACT_FORMAT_VERSION, type Manifest } from '#contracts';
import { packArtifact, type TreeArrays, type UnpackedContent } from '#scoring';
import { randomTrees } from './random-trees.ts';
import type { RandomGenerator } from './support.ts';

export const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const nullMarkers = ['NA', '-999'];

/** Every kind of step, key rule and column name that is hard; an ensemble of trees, a constant and shared steps. */
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
  const packed = packArtifact(sampleContent(), sampleTrees(random), sha256);
  return { manifest: manifestOf(packed), blob: packed.blob };
}
