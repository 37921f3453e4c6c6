import { expect } from 'chai';
import type { Column, Manifest, ManifestFeature, ManifestStep } from '#contracts';
import { columnCountOf, openArtifact, packArtifact, type LinearArrays, type Scorer } from '#scoring';
import { manifestOf, regressionContent, sha256 } from '../sample-artifact.ts';

/** A model whose output is a matrix column of some steps as it is, `missing` where it is missing. */
export function columnScorer(...what: Parameters<typeof columnArtifact>): Scorer {
  const { manifest, blob } = columnArtifact(...what);
  return openArtifact(manifest, blob, sha256);
}

/** The artefact of {@link columnScorer}. */
export function columnArtifact(
  features: readonly ManifestFeature[],
  steps: readonly ManifestStep[],
  column: number,
  missing = -1,
): { readonly manifest: Manifest; readonly blob: Uint8Array } {
  const columnCount = columnCountOf(steps);
  const points = Array.from({ length: columnCount + 1 }, (_, place) => (place > column ? 2 : 0));
  const identity: LinearArrays = {
    outputCount: 1,
    columnCount,
    intercept: Float64Array.of(0),
    columnKind: new Uint8Array(columnCount),
    pointOffset: Int32Array.from(points),
    // Powers of 2, so that interpolation rounds nothing.
    knot: Float64Array.of(-1024, 1024),
    value: Float64Array.of(-1024, 1024),
    otherwise: Float64Array.from({ length: columnCount }, (_, place) => (place === column ? missing : 0)),
    mean: new Float64Array(columnCount),
  };
  const content = regressionContent({
    features: [...features],
    steps: [...steps],
    members: [
      {
        weight: 1,
        steps: [...steps.keys()],
        model: { kind: 'linear', prefix: 'm', outputCount: 1, columnCount },
      },
    ],
  });
  const packed = packArtifact(content, new Map([['m', identity]]), sha256);
  return { manifest: manifestOf(packed), blob: packed.blob };
}

export type Row = Readonly<Record<string, string | null>>;

/** What rows are scored as: as objects, as cells, and as batches of texts and of a dictionary; all equal. */
export function scores(scorer: Scorer, rows: readonly Row[]): number[] {
  const out = scorer.createPrediction();
  const scored = (raw: Parameters<Scorer['scoreRow']>[0], row: number): number => {
    scorer.scoreRow(raw, out, row);
    return Number(out.prediction);
  };
  const byRow = rows.map((row, index) => scored(row, index));
  const byCells = rows.map((row, index) =>
    scored(
      scorer.manifest.content.features.map(({ name }) => row[name]),
      index,
    ),
  );
  expect(byCells).to.deep.equal(byRow);
  const textsOf = (name: string) => rows.map((row) => row[name] ?? null);
  const texts = scorer.inputFeatures.map((name): Column => ({ view: 'text', name, values: textsOf(name) }));
  const coded = scorer.inputFeatures.map((name): Column => {
    const dictionary = [...new Set(textsOf(name))].filter((text) => text !== null);
    const codes = Int32Array.from(textsOf(name), (text) => (text === null ? -1 : dictionary.indexOf(text)));
    return { view: 'dictionary', name, dictionary, codes };
  });
  for (const columns of [texts, coded]) {
    const batch = new Float64Array(rows.length);
    scorer.scoreBatch({ firstRow: 0, rowCount: rows.length, columns }, batch);
    expect([...batch]).to.deep.equal(byRow);
  }
  return byRow;
}
