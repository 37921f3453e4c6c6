import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  ARTIFACT_FORMAT_VERSION,
  canonicalJson,
  type ApiKeyGrant,
  type DeploymentRecord,
  type Manifest,
  type ManifestFeature,
  type ManifestStep,
  type ModelSignature,
  type TrainingStatistics,
} from '#contracts';
import { packArtifact, type TreeArrays, type UnpackedContent } from '#scoring';

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex');

/** What the app server signs with. */
export interface TestSigner {
  /** SPKI, PEM */
  readonly publicKey: string;
  sign(document: unknown): string;
}

export function createSigner(): TestSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    sign: (document) => sign(null, Buffer.from(canonicalJson(document)), privateKey).toString('base64'),
  };
}

/** A split of a tree of one node. */
export interface Stump {
  readonly column: number;
  /** numeric: at most this goes left; category codes: these go left */
  readonly test: number | readonly number[];
  readonly left: number;
  readonly right: number;
}

/** Trees of one node each; NaN goes right, as one training row of four did. */
export function stumps(splits: readonly Stump[], outputCount = 1): TreeArrays {
  const sets = splits.flatMap(({ test }) => (typeof test === 'number' ? [] : [test]));
  let set = 0;
  return {
    outputCount,
    treeCount: splits.length,
    averageOutput: false,
    nodeOffset: Int32Array.from({ length: splits.length + 1 }, (_, tree) => tree),
    leafOffset: Int32Array.from({ length: splits.length + 1 }, (_, tree) => 2 * tree),
    splitFeature: Int32Array.from(splits, ({ column }) => column),
    threshold: Float64Array.from(splits, ({ test }) => (typeof test === 'number' ? test : set++)),
    decisionType: Uint8Array.from(splits, ({ test }) => (typeof test === 'number' ? 8 : 1)),
    left: Int32Array.from(splits, () => -1),
    right: Int32Array.from(splits, () => -2),
    leafValue: Float64Array.from(splits.flatMap(({ left, right }) => [left, right])),
    leafCover: Float64Array.from(splits.flatMap(() => [3, 1])),
    catBoundaries: Int32Array.from({ length: sets.length + 1 }, (_, i) => i),
    catBits: Uint32Array.from(sets, (codes) => codes.reduce((bits, code) => bits | (1 << code), 0)),
  };
}

const number = (name: string): ManifestFeature => ({
  name,
  type: 'numeric',
  parse: { kind: 'number', nullMarkers: ['NA'] },
});
const category = (name: string): ManifestFeature => ({
  name,
  type: 'categorical',
  parse: { kind: 'category', keyRule: 'text', nullMarkers: ['NA'] },
});

/** What the tests' models are made of: `age` and `height` numbers, `color` red, green or blue, `__proto__` a number. */
export const FEATURES: readonly ManifestFeature[] = [
  number('age'),
  category('color'),
  number('height'),
  number('__proto__'),
];
const STEPS: readonly ManifestStep[] = [
  { kind: 'numeric', feature: 0 },
  { kind: 'category-codes', feature: 1, keys: ['red', 'green', 'blue'], missingCode: null },
  { kind: 'numeric', feature: 2 },
  { kind: 'numeric', feature: 3 },
];

/** As if training had seen ages from 18 to 60 and heights from 1.5 to 2. */
export const STATISTICS: readonly TrainingStatistics[] = [
  { feature: 0, rowCount: 100, missingCount: 0, edges: [18, 40, 60], counts: [60, 40], topValues: null },
  { feature: 2, rowCount: 100, missingCount: 0, edges: [1.5, 2], counts: [100], topValues: null },
];

type Answer = Pick<UnpackedContent, 'targetType' | 'classes' | 'positiveClass' | 'threshold' | 'link'>;
const REGRESSION: Answer = {
  targetType: 'regression',
  classes: [],
  positiveClass: null,
  threshold: null,
  link: 'identity',
};

/** An unsigned model: what decides its predictions. */
export interface TestContent {
  readonly content: UnpackedContent;
  readonly trees: ReadonlyMap<string, TreeArrays>;
  /** None by default. */
  readonly statistics?: readonly TrainingStatistics[];
}

function treeContent(answer: Answer, trees: TreeArrays, features = FEATURES, steps = STEPS): TestContent {
  const { outputCount, treeCount, averageOutput } = trees;
  return {
    trees: new Map([['trees', trees]]),
    content: {
      ...answer,
      target: 'target',
      features: [...features],
      steps: [...steps],
      members: [
        {
          weight: 1,
          steps: steps.map((_, index) => index),
          model: { kind: 'trees', prefix: 'trees', outputCount, treeCount, averageOutput },
        },
      ],
    },
  };
}

/**
 * A regression whose value tells what was read: `base` + 1 for age <= 40, 10 for a red color, 100 for height <= 1.8,
 * 1000 for `__proto__` <= 0.
 */
