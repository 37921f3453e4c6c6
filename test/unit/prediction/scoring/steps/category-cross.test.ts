import { expect } from 'chai';
import type { Column, ManifestContent, ManifestFeature, ManifestStep } from '#contracts';
import {
  checkStep,
  crossCodeCount,
  crossNames,
  openArtifact,
  packArtifact,
  stepColumns,
  type CrossStep,
  type LinearArrays,
} from '#scoring';
import { encodeSample, followPairs } from '../../../../../yarn-workers/ml/insights/features/fold-scorer.ts';
import { withColumnsFrom } from '../../../../../yarn-workers/ml/insights/features/permutations.ts';
import { appErrorOf } from '../../../../support/expect-error.ts';
import { manifestOf, regressionContent, sha256 } from '../sample-artifact.ts';

const nullMarkers = ['NA'];
const FEATURES: ManifestFeature[] = [
  { name: 'doors', type: 'numeric', parse: { kind: 'number', nullMarkers } },
  { name: 'kind', type: 'categorical', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
  { name: 'note', type: 'text', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
];
/** Places of `kind`: a, b, missing, unseen; of `doors`: 0, 2.5, missing, unseen. */
const CROSS: CrossStep = {
  kind: 'category-cross',
  feature: 1,
  other: 0,
  keys: ['a', 'b'],
  otherKeys: ['0', '2.5'],
  codes: [0, 1, null, 2, 3, null, null, null, 4, null, 5, null, null, null, null, 6],
};

/** A model that answers the code, and 1,024 of a pair without one. */
function scorer() {
  const linear: LinearArrays = {
    outputCount: 1,
    columnCount: 1,
    intercept: Float64Array.of(0),
    columnKind: Uint8Array.of(1),
    pointOffset: Int32Array.of(0, 7),
    knot: Float64Array.from({ length: 7 }, (_, code) => code),
    value: Float64Array.from({ length: 7 }, (_, code) => code),
    otherwise: Float64Array.of(1024),
    mean: new Float64Array(1),
  };
  const content = regressionContent({
    features: FEATURES,
    steps: [CROSS],
    members: [{ weight: 1, steps: [0], model: { kind: 'linear', prefix: 'm', outputCount: 1, columnCount: 1 } }],
  });
  const packed = packArtifact(content, new Map([['m', linear]]), sha256);
  return openArtifact(manifestOf(packed), packed.blob, sha256);
}

const ROWS: readonly (readonly [Readonly<Record<string, string | null>>, number])[] = [
  [{ kind: 'a', doors: '0' }, 0],
  [{ kind: 'a', doors: '-0.0' }, 0],
  [{ kind: 'a', doors: '25e-1' }, 1],
  [{ kind: 'a', doors: 'NA' }, 1024],
  [{ kind: 'a', doors: '7' }, 2],
  [{ kind: 'b', doors: '0' }, 3],
  [{ kind: null, doors: '0' }, 4],
  [{ kind: 'NA' }, 5],
  [{}, 5],
  [{ doors: '0' }, 4],
  [{ kind: 'c', doors: 'inf' }, 6],
  [{ kind: 'c', doors: '0' }, 1024],
];

describe('scoring: a cross of two features', () => {
  it('has the code of their keys, the same row by row, by cells and in batches', () => {
    const own = scorer();
    expect(own.inputFeatures).to.deep.equal(['doors', 'kind']);
    const out = own.createPrediction();
    for (const [index, [row, code]] of ROWS.entries())
      for (const raw of [row, FEATURES.map(({ name }) => row[name])]) {
        own.scoreRow(raw, out, index);
        expect(out.prediction, `row ${index}`).to.equal(code);
      }
    own.scoreRow({ kind: 'a', doors: 2.5 }, out, 0);
    expect(out.prediction).to.equal(1);
    const textsOf = (name: string) => ROWS.map(([row]) => row[name] ?? null);
    const dictionary = [...new Set(textsOf('kind'))].filter((text) => text !== null);
    const kinds: Column[] = [
      { view: 'text', name: 'kind', values: textsOf('kind') },
      {
        view: 'dictionary',
        name: 'kind',
        dictionary,
        codes: Int32Array.from(textsOf('kind'), (text) => (text === null ? -1 : dictionary.indexOf(text))),
      },
    ];
    for (const kind of kinds) {
      const batch = new Float64Array(ROWS.length);
      const columns: Column[] = [kind, { view: 'text', name: 'doors', values: textsOf('doors') }];
      own.scoreBatch({ firstRow: 0, rowCount: ROWS.length, columns }, batch);
      expect([...batch]).to.deep.equal(ROWS.map(([, code]) => code));
    }
  });

  it('is named by both, its codes by their keys', () => {
    expect(stepColumns(CROSS, FEATURES)).to.deep.equal([
      { name: 'kind x doors', sourceFeature: 'kind', kind: 'category' },
    ]);
    expect(crossCodeCount(CROSS)).to.equal(7);
    expect(crossNames(CROSS)).to.deep.equal([
      ...['a x 0', 'a x 2.5', 'a x (other)', 'b x 0'],
      ...['(missing) x 0', '(missing) x (missing)', '(other) x (other)'],
    ]);
  });

  it('follows in insights when the cells of one of its features are moved', () => {
    const features = [
      { index: 0, name: 'doors', values: { kind: 'number' as const, values: Float64Array.of(0, 2.5, NaN) } },
      {
        index: 1,
        name: 'kind',
        values: { kind: 'category' as const, codes: Int32Array.of(0, 0, 1), keys: ['a', 'b'] },
      },
    ];
    // The cast holds: of the content only the steps are read.
    const sample = encodeSample({ steps: [CROSS] } as unknown as ManifestContent, features, 3);
    const found = (): number[] => [0, 1, 2].map((row) => sample.values[row * sample.columnCount] ?? Infinity);
    expect(found()).to.deep.equal([0, 1, NaN]);
    expect(sample.columnsOf.map(({ length }) => length)).to.deep.equal([1, 1]);
    // As if all rows had the doors of the first.
    withColumnsFrom(
      sample,
      sample.columnsOf[0] ?? new Uint32Array(0),
      () => 0,
      () => {
        followPairs(sample);
        expect(found()).to.deep.equal([0, 0, 3]);
      },
    );
    followPairs(sample);
    expect(found()).to.deep.equal([0, 1, NaN]);
  });

  it('is refused of texts, and of codes that do not fit', async () => {
    checkStep(CROSS, 0, FEATURES);
    const refused: readonly (readonly [ManifestStep, string])[] = [
      [{ ...CROSS, other: 2 }, 'crosses feature 2, which is no category or number'],
      [{ ...CROSS, other: 5 }, 'crosses feature 5'],
      [{ ...CROSS, feature: 2 }, 'is text'],
      [{ ...CROSS, codes: [0] }, '1 codes of 16 pairs'],
      [{ ...CROSS, keys: ['a', 'a'] }, 'a key appears twice'],
    ];
    for (const [step, part] of refused) {
      const err = await appErrorOf('ARTIFACT_INVALID', () => checkStep(step, 4, FEATURES));
      expect(err.message).to.contain(part);
    }
  });
});
