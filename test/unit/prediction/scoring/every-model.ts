import type { Manifest, ManifestStep } from '#contracts';
import { packArtifact, type ModelArrays, type TreeArrays, type UnpackedContent } from '#scoring';
import { randomFactorization } from './random-factorization.ts';
import { randomTrees } from './random-trees.ts';
import { manifestOf, sha256 } from './sample-artifact.ts';
import { SAMPLE_FOREST } from './sample-forest.ts';
import type { RandomGenerator } from './support.ts';

const nullMarkers = ['NA'];
const DAY = 86_400;

/** The kinds of step that `sampleContent` lacks. */
const STEPS: readonly ManifestStep[] = [
  { kind: 'numeric', feature: 0 },
  { kind: 'category-codes', feature: 1, keys: ['red', 'green'], missingCode: 2 },
  {
    ...{ kind: 'category-numbers', feature: 1, meaning: 'target', keys: ['red', 'green'], outputCount: 3 },
    ...{ values: [0.1, 0.2, 0.7, 0.3, 0.3, 0.4], missing: [0, 0, 1], unseen: [0.2, 0.3, 0.5] },
  },
  { kind: 'date-difference', feature: 2, minus: 3 },
  { kind: 'holidays', feature: 2, columns: 'distances', names: ['a', 'b'], days: [0, 3, 3, 19], nameOf: [0, 0, 1, 1] },
  { kind: 'holidays', feature: 3, columns: 'names', names: ['a', 'b'], days: [0, 3, 3, 19], nameOf: [0, 0, 1, 1] },
  { kind: 'place-directions', feature: 4, longitude: 5, width: 0.6 },
  { kind: 'place-parts', feature: 6, parts: ['latitude', 'north-west'], width: 0.6 },
  {
    ...{ kind: 'place-cells', feature: 6, longitude: null, depths: [1, 2] },
    ...{ onLongitude: [true, false, false], cuts: [10, 40, 50] },
  },
  {
    ...{ kind: 'category-cross', feature: 1, other: 0, keys: ['red', 'green'], otherKeys: ['1', '2'] },
    codes: Array.from({ length: 16 }, (_, at) => (at % 5 === 4 ? null : at % 7)),
  },
  {
    ...{ kind: 'place-distance', feature: 4, longitude: 5, other: 6, otherLongitude: null },
    measures: ['kilometres', 'log-kilometres'],
  },
  {
    ...{ kind: 'series-history', feature: 2, series: 1, season: 'weekday', windows: [7, 28], log: false },
    ...{ keys: ['green', 'red'], times: [0, DAY], values: [10, 11, 12, 20, 21, 22] },
    seasonal: [...Array.from({ length: 14 }, (_, at) => at), ...Array.from({ length: 14 }, () => null)],
  },
  {
    ...{ kind: 'text-scores', feature: 7, tokens: 'characters', minLength: 1, maxLength: 2, charactersMax: 100 },
    ...{ documentCount: 9, terms: ['a', 'b', 'c '], documents: [5, 3, 1], outputCount: 3 },
    coefficients: [0.5, -0.5, 0.25, 1, 0, -1, 0.1, 0.2, 0.3],
  },
];
/** Numbers: all but codes, crosses and cells. */
const DENSE_STEPS = [0, 2, 3, 4, 5, 6, 7, 10, 11, 12];
const DENSE_COLUMNS = 1 + 3 + 1 + 2 + 2 + 2 + 2 + 2 + 6 + 3;

/** Every leaf is a line of two columns. */
function withLines(trees: TreeArrays): TreeArrays {
  const leafCount = trees.leafValue.length;
  const terms = Float64Array.from({ length: 2 * leafCount }, (_, at) => Math.sin(at));
  return {
    ...trees,
    linear: {
      constant: trees.leafValue.map((value) => value / 2),
      termOffset: Int32Array.from({ length: leafCount + 1 }, (_, leaf) => 2 * leaf),
      termColumn: Int32Array.from({ length: 2 * leafCount }, (_, at) => (at % 2) * 3),
      coefficient: terms,
      termMean: terms.map((value) => value / 3),
    },
  };
}

/** Three classes, by the kinds of model and step that `sampleArtifact` lacks: forest, factorization machine, linear leaves. */
export function everyOtherModel(random: RandomGenerator): { manifest: Manifest; blob: Uint8Array } {
  const trees = (): TreeArrays =>
    randomTrees(random, {
      ...{ treeCount: 9, leafCountMax: 7, outputCount: 3, columnCount: DENSE_COLUMNS, firstCategory: DENSE_COLUMNS },
      ...{ thresholds: [-1, 0, 0.5, 3, 100], categoryCount: 1 },
    });
  const models = new Map<string, ModelArrays>([
    ['t', trees()],
    ['l', withLines(trees())],
    ['f', SAMPLE_FOREST],
    ['m', randomFactorization(random, 4, 3, 2)],
  ]);
  const shape = { outputCount: 3, treeCount: 9, averageOutput: false };
  const content: UnpackedContent = {
    ...{ targetType: 'multiclass', target: 'y', classes: ['a', 'b', 'c'], positiveClass: null, threshold: null },
    link: 'softmax',
    features: [
      { name: 'age', type: 'numeric', parse: { kind: 'number', nullMarkers } },
      { name: 'color', type: 'categorical', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
      { name: 'sent', type: 'date', parse: { kind: 'date', formats: ['iso-date'], nullMarkers } },
      { name: 'made', type: 'date', parse: { kind: 'date', formats: ['d.m.y'], nullMarkers } },
      { name: 'latitude', type: 'numeric', parse: { kind: 'number', nullMarkers } },
      { name: 'longitude', type: 'numeric', parse: { kind: 'number', nullMarkers } },
      { name: 'place', type: 'geo', parse: { kind: 'geo', nullMarkers } },
      { name: 'note', type: 'text', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
    ],
    steps: [...STEPS],
    members: [
      { weight: 0.4, steps: DENSE_STEPS, model: { kind: 'trees', prefix: 't', ...shape } },
      { weight: 0.3, steps: DENSE_STEPS, model: { kind: 'linear-trees', prefix: 'l', ...shape } },
      {
        weight: 0.2,
        steps: [0, 1],
        model: {
          kind: 'forest',
          prefix: 'f',
          outputCount: 3,
          treeCount: 2,
          columnCount: 2,
          link: 'softmax',
          priorVotes: 1,
        },
      },
      {
        weight: 0.1,
        steps: [0, 1, 3, 9],
        model: { kind: 'factorization-machine', prefix: 'm', outputCount: 3, columnCount: 4, rank: 2 },
      },
      { weight: 0, steps: [8], model: { kind: 'constant', scores: [0, 1, 2] } },
    ],
  };
  const packed = packArtifact(content, models, sha256);
  return { manifest: manifestOf(packed), blob: packed.blob };
}

/** Rows of it. */
export const OTHER_ROWS: readonly Readonly<Record<string, unknown>>[] = [
  {},
  {
    ...{ age: 2, color: 'red', sent: '1970-01-05', made: '4.1.1970', latitude: 48, longitude: 11 },
    ...{ place: '50, 8', note: 'abc a b' },
  },
  { age: 1e300, color: 'mauve', sent: '2024-02-29', latitude: 91, longitude: -400, place: '-90 180', note: '😀a' },
];