export const regression = (base = 0): TestContent =>
  treeContent(
    REGRESSION,
    stumps([
      { column: 0, test: 40, left: base + 1, right: base },
      { column: 1, test: [0], left: 10, right: 0 },
      { column: 2, test: 1.8, left: 100, right: 0 },
      { column: 3, test: 0, left: 1000, right: 0 },
    ]),
  );

/** Log odds 2 (age <= 40) or -1 of the class `yes, "sure"`, plus 1 for red. */
export const BINARY_CLASSES = ['no', 'yes, "sure"'] as const;
export const binary = (): TestContent =>
  treeContent(
    { targetType: 'binary', classes: [...BINARY_CLASSES], positiveClass: 1, threshold: 0.5, link: 'logit' },
    stumps([
      { column: 0, test: 40, left: 2, right: -1 },
      { column: 1, test: [0], left: 1, right: 0 },
    ]),
  );

/** Class 1 for age <= 40, else class 3; class 2 never. */
export const multiclass = (): TestContent =>
  treeContent(
    { targetType: 'multiclass', classes: ['1', '2', '3'], positiveClass: null, threshold: null, link: 'softmax' },
    stumps(
      [
        { column: 0, test: 40, left: 1, right: -1 },
        { column: 0, test: 40, left: 0, right: 0 },
        { column: 0, test: 40, left: -1, right: 1 },
      ],
      3,
    ),
  );

/** As a version before explanations packed it. */
export const withoutCovers = ({ content, trees }: TestContent): TestContent => ({
  content,
  trees: new Map([...trees].map(([prefix, arrays]) => [prefix, { ...arrays, leafCover: null }])),
});

/** A regression that answers `value` whatever it is asked. */
export const constant = (value: number): TestContent => {
  const { content } = treeContent(REGRESSION, stumps([{ column: 0, test: 0, left: 0, right: 0 }]));
  return {
    content: { ...content, members: [{ weight: 1, steps: [0], model: { kind: 'constant', scores: [value] } }] },
    trees: new Map(),
  };
};

/** The files of a signed model, as the app server hands them out. */
export interface TestModel {
  readonly modelId: string;
  readonly manifest: Uint8Array;
  readonly manifestSha256: string;
  readonly blob: Uint8Array;
  readonly signature: ModelSignature;
}

export function makeModel(signer: TestSigner, modelId: string, made: TestContent): TestModel {
  const { manifest, blob } = unsignedModel(modelId, made);
  return signedModel(signer, modelId, Buffer.from(JSON.stringify(manifest)), blob);
}

/** The files of an artefact that nobody has signed. */
export function unsignedModel(
  modelId: string,
  { content, trees, statistics = [] }: TestContent,
): { readonly manifest: Manifest; readonly blob: Uint8Array } {
  const packed = packArtifact(content, trees, sha256);
  const manifest: Manifest = {
    formatVersion: ARTIFACT_FORMAT_VERSION,
    contentHash: packed.contentHash,
    modelId,
    projectId: 'prj_1',
    blueprintId: 'test',
    createdAt: '2026-11-23T10:00:00Z',
    seed: 1,
    rowCount: 100,
    parameters: {},
    content: packed.content,
    trainingStatistics: [...statistics],
    files: [],
  };
  return { manifest, blob: packed.blob };
}

/** The files of an artefact, signed. */
export function signedModel(signer: TestSigner, modelId: string, manifest: Uint8Array, blob: Uint8Array): TestModel {
  const manifestSha256 = sha256(manifest);
  const signature = { modelId, manifestSha256, signature: signer.sign({ modelId, manifestSha256 }) };
  return { modelId, manifest, manifestSha256, blob, signature };
}

/** A signed deployment record. */
export function makeRecord(
  signer: TestSigner,
  model: Pick<TestModel, 'modelId' | 'manifestSha256'>,
  changes: Partial<Omit<DeploymentRecord, 'signature'>> = {},
): DeploymentRecord {
  const record = {
    deploymentId: 'dep_1',
    name: 'test',
    modelId: model.modelId,
    manifestSha256: model.manifestSha256,
    sequence: 1,
    readers: ['usr_1'],
    settings: { missingColumns: 'warn' as const },
    ...changes,
  };
  return { ...record, signature: signer.sign(record) };
}

export const API_KEY = 'ty_key1_secret';

/** The grant of an API key, of `usr_1` unless said otherwise. */
export function makeGrant(key: string = API_KEY, changes: Partial<ApiKeyGrant> = {}): ApiKeyGrant {
  return {
    keyId: `id-${key.length}`,
    keySha256: sha256(key),
    userId: 'usr_1',
    role: 'user',
    scopes: ['read', 'predict'],
    expiresAt: null,
    ...changes,
  };
}
