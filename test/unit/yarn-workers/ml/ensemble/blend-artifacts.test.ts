import { expect } from 'chai';
import type { ManifestModel, Parameters } from '#contracts';
import { blendArtifacts, type AutopilotRequest, type BlendedArtifact, type WeightedArtifact } from '#ml';
import { packArtifact, readModels, withCalibration, type ModelArrays } from '#scoring';
import { sha256 } from '../../../../support/boosting-engine.ts';
import { fitModels, type FittedModel } from '../../../../support/ensemble-task.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { MIXED_FEATURES, mixedTable } from '../../../../support/mixed-table.ts';
import { numberRule } from '../../../../support/memory-table.ts';
import { planOf } from '../../../../support/modelling-task.ts';

const ROWS = 300;
const TABLE = [
  ...mixedTable(ROWS),
  { name: 'exposure', parse: numberRule, cells: Array.from({ length: ROWS }, (_, row) => String(1 + (row % 3))) },
];

/** Blueprints of every kind of model; two of them read the same steps. */
const BLUEPRINTS: readonly (readonly [string, Parameters])[] = [
  ['lightgbm-fast', { maxIterations: 12, leaves: 8 }],
  ['linear', { penalties: 6 }],
  ['baseline', {}],
  ['lightgbm-linear-trees', { maxIterations: 8, leaves: 6 }],
  ['extra-trees', { trees: 6 }],
  ['factorization-machine', { penalties: 4 }],
  ['network', { units: 16, copies: 1, epochs: 2 }],
];
/** Forests have no raw score that an offset could be added to. */
const WITH_OFFSETS = BLUEPRINTS.filter(([id]) => id !== 'extra-trees');
const KINDS = ['constant', 'factorization-machine', 'forest', 'linear', 'linear-trees', 'network', 'trees'];

const CASES: readonly (readonly [string, Omit<AutopilotRequest, 'featureNames' | 'partitioning'>])[] = [
  ['binary', { target: 'binary' }],
  ['multiclass', { target: 'multiclass' }],
  ['count with an exposure', { target: 'count', targetType: 'regression', metric: 'poissonDeviance', exposureColumn: 'exposure' }], // prettier-ignore
];

const partsOf = (models: readonly FittedModel[]): WeightedArtifact[] =>
  models.map(({ manifest, fit }, index) => ({
    manifest,
    readBlob: () => Promise.resolve(fit.blob),
    weight: 1 / (index + 2),
  }));

/** The members' arrays packed anew, all of them in memory together. */
function packedTogether(parts: readonly FittedModel[], { content }: BlendedArtifact) {
  const { sections: _, blobSizeBytes: __, blobSha256: ___, ...unpacked } = content;
  const models = new Map<string, ModelArrays>();
  let place = 0;
  for (const { fit } of parts) {
    const arrays = readModels(fit.content, fit.blob);
    for (const { model } of fit.content.members) {
      const found = model.kind === 'constant' ? undefined : arrays.get(model.prefix);
      if (found !== undefined) models.set(`member${place}`, found);
      place += 1;
    }
  }
  return packArtifact(unpacked, models, sha256);
}

const kindsOf = (parts: readonly { readonly model: ManifestModel }[]): string[] =>
  [...new Set(parts.map(({ model }) => model.kind))].sort();

