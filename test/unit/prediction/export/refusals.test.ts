import { expect } from 'chai';
import type { ManifestFeature, ManifestStep } from '#contracts';
import { portableModel, quotedTable, writeOnnx, writeSql, type PortableModel } from '#export';
import { modelReader, packArtifact, type UnpackedContent } from '#scoring';
import { appErrorOf } from '../../../support/expect-error.ts';
import { hardModel } from '../../../support/export/hard-model.ts';
import { portableOf } from '../../../support/export/fitted-model.ts';
import { randomTrees } from '../scoring/random-trees.ts';
import { regressionContent, sampleArtifact, sha256 } from '../scoring/sample-artifact.ts';
import { randomGenerator } from '../scoring/support.ts';

const nullMarkers = ['NA'];
const FEATURES: ManifestFeature[] = [
  { name: 'when', type: 'date', parse: { kind: 'date', formats: ['iso-date'], nullMarkers } },
  { name: 'words', type: 'text', parse: { kind: 'category', keyRule: 'text', nullMarkers } },
  { name: 'at', type: 'geo', parse: { kind: 'geo', nullMarkers } },
  { name: 'size', type: 'numeric', parse: { kind: 'number', nullMarkers } },
];

const noMembers = new Map();

/** A constant model that reads what one step makes. */
function modelOf(step: ManifestStep, changes: Partial<UnpackedContent> = {}): PortableModel {
  const model = { kind: 'constant' as const, scores: [1] };
  const content = regressionContent({ features: FEATURES, steps: [step], members: [{ weight: 1, steps: [0], model }] });
  const packed = packArtifact({ ...content, ...changes }, noMembers, sha256);
  return portableModel(packed.content, packed.contentHash, modelReader(packed.content, packed.blob));
}

const POSTGRESQL = { source: 't', keep: [] };

/** Holds that something is refused, in words that have these among them. */
async function expectRefusal(make: () => unknown, words: string): Promise<void> {
  expect((await appErrorOf('EXPORT_UNSUPPORTED', make)).message).to.include(words);
}

