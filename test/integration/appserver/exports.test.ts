import { createPublicKey, verify } from 'node:crypto';
import { expect } from 'chai';
import { Client } from 'pg';
import { canonicalJson, Job, Leaderboard, ParityCertificate, Project } from '#contracts';
import { csvCell } from '#runtime';
import { createRandom } from '#statistics';
import type { Api } from '../../support/api.ts';
import { startTestAppServer, type TestAppServer } from '../../support/app-server.ts';
import { testEngine } from '../../support/boosting-engine.ts';
import { measureInOnnxRuntime } from '../../support/export/onnx-runtime.ts';
import { numberRule, textRule, type MemoryColumn } from '../../support/memory-table.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres.ts';
import { ProtocolWorker } from '../../support/protocol-worker.ts';
import { unzip } from '../../support/zip.ts';

const ROWS = 300;
/** A feature whose name would end a name in SQL. */
const HOSTILE = 'size", 1/0 AS "x';
const LABELS = ['no, never', 'yes "indeed"'];

function columnsOf(): MemoryColumn[] {
  const random = createRandom(6);
  const rows = Array.from({ length: ROWS }, () => ({
    x: random.uniform(),
    colour: ['red', 'blue', "d'or"][random.below(3)] ?? '',
    noise: random.uniform(),
  }));
  const isYes = ({ x, colour, noise }: (typeof rows)[number]): boolean =>
    noise < 1 / (1 + Math.exp(-8 * (x - (colour === 'red' ? 0.3 : 0.6))));
  return [
    { name: HOSTILE, cells: rows.map(({ x }, row) => (row % 17 === 0 ? 'NA' : String(x))), parse: numberRule },
    { name: 'colour', cells: rows.map(({ colour }) => colour), parse: textRule },
    { name: 'y', cells: rows.map((row) => LABELS[isYes(row) ? 1 : 0] ?? ''), parse: textRule },
  ];
}