describe('ml blend of artefacts', function () {
  this.timeout(60_000);
  const fitted = new Map<string, FittedModel[]>();
  before(async () => {
    for (const [name, request] of CASES) {
      const featureNames = [...MIXED_FEATURES];
      const plan = await planOf(TABLE, { ...request, featureNames, partitioning: { method: 'random', folds: 2 } });
      fitted.set(name, await fitModels(TABLE, plan, name.startsWith('count') ? WITH_OFFSETS : BLUEPRINTS));
    }
  });
  const modelsOf = (name: string): FittedModel[] => fitted.get(name) ?? expect.fail(`no models of ${name}`);

  for (const [name] of CASES) {
    it(`${name}: has the bytes that its members packed together have, whatever kind they are`, async () => {
      const models = modelsOf(name);
      const outputs = models[0]?.fit.content.classes.length ?? 0;
      const shifts = name === 'multiclass' ? Array.from({ length: outputs }, (_, output) => output / 8) : [0.25];
      const blend = await blendArtifacts(partsOf(models), sha256, shifts);
      const together = packedTogether(models, blend);
      expect(Buffer.compare(blend.blob, together.blob)).to.equal(0);
      expect(blend.contentHash).to.equal(together.contentHash);
      const { members, steps, offsets } = blend.content;
      expect(kindsOf(members)).to.deep.equal(KINDS.filter((kind) => kind !== 'forest' || offsets === undefined));
      expect(members.at(-1)).to.deep.equal({ weight: 1, steps: [], model: { kind: 'constant', scores: shifts } });
      expect(offsets?.length).to.equal(name.startsWith('count') ? 1 : undefined);

      const own = models.flatMap(({ fit }) => fit.content.members.map(({ steps: read }) => read.map((at) => fit.content.steps[at]))); // prettier-ignore
      expect(members.slice(0, -1).map(({ steps: read }) => read.map((at) => steps[at]))).to.deep.equal(own);
      expect(new Set(steps.map((step) => JSON.stringify(step)))).to.have.property('size', steps.length);
      expect(steps.length).to.be.lessThan(new Set(own.flat()).size);
    });
  }

  it('adds calibrations up', async () => {
    const models = modelsOf('binary').map((model, index): FittedModel => {
      if (index > 1) return model;
      const packed = withCalibration(model.fit, { slope: 2 + index, intercept: -1 }, sha256);
      return { ...model, fit: { ...model.fit, ...packed }, manifest: { ...model.manifest, ...packed } };
    });
    const parts = partsOf(models);
    const { content, contentHash } = await blendArtifacts(parts, sha256);
    expect(content.calibration).to.deep.equal({ slope: 1, intercept: -1 / 2 - 1 / 3 });
    const weights = models.flatMap(({ fit }, index) =>
      fit.content.members.map(({ weight }) => (parts[index]?.weight ?? NaN) * weight * (index > 1 ? 1 : 2 + index)),
    );
    expect(content.members.map(({ weight }) => weight)).to.deep.equal(weights);
    expect(contentHash).to.not.equal((await blendArtifacts(partsOf(modelsOf('binary')), sha256)).contentHash);
  });

  it('reads one blob after the other, each when nothing is asked of those before', async () => {
    const models = modelsOf('binary');
    const expected = await blendArtifacts(partsOf(models), sha256);
    const read: number[] = [];
    let last = new Uint8Array(0);
    const parts = partsOf(models).map((part, index) => ({
      ...part,
      readBlob: async () => {
        read.push(index);
        last.fill(0xff);
        last = Uint8Array.from(await part.readBlob());
        return last;
      },
    }));
    const blend = await blendArtifacts(parts, sha256);
    last.fill(0xff);
    expect(read).to.deep.equal([...models.keys()]);
    expect(blend).to.deep.equal(expected);
  });

  it('refuses artefacts whose arrays are not what their manifests say', async () => {
    const models = modelsOf('binary');
    const [first] = models;
    if (first === undefined) throw new Error('no model');
    const { content } = first.manifest;
    const refused = async (changes: Partial<typeof content>, blob = first.fit.blob): Promise<string> => {
      const manifest = { ...first.manifest, content: { ...content, ...changes } };
      const parts = [{ manifest, readBlob: () => Promise.resolve(blob), weight: 1 }];
      return (await appErrorOf('ARTIFACT_INVALID', () => blendArtifacts(parts, sha256))).message;
    };
    const without = content.sections.filter(({ name }) => !name.endsWith('.threshold'));
    expect(await refused({ sections: without })).to.match(/\.threshold": is missing/);
    const retyped = content.sections.map((one) => (one.name.endsWith('.left') ? { ...one, type: 'uint32' as const } : one)); // prettier-ignore
    expect(await refused({ sections: retyped })).to.match(/\.left": is uint32, expected int32/);
    const shorter = content.sections.map((one) => (one.name.endsWith('.left') ? { ...one, length: one.length - 1 } : one)); // prettier-ignore
    expect(await refused({ sections: shorter })).to.match(/^trees: left has/);
    expect(await refused({}, first.fit.blob.subarray(0, -8))).to.match(/ends at/);
    const spoilt = first.fit.blob.map((byte, at) => (at < (content.sections[1]?.offset ?? 0) ? 0x7f : byte));
    expect(await refused({}, spoilt)).to.match(/^trees: nodeOffset/);
  });
});
