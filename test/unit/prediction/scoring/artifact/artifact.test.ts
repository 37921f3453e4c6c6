import { expect } from 'chai';
import { AppError, type Manifest } from '#contracts';
import {
  checkArtifact,
  layOutArtifact,
  openArtifact,
  packArtifact,
  readModels,
  sectionsByName,
  storedShapes,
  withCalibration,
  type LinearArrays,
  type ModelArrays,
  type NetworkArrays,
  type SectionShape,
} from '#scoring';
import {
  manifestOf,
  sampleArtifact,
  sampleContent,
  sampleLinear,
  sampleModels,
  sampleNetwork,
  sampleTrees,
  sha256,
} from '../sample-artifact.ts';
import { randomGenerator } from '../support.ts';
import { copyOf, resealed, tryMutations } from './mutations.ts';
import { SUBJECTS } from './subjects.ts';

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (err) {
    if (err instanceof AppError) return `${err.code}: ${err.message}`;
    throw err;
  }
  return 'accepted';
}

describe('artefact', () => {
  const { manifest, blob } = sampleArtifact(randomGenerator(21));

  it('opens from JSON text and an unaligned blob, and is packed the same every time', () => {
    const again = sampleArtifact(randomGenerator(21));
    expect(again.manifest.contentHash).to.equal(manifest.contentHash);
    expect([...again.blob]).to.deep.equal([...blob]);
    const shifted = new Uint8Array(blob.length + 3);
    shifted.set(blob, 3);
    const scorers = [openArtifact(manifest, blob, sha256), openArtifact(copyOf(manifest), shifted.subarray(3), sha256)];
    const raws = scorers.map((scorer) => {
      const out = scorer.createPrediction();
      scorer.scoreRow({ age: 5, code: '7' }, out);
      return out.rawScores[0];
    });
    expect(raws[0]).to.be.finite;
    expect(raws[0]).to.equal(raws[1]);
  });

  it('keeps its own copy of the blob', () => {
    const bytes = blob.slice();
    const scorer = openArtifact(manifest, bytes, sha256);
    const out = scorer.createPrediction();
    scorer.scoreRow({ age: 5 }, out);
    const before = out.rawScores[0];
    bytes.fill(255);
    scorer.scoreRow({ age: 5 }, out);
    expect(out.rawScores[0]).to.equal(before);
  });

  it('is read in place where its bytes are aligned, else as copies, and has the same arrays', () => {
    const copies = readModels(manifest.content, blob);
    const inPlace = readModels(manifest.content, blob, 'in-place');
    expect(inPlace).to.deep.equal(copies);
    const buffersOf = (models: ReadonlyMap<string, ModelArrays>): Set<unknown> =>
      new Set(
        [...models.values()].flatMap((model) =>
          Object.values(model).flatMap((array: unknown) => (ArrayBuffer.isView(array) ? [array.buffer] : [])),
        ),
      );
    expect([...buffersOf(inPlace)]).to.deep.equal([blob.buffer]);
    expect(buffersOf(copies).has(blob.buffer)).to.equal(false);
    const shifted = new Uint8Array(blob.length + 1);
    shifted.set(blob, 1);
    expect(readModels(manifest.content, shifted.subarray(1), 'in-place')).to.deep.equal(copies);
  });

  it('takes a calibration as if it had been packed with it', () => {
    const calibration = { slope: 0.5, intercept: -0.25 };
    const models = sampleModels(randomGenerator(3));
    const packed = packArtifact(sampleContent(), models, sha256);
    const again = packArtifact({ ...sampleContent(), calibration }, models, sha256);
    expect(withCalibration(packed, calibration, sha256)).to.deep.equal(again);
    expect(codeOf(() => withCalibration(packed, { slope: 1e200, intercept: 0 }, sha256))).to.match(/^ARTIFACT_INVALID/);
  });

  it('opens and predicts without covers, as artefacts from before explanations are, and says what cannot be explained', () => {
    const old = copyOf(manifest);
    old.content.sections = old.content.sections.filter(({ name }) => !name.endsWith('.leafCover'));
    const [before, now] = [openArtifact(resealed(old, blob), blob, sha256), openArtifact(manifest, blob, sha256)];
    const [first, second] = [before.createPrediction(), now.createPrediction()];
    before.scoreRow({ age: 5, code: '7' }, first);
    now.scoreRow({ age: 5, code: '7' }, second);
    expect(first.rawScores).to.deep.equal(second.rawScores);
    expect(codeOf(() => before.createPrediction(true))).to.match(/^NOT_AVAILABLE: .*train it again/);
    expect(codeOf(() => before.explainer())).to.match(/^NOT_AVAILABLE/);
  });

  it('aligns sections to 8 bytes', () => {
    for (const section of manifest.content.sections) expect(section.offset % 8).to.equal(0);
    expect(manifest.content.sections).to.have.length(42);
  });

  it('gives back the arrays of every model as they were packed', () => {
    const packed = sampleModels(randomGenerator(21));
    const read = readModels(manifest.content, blob);
    for (const [prefix, arrays] of packed) expect(read.get(prefix), prefix).to.deep.equal(arrays);
    expect([...read.keys()]).to.deep.equal([...packed.keys()]);
  });

  it('hashes what decides predictions and nothing else', () => {
    const other = { ...manifest, modelId: 'another', createdAt: '2027-01-01T00:00:00Z', parameters: {} };
    expect(codeOf(() => openArtifact(other, blob, sha256))).to.equal('accepted');
    expect(
      codeOf(() => openArtifact({ ...manifest, content: { ...manifest.content, threshold: 0.4 } }, blob, sha256)),
    ).to.include('hash');
    const altered = blob.slice();
    altered[100] = (altered[100] ?? 0) ^ 1;
    expect(codeOf(() => openArtifact(manifest, altered, sha256))).to.include('SHA-256');
    expect(codeOf(() => openArtifact(manifest, blob.slice(0, -1), sha256))).to.include('bytes');
  });

  it('tells other versions before anything else', () => {
    expect(codeOf(() => openArtifact({ formatVersion: 2, somethingNew: true }, blob, sha256))).to.match(
      /^ARTIFACT_VERSION/,
    );
    expect(codeOf(() => openArtifact({ ...manifest, formatVersion: 'one' }, blob, sha256))).to.match(
      /^ARTIFACT_INVALID/,
    );
    for (const value of [null, undefined, 5, 'x', [], {}]) {
      expect(codeOf(() => openArtifact(value, blob, sha256))).to.match(/^ARTIFACT_INVALID/);
    }
  });

  const breakages: Readonly<Record<string, (content: Manifest['content']) => void>> = {
    'a link that does not fit': (content) => Object.assign(content, { link: 'softmax' }),
    'three classes of a binary target': (content) => content.classes.push('maybe'),
    'a class twice': (content) => content.classes.fill('yes'),
    'no positive class': (content) => Object.assign(content, { positiveClass: null }),
    'a positive class out of range': (content) => Object.assign(content, { positiveClass: 2 }),
    'a threshold above 1': (content) => Object.assign(content, { threshold: 1.5 }),
    'a feature name twice': (content) => Object.assign(content.features[0] ?? {}, { name: 'code' }),
    'a step without its feature': (content) => Object.assign(content.steps[0] ?? {}, { feature: 99 }),
    'a step that cannot read its feature': (content) => Object.assign(content.steps[0] ?? {}, { feature: 1 }),
    'a date step on numbers': (content) => Object.assign(content.steps[4] ?? {}, { feature: 0 }),
    'a key twice': (content) => Object.assign(content.steps[1] ?? {}, { keys: ['a', 'a'] }),
    'a key that is none': (content) => Object.assign(content.steps[2] ?? {}, { keys: ['007'] }),
    'a missing code beyond int32': (content) => Object.assign(content.steps[2] ?? {}, { missingCode: 2 ** 31 }),
    'a member step out of range': (content) => Object.assign(content.members[0] ?? {}, { steps: [0, 1, 2, 3, 4, 99] }),
    'too few columns for the trees': (content) => Object.assign(content.members[0] ?? {}, { steps: [0, 1] }),
    'an overflowing weight': (content) => Object.assign(content.members[0] ?? {}, { weight: 1e200 }),
    'a constant of two scores': (content) => Object.assign(content.members[2]?.model ?? {}, { scores: [1, 2] }),
    'another column count': (content) => Object.assign(content.members[3]?.model ?? {}, { columnCount: 3 }),
    'too few columns for the linear model': (content) => Object.assign(content.members[3] ?? {}, { steps: [2, 0, 1] }),
    'another unit count': (content) => Object.assign(content.members[4]?.model ?? {}, { unitCount: 2 }),
    'no units': (content) => Object.assign(content.members[4]?.model ?? {}, { unitCount: 0 }),
    'too few columns for the network': (content) => Object.assign(content.members[4] ?? {}, { steps: [2, 0, 1] }),
    'a constant without scores': (content) => Object.assign(content.members[2]?.model ?? {}, { scores: [] }),
    'another tree count': (content) => Object.assign(content.members[0]?.model ?? {}, { treeCount: 19 }),
    'another output count': (content) => Object.assign(content.members[0]?.model ?? {}, { outputCount: 2 }),
    'a missing section': (content) => content.sections.splice(3, 1),
    'a section twice': (content) => Object.assign(content.sections[1] ?? {}, { name: content.sections[0]?.name }),
    'a section of another type': (content) => Object.assign(content.sections[3] ?? {}, { type: 'int32' }),
    'an unaligned section': (content) =>
      Object.assign(content.sections[3] ?? {}, { offset: (content.sections[3]?.offset ?? 0) + 4 }),
    'an overlapping section': (content) => Object.assign(content.sections[3] ?? {}, { offset: 8 }),
    'a section beyond the blob': (content) => Object.assign(content.sections[19] ?? {}, { length: 1e15 }),
    'a model without a prefix of its own': (content) =>
      Object.assign(content.members[0]?.model ?? {}, { prefix: 'm9' }),
  };
  for (const [what, spoil] of Object.entries(breakages)) {
    it(`refuses ${what}`, () => {
      const broken = copyOf(manifest);
      spoil(broken.content);
      const sealed = resealed(broken, blob);
      const refusal = codeOf(() => openArtifact(sealed, blob, sha256));
      expect(refusal).to.match(/^ARTIFACT_INVALID/);
      expect(codeOf(() => checkArtifact(sealed, blob, sha256))).to.equal(refusal);
    });
  }

  it('refuses to pack arrays that are missing, surplus, or not what the model says', () => {
    const trees = sampleTrees(randomGenerator(1));
    const m0 = trees.get('m0');
    if (m0 === undefined) throw new Error('no m0');
    const models = sampleModels(randomGenerator(1));
    const linear = sampleLinear();
    const network = sampleNetwork();
    const spoilt: readonly ReadonlyMap<string, ModelArrays>[] = [
      new Map([['m0', m0]]),
      trees,
      new Map([...models, ['m2', m0]]),
      new Map([...models, ['m1', m0]]),
      new Map<string, ModelArrays>([...models, ['m1', linear]]),
      new Map([...models, ['m3', m0]]),
      new Map([...models, ['m0', { ...m0, leafValue: m0.leafValue.map(() => NaN) }]]),
      ...BROKEN_LINEAR.map((broken) => new Map<string, ModelArrays>([...models, ['m3', { ...linear, ...broken }]])),
      new Map<string, ModelArrays>([...models, ['m3', network]]),
      new Map<string, ModelArrays>([...models, ['m4', linear]]),
      ...BROKEN_NETWORK.map((broken) => new Map<string, ModelArrays>([...models, ['m4', { ...network, ...broken }]])),
    ];
    for (const arrays of spoilt)
      expect(codeOf(() => packArtifact(sampleContent(), arrays, sha256))).to.match(/^ARTIFACT_INVALID/);
    expect(manifestOf(packArtifact(sampleContent(), models, sha256)).content.blobSizeBytes).to.be.greaterThan(1000);
  });

  it('refuses arrays that come twice, late or otherwise than they were laid out', () => {
    const models = sampleModels(randomGenerator(21));
    const shapes = new Map<string, SectionShape[]>();
    for (const { model } of manifest.content.members)
      if (model.kind !== 'constant')
        shapes.set(model.prefix, storedShapes(model, sectionsByName(manifest.content.sections)));
    const packing = layOutArtifact(sampleContent(), shapes, sha256);
    const put = (prefix: string, arrays: ModelArrays = models.get(prefix) ?? expect.fail(prefix)) =>
      codeOf(() => packing.put(prefix, arrays));
    const { m0, m3 } = { m0: sampleTrees(randomGenerator(21)).get('m0'), m3: sampleLinear() };
    if (m0 === undefined) throw new Error('no m0');
    expect(put('m0', { ...m0, leafValue: m0.leafValue.slice(1) })).to.match(/arrays of "m0" are others/);
    expect(put('m0', { ...m0, leafCover: null })).to.match(/arrays of "m0" are others/);
    expect(put('m3', m0)).to.match(/^ARTIFACT_INVALID/);
    expect(put('m2', m3)).to.match(/arrays of "m2" are surplus/);
    for (const prefix of ['m4', 'm0', 'm3']) expect(put(prefix)).to.equal('accepted');
    expect(put('m4')).to.match(/arrays of "m4" are surplus/);
    expect(codeOf(() => packing.seal())).to.match(/arrays of m1 are missing/);
    expect(put('m1')).to.equal('accepted');
    expect(packing.seal()).to.deep.equal(packArtifact(sampleContent(), models, sha256));
  });

  for (const [what, subject] of Object.entries(SUBJECTS)) {
    it(`survives 800 mutations of ${what}: opened, scored and explained, or refused by an AppError`, () => {
      const outcomes = tryMutations(randomGenerator(31), subject(), 800);
      expect([...outcomes.keys()].sort()).to.deep.equal(['ARTIFACT_INVALID', 'ARTIFACT_VERSION', 'opened']);
      expect(outcomes.get('opened')).to.be.greaterThan(50);
      expect(outcomes.get('ARTIFACT_INVALID')).to.be.greaterThan(400);
    });
  }
});

