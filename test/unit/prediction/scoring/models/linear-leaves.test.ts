import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { isAppError, nullable, parse, strict, Type, type ManifestContent } from '#contracts';
import {
  compileTrees,
  openArtifact,
  packArtifact,
  parseLightgbmModel,
  treesModel,
  type LightgbmModel,
  type LinearLeaves,
  type UnpackedContent,
} from '#scoring';
import { manifestOf, sha256 } from '../sample-artifact.ts';

const References = strict({
  version: Type.String(),
  rows: Type.Array(Type.Array(nullable(Type.Number()))),
  cases: Type.Array(strict({ name: Type.String(), model: Type.String(), raw: Type.Array(Type.Number()) })),
});
const { rows, cases } = parse(
  References,
  JSON.parse(
    readFileSync(new URL('../../../../fixtures/linear-trees/references.json', import.meta.url), 'utf8'),
  ) as unknown,
  'references of linear trees',
);
const [regression, multiclass] = cases.map(({ model }) => parseLightgbmModel(model));

const COLUMNS = 4;
const matrix = Float64Array.from(rows.flat(), (cell) => cell ?? NaN);
const scoresOf = (model: LightgbmModel): Float64Array => {
  const { score } = compileTrees(model, COLUMNS);
  const out = new Float64Array(rows.length * model.outputCount);
  for (let row = 0; row < rows.length; row += 1) score(matrix, row * COLUMNS, out, row * model.outputCount);
  return out;
};
const whole = (): LightgbmModel => regression ?? expect.fail('no case');
const leaves = (): LinearLeaves => whole().linear ?? expect.fail('no linear leaves');

function contentOf(model: LightgbmModel): UnpackedContent {
  const isClasses = model.outputCount > 1;
  const numeric = (name: string) => ({
    name,
    type: 'numeric' as const,
    parse: { kind: 'number' as const, nullMarkers: [] },
  });
  return {
    targetType: isClasses ? 'multiclass' : 'regression',
    target: 'y',
    classes: isClasses ? ['a', 'b', 'c'] : [],
    positiveClass: null,
    threshold: null,
    link: isClasses ? 'softmax' : 'identity',
    features: ['x0', 'x1', 'x2', 'x3'].map(numeric),
    steps: [0, 1, 2, 3].map((feature) => ({ kind: 'numeric', feature })),
    members: [{ weight: 1, steps: [0, 1, 2, 3], model: treesModel('m', model) }],
  };
}

const codeOf = (run: () => unknown): string => {
  try {
    run();
  } catch (err) {
    if (isAppError(err, 'ARTIFACT_INVALID') || isAppError(err, 'NOT_AVAILABLE')) return `${err.code}: ${err.message}`;
    throw err;
  }
  return 'accepted';
};

