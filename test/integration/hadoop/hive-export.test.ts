import { expect } from 'chai';
import { compareParity, measuredRows, rowsFor, sqlParity, type ParityRows } from '#export';
import { EXPORTED_MODELS } from '../../support/export/exported-models.ts';
import { fittedArtifact, portableOf, rowsOf, type FittedArtifact } from '../../support/export/fitted-model.ts';
import { answersOfHive, type HiveAnswer } from '../../support/hive/hive-engine.ts';

const DATA_ROWS = 200;
/** Exports to Hive know no dates. */
const DATES = ['day', 'sent'];

describe('parity: Hive’s engine predicts by the exported SQL what the model predicts', function () {
  this.timeout(60_000);

  const compared: { readonly artifact: FittedArtifact; readonly rows: ParityRows }[] = [];
  let answers: readonly HiveAnswer[] = [];

  before(async function () {
    this.timeout(1_200_000);
    const queries: string[] = [];
    for (const { table, request, blueprintId, parameters } of EXPORTED_MODELS) {
      const featureNames = (request.featureNames ?? []).filter((name) => !DATES.includes(name));
      const artifact = await fittedArtifact(table, { ...request, featureNames }, blueprintId, parameters);
      const model = portableOf(artifact);
      const rows = rowsFor('hive', model, artifact.scorer, rowsOf(table, artifact.manifest, DATA_ROWS));
      compared.push({ artifact, rows });
      queries.push(sqlParity(model, 'hive', rows));
    }
    answers = await answersOfHive(queries);
  });

  for (const [at, { title }] of EXPORTED_MODELS.entries())
    it(title, () => {
      const { artifact, rows } = compared[at] ?? expect.fail('no such model');
      const { header, rows: lines } = answers[at] ?? expect.fail('no answer');
      const { content } = artifact.manifest;
      const { rows: measured, engine } = measuredRows(header, lines, content, rows.rows.length);
      expect(engine).to.match(/^4\.1\.0 /);
      const facts = compareParity(artifact.scorer, rows, measured);
      expect(facts).to.include({ dataRowCount: DATA_ROWS, labelDifferenceCount: 0 });
      expect(facts.relativeDifferenceMax).to.be.below(1e-12);
    });
});