describe('exports refuse what they cannot match, and name it:', () => {
  const steps: readonly ManifestStep[] = [
    {
      ...{ kind: 'text-scores', feature: 1, tokens: 'words', minLength: 1, maxLength: 1, charactersMax: 100 },
      ...{ documentCount: 2, terms: ['a'], documents: [1], outputCount: 1, coefficients: [1] },
    },
    { kind: 'holidays', feature: 0, columns: 'distances', names: ['new year'], days: [0], nameOf: [0] },
    { kind: 'place-parts', feature: 2, parts: ['latitude'], width: 1 },
  ];
  for (const step of steps)
    it(`a step ${step.kind}`, async () => {
      await expectRefusal(() => modelOf(step), `step 0 (${step.kind} of `);
    });

  it('a network in an ensemble', async () => {
    const { manifest, blob } = sampleArtifact(randomGenerator(1));
    const { content, contentHash } = manifest;
    const make = () => portableModel(content, contentHash, modelReader(content, blob));
    await expectRefusal(make, 'member 4 (network)');
  });

  it('nodes to which 0 is a missing value', async () => {
    const trees = randomTrees(randomGenerator(3), {
      ...{ treeCount: 1, leafCountMax: 2, columnCount: 1, firstCategory: 1, thresholds: [1], categoryCount: 0 },
    });
    const zero = {
      ...trees,
      nodeOffset: Int32Array.of(0, 1),
      leafOffset: Int32Array.of(0, 2),
      splitFeature: Int32Array.of(0),
      threshold: Float64Array.of(1),
      decisionType: Uint8Array.of(4),
      left: Int32Array.of(-1),
      right: Int32Array.of(-2),
      leafValue: Float64Array.of(1, 2),
      leafCover: Float64Array.of(1, 1),
    };
    const content = regressionContent({
      features: FEATURES,
      steps: [{ kind: 'numeric', feature: 3 }],
      members: [
        {
          weight: 1,
          steps: [0],
          model: { kind: 'trees', prefix: 'm', outputCount: 1, treeCount: 1, averageOutput: false },
        },
      ],
    });
    const packed = packArtifact(content, new Map([['m', zero]]), sha256);
    const model = portableModel(packed.content, packed.contentHash, modelReader(packed.content, packed.blob));
    await expectRefusal(() => writeSql(model, 'postgresql', POSTGRESQL), 'takes 0 as a missing value');
    await expectRefusal(() => writeOnnx(model, '0'), 'takes 0 as a missing value');
  });

  it('dates in Hive, whose versions count them from different zones', async () => {
    const model = modelOf({ kind: 'numeric', feature: 0 });
    await expectRefusal(() => writeSql(model, 'hive', POSTGRESQL), 'feature "when" is a date');
    expect(writeSql(model, 'postgresql', POSTGRESQL)).to.include('EXTRACT(EPOCH FROM t."when")');
  });

  it('names that a database has no room for', async () => {
    const long = { ...FEATURES[3], name: 'ü'.repeat(32) } as ManifestFeature;
    const model = modelOf({ kind: 'numeric', feature: 3 }, { features: [...FEATURES.slice(0, 3), long] });
    await expectRefusal(() => writeSql(model, 'postgresql', POSTGRESQL), '1 to 63 bytes');
    await expectRefusal(() => quotedTable('a..b', 'postgresql'), 'is no name');
  });

  it('an output’s name as an input of a graph, and a graph without inputs', async () => {
    const named = { ...FEATURES[3], name: 'prediction' } as ManifestFeature;
    const model = modelOf({ kind: 'numeric', feature: 3 }, { features: [...FEATURES.slice(0, 3), named] });
    await expectRefusal(() => writeOnnx(model, '0'), '"prediction" cannot be called so');
    const none = modelOf(
      { kind: 'numeric', feature: 3 },
      { steps: [], members: [{ weight: 1, steps: [], model: { kind: 'constant', scores: [1] } }] },
    );
    await expectRefusal(() => writeOnnx(none, '0'), 'reads no feature');
  });

  it('members that have no say are not asked', () => {
    const { manifest, blob } = sampleArtifact(randomGenerator(1));
    const { contentHash } = manifest;
    const members = manifest.content.members.map((member, index) => ({ ...member, weight: index === 4 ? 0 : 1 }));
    const content = { ...manifest.content, members };
    const model = portableModel(content, contentHash, modelReader(content, blob));
    expect(model.members.map(({ kind }) => kind)).to.deep.equal(['trees', 'trees', 'constant', 'linear']);
  });
});

describe('names and texts in exported SQL', () => {
  it('cannot end what they stand in', () => {
    const model = modelOf({ kind: 'numeric', feature: 3 });
    const name = 'x" FROM t; DROP TABLE t; --';
    expect(writeSql(model, 'postgresql', { source: 't', keep: [name] })).to.include(
      't."x"" FROM t; DROP TABLE t; --" AS k0',
    );
    expect(quotedTable('a"b.c', 'postgresql')).to.equal('"a""b"."c"');
    expect(quotedTable('a`b.c', 'hive')).to.equal('`a``b`.`c`');
  });

  it('are escaped for Hive, where $ begins a variable and ; may end a statement', () => {
    const model = modelOf(
      { kind: 'category-codes', feature: 1, keys: ["it's", '${x};', '\\', '\n'], missingCode: null },
      {
        features: FEATURES.map((feature) => ({
          ...feature,
          type: feature.type === 'text' ? 'categorical' : feature.type,
        })),
      },
    );
    const sql = writeSql(model, 'hive', { source: '`t`', keep: [] });
    expect(sql).to.include("= 'it\\'s'").and.to.include("= '\\u0024{x}\\u003b'").and.to.include("= '\\\\'");
    expect(sql)
      .to.include("= '\\u000a'")
      .and.to.not.match(/OFFSET|float8|::/);
  });

  it('say which model they are, and what they read', () => {
    const artifact = hardModel(1);
    const sql = writeSql(portableOf(artifact), 'postgresql', { source: 't', keep: [] });
    expect(sql).to.match(
      new RegExp(`^-- Trainyard model of content ${artifact.manifest.contentHash}, for postgresql.\n`),
    );
    expect(sql).to.include('"age", "__proto__", "code", "flag", "when", "constructor"');
  });
});
