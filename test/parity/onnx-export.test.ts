import { expect } from 'chai';
import { compareParity, measuredRows, parityFiles, rowsFor } from '#export';
import { parseCsv } from '#runtime';
import { EXPORTED_MODELS } from '../support/export/exported-models.ts';
import { fittedArtifact, portableOf, rowsOf, type FittedArtifact } from '../support/export/fitted-model.ts';
import { hardModel } from '../support/export/hard-model.ts';
import { measureInOnnxRuntime, prepareOnnxRuntime } from '../support/export/onnx-runtime.ts';

const DATA_ROWS = 200;

describe('parity: ONNX Runtime predicts by the exported graph what the model predicts', function () {
  this.timeout(120_000);

  before(function () {
    // The first time installs it.
    this.timeout(1_200_000);
    prepareOnnxRuntime();
  });

  /** Holds the home against the model on rows of the data and odd ones. */
  async function compare(artifact: FittedArtifact, data: readonly (readonly (string | null)[])[]): Promise<void> {
    const model = portableOf(artifact);
    const { scorer, manifest } = artifact;
    const rows = rowsFor('onnx', model, scorer, data);
    const files = parityFiles(model, { home: 'onnx', version: '0.0.0' }, rows);
    const text = measureInOnnxRuntime(new Map(files.map(({ name, bytes }) => [name, bytes])));
    const { header, rows: lines } = parseCsv(text, { rowsMax: rows.rows.length + 1, columnsMax: 100 });
    const measured = measuredRows(header, lines, manifest.content, rows.rows.length);
    expect(measured.engine).to.equal('ONNX Runtime 1.32.0');
    const facts = compareParity(scorer, rows, measured.rows);
    expect(facts.labelDifferenceCount).to.equal(0);
    expect(facts.relativeDifferenceMax).to.be.below(1e-12);
    expect(facts.dataRowCount).to.equal(data.length);
  }

  for (const { title, table, request, blueprintId, parameters } of EXPORTED_MODELS.filter(
    (one) => one.blueprintId !== 'baseline',
  )) {
    it(title, async () => {
      const artifact = await fittedArtifact(table, request, blueprintId, parameters);
      await compare(artifact, rowsOf(table, artifact.manifest, DATA_ROWS));
    });
  }

  for (const seed of [1, 2, 3])
    it(`a calibrated ensemble of random trees, lines and a constant with hard names, keys and thresholds (${seed})`, () =>
      compare(hardModel(seed), []));
});