describe('linear leaves', () => {
  for (const [index, { name, raw }] of cases.entries())
    it(`score as LightGBM’s own package does, to the last bit: ${name}`, () => {
      const model = [regression, multiclass][index] ?? expect.fail('no model');
      expect(model.linear?.coefficient.length).to.be.greaterThan(20);
      expect(scoresOf(model)).to.deep.equal(Float64Array.from(raw));
    });

  it('are their constant value where a number of theirs is missing, and where the sum is none', () => {
    const text = cases[0]?.model ?? '';
    const constant = parseLightgbmModel(text.replaceAll('is_linear=1', 'is_linear=0'));
    expect(constant.linear).to.equal(undefined);
    const scored = (model: LightgbmModel, row: readonly number[]): number => {
      const out = new Float64Array(1);
      compileTrees(model, COLUMNS).score(Float64Array.from(row), 0, out, 0);
      return out[0] ?? NaN;
    };
    for (const [row, isConstant] of [
      [[1, 10, 3, 2], false],
      [[NaN, NaN, NaN, NaN], true],
      [[1e300, 1e300, 1e300, 2], true],
      [[Infinity, Infinity, -Infinity, 1], true],
      [[-Infinity, -1e308, Infinity, 1], true],
    ] as const) {
      const own = scored(whole(), row);
      expect(own, String(row)).to.be.finite;
      expect(own === scored(constant, row), String(row)).to.equal(isConstant);
    }
  });

  it('take numbers that LightGBM drops as 0', () => {
    const { score } = compileTrees(
      { ...whole(), linear: { ...leaves(), coefficient: leaves().coefficient.map(() => 1e90) } },
      COLUMNS,
    );
    const [tiny, none] = [new Float64Array(1), new Float64Array(1)];
    score(Float64Array.of(1e-36, -1e-36, 1e-36, 0), 0, tiny, 0);
    score(Float64Array.of(0, 0, 0, 0), 0, none, 0);
    expect(tiny).to.deep.equal(none);
  });

  it('whose fit overflowed are constants', () => {
    const text = (cases[0]?.model ?? '').replace(/(Tree=1\n[^]*?leaf_const=)\S+/, '$1-nan');
    const [coefficient] = leaves().coefficient.subarray(leaves().termOffset[6] ?? 0);
    const huge = (cases[0]?.model ?? '').replace(`leaf_coeff=${String(coefficient)} `, 'leaf_coeff=inf ');
    for (const broken of [text, huge]) {
      expect(broken).not.to.equal(cases[0]?.model);
      const { linear, leafValue, leafOffset } = parseLightgbmModel(broken);
      const leaf = leafOffset[1] ?? 0;
      expect(linear?.constant[leaf]).to.equal(leafValue[leaf]);
      expect(linear?.termOffset[leaf + 1]).to.equal(linear?.termOffset[leaf]);
    }
    expect(codeOf(() => parseLightgbmModel((cases[0]?.model ?? '').replace('leaf_const=', 'leaf_const=x')))).to.match(
      /^ARTIFACT_INVALID: .*tree 0: leaf_const/,
    );
    expect(
      codeOf(() => parseLightgbmModel((cases[0]?.model ?? '').replace('num_features=1 ', 'num_features=2 '))),
    ).to.match(/leaf_features has \d+ numbers, expected/);
  });

  for (const model of [regression, multiclass])
    it(`are stored and read back as a kind of their own: ${model?.outputCount ?? 0} outputs`, () => {
      const model0 = model ?? expect.fail('no model');
      const packed = packArtifact(contentOf(model0), new Map([['m', model0]]), sha256);
      expect(packed.content.members[0]?.model.kind).to.equal('linear-trees');
      const scorer = openArtifact(JSON.parse(JSON.stringify(manifestOf(packed))), packed.blob, sha256);
      const expected = scoresOf(model0);
      const out = scorer.createPrediction();
      for (const [index, row] of rows.entries()) {
        scorer.scoreRow(Object.fromEntries(row.map((cell, column) => [`x${column}`, cell])), out);
        expect([...out.rawScores]).to.deep.equal([
          ...expected.subarray(index * model0.outputCount, (index + 1) * model0.outputCount),
        ]);
      }
    });

  it('have an artefact that stays what it is', () => {
    const packed = packArtifact(contentOf(whole()), new Map([['m', whole()]]), sha256);
    expect(packed.contentHash).to.equal('974e469ef2e682930ee01893444b4be648ba8f19ea1612e552f54f434ba88b67');
  });

  it('are refused where they cannot be', () => {
    const linear = leaves();
    const broken: readonly (readonly [string, LinearLeaves])[] = [
      ['constant has', { ...linear, constant: linear.constant.subarray(1) }],
      ['termOffset has', { ...linear, termOffset: linear.termOffset.subarray(1) }],
      ['termColumn has', { ...linear, termColumn: linear.termColumn.subarray(1) }],
      ['termMean has', { ...linear, termMean: linear.termMean.subarray(1) }],
      ['termOffset starts', { ...linear, termOffset: linear.termOffset.map((at, leaf) => (leaf === 0 ? 1 : at)) }],
      ['termOffset ends', { ...linear, termOffset: linear.termOffset.map((at, leaf) => (leaf < 36 ? at : at + 1)) }],
      ['termOffset falls', { ...linear, termOffset: linear.termOffset.map((at, leaf) => (leaf === 9 ? 0 : at)) }],
      ['reads column 4', { ...linear, termColumn: linear.termColumn.map(() => 4) }],
      ['reads column -1', { ...linear, termColumn: linear.termColumn.map(() => -1) }],
      ['coefficient 0 is NaN', { ...linear, coefficient: linear.coefficient.map(() => NaN) }],
      ['constant 0 is 1e+101', { ...linear, constant: linear.constant.map(() => 1e101) }],
    ];
    for (const [what, each] of broken)
      expect(codeOf(() => compileTrees({ ...whole(), linear: each }, COLUMNS))).to.match(
        new RegExp(`^ARTIFACT_INVALID: linear leaves: .*${what.replace('+', '\\+')}`),
      );
    const content = contentOf(whole());
    const asTrees: UnpackedContent = {
      ...content,
      members: content.members.map((member) => ({ ...member, model: { ...treesModel('m', whole()), kind: 'trees' } })),
    };
    expect(codeOf(() => packArtifact(asTrees, new Map([['m', whole()]]), sha256))).to.match(
      /linear-trees, expected trees/,
    );
    const packed = packArtifact(content, new Map([['m', whole()]]), sha256);
    const without: ManifestContent = {
      ...packed.content,
      sections: packed.content.sections.filter(({ name }) => name !== 'm.coefficient'),
    };
    expect(
      codeOf(() =>
        openArtifact(manifestOf({ content: without, contentHash: packed.contentHash }), packed.blob, sha256),
      ),
    ).to.match(/^ARTIFACT_INVALID/);
  });
});