describe('app server: models for other homes, with certificates of their parity', () => {
  let world: TestAppServer;
  let database: TestDatabase;
  let worker: ProtocolWorker;
  let api: Api;
  let board: Leaderboard;

  before(async function () {
    this.timeout(120_000);
    database = await createDatabase();
    world = await startTestAppServer({ 'autopilot.insights': 'none' });
    worker = new ProtocolWorker(world.server.url, world.config, world.store, columnsOf(), {
      ...{ protocolVersion: 2, engine: testEngine(), sampleRowCount: ROWS },
    });
    api = (await world.user('ann')).api;
    const answer = await api.upload({ content: 'x,colour,y\n1,red,yes\n', fileName: 'data.csv' });
    await worker.workAll();
    const datasetId = (await api.get(`/jobs/${(answer.json as Job).id}`, Job)).resource?.split('/').at(-1) ?? '';
    const { id } = await api.call('POST', '/projects', 201, Project, { json: { name: 'p', datasetId } });
    const blueprints = ['baseline', 'linear', 'lightgbm-fast'];
    await api.call('POST', `/projects/${id}/autopilot`, 202, Job, { json: { target: 'y', blueprints, seed: 1 } });
    await worker.workAll();
    await api.call('POST', `/projects/${id}/models`, 202, Job, { json: { blueprintId: 'extra-trees' } });
    await worker.workAll();
    board = await api.get(`/projects/${id}/leaderboard`, Leaderboard);
  });
  after(async () => {
    worker.close();
    await world.close();
    await database.close();
  });

  const modelWhere = (isWanted: (row: Leaderboard['data'][number]) => boolean): string =>
    board.data.find(isWanted)?.modelId ?? expect.fail('no such model');
  const modelOf = (blueprintId: string): string =>
    modelWhere((row) => row.blueprintId === blueprintId && row.refitOf === null);
  const pathOf = (model: string, home: string): string => `/models/${model}/exports/${home}`;
  const archiveOf = async (model: string, home: string): Promise<Map<string, Buffer>> => {
    const answer = await api.request('GET', `${pathOf(model, home)}/parity`);
    expect(answer.status, answer.text.slice(0, 500)).to.equal(200);
    return unzip(answer.bytes);
  };

  /** What psql would print with --csv. */
  async function measuredInPostgres(statement: string): Promise<string> {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      const { fields, rows } = await client.query<unknown[]>({ text: statement, rowMode: 'array' });
      const lines = [fields.map(({ name }) => name), ...rows.map((row) => row.map(String))];
      return lines.map((cells) => `${cells.map(csvCell).join(',')}\n`).join('');
    } finally {
      await client.end();
    }
  }

  const certify = (model: string, home: string, measured: string): Promise<ParityCertificate> =>
    api.call('POST', `${pathOf(model, home)}/certificates`, 200, ParityCertificate, { json: { measured } });

  async function expectSigned(certificate: ParityCertificate): Promise<void> {
    const { signature, publicKey, ...document } = certificate;
    const isSigned = (said: unknown): boolean =>
      verify(null, Buffer.from(canonicalJson(said)), createPublicKey(publicKey), Buffer.from(signature, 'base64'));
    const artefact = unzip((await api.request('GET', `/models/${certificate.modelId}/artifact`)).bytes);
    expect(JSON.parse(artefact.get('signature.json')?.toString() ?? '')).to.include({ publicKey });
    expect(isSigned(document)).to.be.true;
    expect(isSigned({ ...document, absoluteDifferenceMax: 0.5 })).to.be.false;
  }

  for (const blueprintId of ['linear', 'lightgbm-fast'])
    it(`certifies ${blueprintId} for PostgreSQL after it has predicted there`, async () => {
      const model = modelOf(blueprintId);
      const files = await archiveOf(model, 'postgresql');
      expect([...files.keys()]).to.deep.equal(['model.sql', 'parity.sql']);
      const measured = await measuredInPostgres(files.get('parity.sql')?.toString() ?? '');
      const certificate = await certify(model, 'postgresql', measured);
      await expectSigned(certificate);
      expect(certificate.engine).to.match(/^PostgreSQL 18/);
      expect(certificate.relativeDifferenceMax).to.be.below(1e-12);
      expect(certificate.dataRowCount).to.equal(ROWS);
      expect(certificate.holdoutRowCount).to.equal(ROWS / 5);
      expect(certificate.rowCount).to.be.greaterThan(ROWS + 50);
      expect(certificate).to.include({ labelDifferenceCount: 0, modelId: model, measuredBy: 'ann' });
      const { bytes } = await api.request('GET', pathOf(model, 'postgresql'));
      expect(files.get('model.sql')?.equals(bytes)).to.be.true;
    });

  it('certifies a refit for ONNX Runtime after it has predicted there', async function () {
    // Where it is not installed yet.
    this.timeout(1_200_000);
    const model = modelWhere(({ recommended }) => recommended);
    const files = await archiveOf(model, 'onnx');
    expect([...files.keys()]).to.deep.equal(['model.onnx', 'rows.json', 'measure.py']);
    const certificate = await certify(model, 'onnx', measureInOnnxRuntime(files));
    await expectSigned(certificate);
    expect(certificate.engine).to.equal('ONNX Runtime 1.32.0');
    expect(certificate.relativeDifferenceMax).to.be.below(1e-12);
    expect(certificate.holdoutRowCount).to.equal(ROWS / 5);
  });

  it('predicts the rows of a user’s own table, beside columns that are kept', async () => {
    const model = modelOf('lightgbm-fast');
    const query = `table=${encodeURIComponent('public.Käufer')}&keep=id`;
    const { text, headers } = await api.request('GET', `${pathOf(model, 'postgresql')}?${query}`);
    expect(headers.get('content-type')).to.equal('application/sql; charset=utf-8');
    const client = new Client({ connectionString: database.url });
    await client.connect();
    try {
      const name = HOSTILE.replaceAll('"', '""');
      await client.query(`CREATE TABLE "Käufer" (id bigint, "${name}" numeric, colour varchar(10))`);
      await client.query(`INSERT INTO "Käufer" VALUES (7, 0.95, 'red'), (8, NULL, 'green'), (9, 0.01, 'blue')`);
      const { rows } = await client.query<Record<string, unknown>>(`${text} ORDER BY id`);
      expect(rows.map(({ id, prediction }) => [id, prediction])).to.deep.include(['7', LABELS[1]]);
      expect(rows.map(({ id }) => id)).to.deep.equal(['7', '8', '9']);
      expect(Object.keys(rows[0] ?? {})).to.deep.equal([
        ...['id', 'prediction'],
        ...LABELS.map((label) => `probability_${label}`),
      ]);
    } finally {
      await client.end();
    }
  });

  it('refuses predictions that are not the model’s', async () => {
    const model = modelOf('linear');
    const statement = (await archiveOf(model, 'postgresql')).get('parity.sql')?.toString() ?? '';
    const lines = (await measuredInPostgres(statement)).trimEnd().split('\n');
    const route = `${pathOf(model, 'postgresql')}/certificates`;
    const refused = (measured: readonly string[], says: RegExp) =>
      api.refused(
        'POST',
        route,
        { status: 422, code: 'EXPORT_DIFFERS', says: [says] },
        { json: { measured: measured.join('\n') } },
      );
    const shifted = lines.map((line) => (line.startsWith('7,') ? line.replace(/,0\.(\d)/, ',0.0$1') : line));
    await refused(shifted, /^row 7: the home has predicted/);
    await refused(lines.slice(0, -1), /^expected \d+ rows/);
    await refused(lines.slice(1), /^expected the columns parity_row/);
  });

  it('refuses a model that has no equal there, naming what has none', async () => {
    await api.refused('GET', pathOf(modelOf('extra-trees'), 'onnx'), {
      ...{ status: 422, code: 'EXPORT_UNSUPPORTED' },
      says: [/member 0 \(forest\)/],
    });
    await api.refused('GET', pathOf(modelOf('linear'), 'oracle'), { status: 404, code: 'NOT_FOUND', says: ['/home'] });
  });

  it('is nobody else’s', async () => {
    const { api: stranger } = await world.user('bob');
    const route = pathOf(modelOf('linear'), 'postgresql');
    for (const path of [route, `${route}/parity`])
      await stranger.refused('GET', path, { status: 404, code: 'NOT_FOUND' });
    const json = { measured: 'x' };
    await stranger.refused('POST', `${route}/certificates`, { status: 404, code: 'NOT_FOUND' }, { json });
  });
});