/** What no linear model may be. */
const BROKEN_LINEAR: readonly Partial<LinearArrays>[] = [
  { columnCount: 5 },
  { intercept: Float64Array.of(Infinity) },
  { intercept: Float64Array.of(0, 0) },
  { columnKind: Uint8Array.of(1, 0, 1, 2) },
  { columnKind: Uint8Array.of(1, 0, 1) },
  { pointOffset: Int32Array.of(0, 6, 5, 13, 13) },
  { pointOffset: Int32Array.of(1, 6, 9, 13, 13) },
  { pointOffset: Int32Array.of(0, 6, 9, 12, 12) },
  { knot: Float64Array.of(0, 1, 2, 3, 4, 5, -10, -10, 1e9, 0, 1, 2, 3) },
  { knot: Float64Array.of(0, 2, 2, 3, 4, 5, -10, 20, 1e9, 0, 1, 2, 3) },
  { knot: Float64Array.of(0, 1, 2, 3, 4, 5, -10, 20, 1e101, 0, 1, 2, 3) },
  { value: new Float64Array(12) },
  { value: new Float64Array(13).fill(NaN) },
  { otherwise: new Float64Array(3) },
  { mean: new Float64Array(3) },
  { mean: Float64Array.of(0, NaN, 0, 0) },
];

/** What no network may be. */
const BROKEN_NETWORK: readonly Partial<NetworkArrays>[] = [
  { columnCount: 5 },
  { unitCount: 2 },
  { outputCount: 2 },
  { phase: Float32Array.of(0, NaN, 0) },
  { columnSize: Int32Array.of(2, 2, 1, 2) },
  { columnField: Int32Array.of(0, 1, 2, 2) },
  { value: new Float32Array(23) },
  { meanSine: new Float32Array(12).fill(2) },
];
