import { expect } from 'chai';
import { Client } from 'pg';
import { compareParity, measuredRows, rowsFor, sqlParity } from '#export';
import { EXPORTED_MODELS } from '../support/export/exported-models.ts';
import { fittedArtifact, portableOf, rowsOf, type FittedArtifact } from '../support/export/fitted-model.ts';
import { hardModel } from '../support/export/hard-model.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';

const DATA_ROWS = 200;

describe('parity: PostgreSQL predicts by the exported SQL what the model predicts', function () {
  this.timeout(120_000);
  let database: TestDatabase;
  let client: Client;

  before(async () => {
    database = await createDatabase();
    client = new Client({ connectionString: database.url });
    await client.connect();
  });

  after(async () => {
    await client.end();
    await database.close();
  });

  /** Holds the home against the model on rows of the data and odd ones. */
  async function compare(artifact: FittedArtifact, data: readonly (readonly (string | null)[])[]): Promise<void> {
    const model = portableOf(artifact);
    const { scorer, manifest } = artifact;
    const rows = rowsFor('postgresql', model, scorer, data);
    const answer = await client.query<unknown[]>({ text: sqlParity(model, 'postgresql', rows), rowMode: 'array' });
    const measured = measuredRows(
      answer.fields.map(({ name }) => name),
      answer.rows.map((row) => row.map(String)),
      manifest.content,
      rows.rows.length,
    );
    expect(measured.engine).to.match(/^PostgreSQL 1[0-9]/);
    const facts = compareParity(scorer, rows, measured.rows);
    expect(facts.labelDifferenceCount).to.equal(0);
    expect(facts.relativeDifferenceMax).to.be.below(1e-12);
    expect(facts.dataRowCount).to.equal(data.length);
  }

  for (const { title, table, request, blueprintId, parameters } of EXPORTED_MODELS) {
    it(title, async () => {
      const artifact = await fittedArtifact(table, request, blueprintId, parameters);
      await compare(artifact, rowsOf(table, artifact.manifest, DATA_ROWS));
    });
  }

  for (const seed of [1, 2, 3])
    it(`a calibrated ensemble of random trees, lines and a constant with hard names, keys and thresholds (${seed})`, () =>
      compare(hardModel(seed), []));
});
