import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, type Dirent } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { Dataset, DatasetQuality, DatasetRows, FeaturePage, Job, pageOf, parse, type FeatureProfile } from '#contracts';
import { DuckDb } from '#tables';
import { Api, csvRecords, idOf, type Refusal, type UploadFile } from '../support/api.ts';
import {
  batchPredicted,
  batchRows,
  deployed,
  modelled,
  newProject,
  predict,
  refusedTarget,
} from '../support/modelling.ts';
import {
  healthStatus,
  sharedPlatform,
  startPlatform,
  type SharedPlatform,
  type TestPlatform,
} from '../support/platform.ts';
import { until } from '../support/processes.ts';
import { csvText, multiclassSample, randomNumbers } from '../support/sample-data.ts';
import { skipBecause } from '../support/skip.ts';

const MIB = 1024 ** 2;
const GOOD = csvText(multiclassSample(60));

/** Files below a folder, sorted, relative to it; a folder that goes away meanwhile has none. */
function filesBelow(folder: string, within = ''): string[] {
  let entries: Dirent[] = [];
  try {
    entries = readdirSync(path.join(folder, within), { withFileTypes: true });
  } catch (err) {
    if ((err as NodeJS.ErrnoException).code !== 'ENOENT') throw err; // as node:fs throws it
  }
  return entries
    .flatMap((entry) => {
      const name = path.join(within, entry.name);
      return entry.isDirectory() ? filesBelow(folder, name) : entry.isFile() ? [name] : [];
    })
    .sort();
}

const bytes = (content: Uint8Array | string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(content));

describe('bad input', function () {
  this.timeout(60_000);
  let platform: SharedPlatform;
  let api: Api;
  let folder = '';
  let parquet: Buffer;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-bad-'));
    platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
    parquet = await parquetBy(`SELECT i, i * 1.5 AS x, 'text ' || i AS t FROM range(2000) r(i)`);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  async function parquetBy(query: string): Promise<Buffer> {
    const file = path.join(folder, 'made.parquet');
    const duckdb = await DuckDb.open({
      memoryLimitBytes: 500_000_000,
      threads: 1,
      tempDirectory: folder,
      tempDirectoryBytesMax: 100_000_000,
      allowedDirectories: [folder],
    });
    try {
      await duckdb.execute(`COPY (${query}) TO '${file}' (FORMAT parquet)`);
    } finally {
      duckdb.close();
    }
    return readFileSync(file);
  }

  /** What the platform keeps: objects in the store, temporary files of workers. */
  const kept = (of: TestPlatform = platform): string[] => [
    ...filesBelow(path.join(of.dataDir, 'objects')).map((name) => `objects/${name}`),
    ...filesBelow(path.join(of.dataDir, 'work')).map((name) => `work/${name}`),
  ];

  /** The file is refused, at once or by the ingest job, and nothing of it stays but a dataset that says why. */
  async function refusedFile(file: UploadFile, refusal: Refusal): Promise<void> {
    const before = kept();
    const answer = await api.upload(file, { prefer: 'wait=60' });
    if (answer.status === 202) {
      const job = await api.final(parse(Job, answer.json, 'job').id);
      await api.failed(job, refusal);
      const dataset = await api.get(`/datasets/${idOf(job)}`, Dataset);
      expect(dataset).to.include({ state: 'failed', rowCount: null });
      expect(dataset.error).to.deep.include({ code: refusal.code });
      await api.refused('GET', `/datasets/${dataset.id}/rows`, { status: 409, code: 'DATASET_NOT_READY' });
      await api.refused(
        'POST',
        '/projects',
        { status: 409, code: 'DATASET_NOT_READY' },
        {
          json: { name: 'x', datasetId: dataset.id },
        },
      );
      expect((await api.request('DELETE', `/datasets/${dataset.id}`)).status).to.equal(204);
    } else {
      await api.refused('POST', '/datasets', refusal, { body: formOf(file) });
    }
    // Insights of models that other tests have made are computed whenever workers have nothing else to do.
    const left = () => kept().filter((name) => !before.includes(name) && !name.startsWith('objects/insights/'));
    await until(
      `nothing left of ${file.fileName ?? 'the file'}: ${left().join(', ')}`,
      () => left().length === 0,
      5_000,
    );
  }

  function formOf(file: UploadFile): FormData {
    const form = new FormData();
    form.set('file', new File([file.content], file.fileName ?? 'data.csv'));
    if (file.options !== undefined) form.set('options', JSON.stringify(file.options));
    return form;
  }

  async function featuresOf(datasetId: string): Promise<readonly FeatureProfile[]> {
    return (await api.get(`/datasets/${datasetId}/features?limit=1000`, FeaturePage)).data;
  }

  describe('files', () => {
    const wide = (count: number) => Array.from({ length: count }, (_, index) => `c${index}`);
    const refusals: readonly (readonly [what: string, file: () => UploadFile, refusal: Refusal])[] = [
      ['an empty file', () => ({ content: '' }), { status: 422, code: 'DATASET_EMPTY', says: ['data.csv', '0 bytes'] }],
      ['blank lines only', () => ({ content: '\n\n\n' }), { status: 422, code: 'DATASET_EMPTY', says: ['data.csv'] }],
      [
        'a header only',
        () => ({ content: 'a,b,c\n' }),
        { status: 422, code: 'DATASET_NO_ROWS', says: ['data.csv', 'rows'] },
      ],
      [
        'a row with a cell too few',
        () => ({ content: 'a,b,c\n1,2,3\n4,5\n6,7,8\n' }),
        { status: 422, code: 'DATASET_RAGGED', says: ['row 2', 'line 3', 'expected 3', 'found 2'] },
      ],
      [
        'a row with a cell too many',
        () => ({ content: 'a,b\n1,2\n3,4,5\n' }),
        { status: 422, code: 'DATASET_RAGGED', says: ['row 2', 'expected 2', 'found 3'] },
      ],
      [
        'a quote that never ends',
        () => ({ content: 'a,b\n1,"2\n3,4\n' }),
        { status: 422, code: 'DATASET_TRUNCATED', says: ['row 1', 'column "b"', 'quote'] },
      ],
      [
        'text behind a closing quote',
        () => ({ content: 'a,b\n1,"2"x\n' }),
        { status: 422, code: 'DATASET_UNREADABLE', says: ['row 1', 'column "b"', 'doubled'] },
      ],
      [
        'another encoding than UTF-8',
        () => ({ content: bytes(Buffer.from('town,n\nKöln,1\n', 'latin1')) }),
        { status: 422, code: 'DATASET_ENCODING', says: ['line 2', '0xf6', 'options.encoding'] },
      ],
      [
        'UTF-8 that is said to be UTF-16',
        () => ({ content: 'a,b\n1,2\n3\n', options: { encoding: 'utf-16le' } }),
        { status: 422, code: 'DATASET_ENCODING', says: ['utf-16le'] },
      ],
      [
        '10,001 columns',
        () => ({ content: `${wide(10_001).join(',')}\n${wide(10_001).join(',')}\n` }),
        { status: 422, code: 'DATASET_TOO_WIDE', says: ['10000', '10001'] },
      ],
      [
        'a cell above the limit',
        () => ({ content: `a,b\n1,${'x'.repeat(4 * MIB + 1)}\n` }),
        { status: 422, code: 'DATASET_CELL_TOO_LARGE', says: ['row 1', 'column "b"', String(4 * MIB)] },
      ],
      [
        'gzip that was cut off',
        () => ({ content: bytes(gzipSync(GOOD).subarray(0, 200)), fileName: 'data.csv.gz' }),
        { status: 422, code: 'DATASET_TRUNCATED', says: ['data.csv.gz', 'gzip'] },
      ],
      [
        'gzip that is damaged',
        () => {
          const content = bytes(gzipSync(GOOD));
          content.fill(0x55, 60, 120);
          return { content, fileName: 'data.csv.gz' };
        },
        { status: 422, code: 'DATASET_UNREADABLE', says: ['data.csv.gz', 'gzip'] },
      ],
      [
        'Parquet that was cut off',
        () => ({ content: bytes(parquet.subarray(0, parquet.length / 2)), fileName: 'data.parquet' }),
        { status: 422, code: 'DATASET_UNREADABLE', says: ['data.parquet', 'cut off'] },
      ],
      [
        'text that is called Parquet',
        () => ({ content: GOOD, fileName: 'data.parquet' }),
        { status: 422, code: 'DATASET_UNREADABLE', says: ['data.parquet', 'PAR1'] },
      ],
      [
        'a zip archive',
        () => ({ content: bytes('PK\x03\x04whatever'), fileName: 'data.zip' }),
        { status: 422, code: 'UNSUPPORTED_FORMAT', says: ['data.zip', 'zip'] },
      ],
      [
        'an Excel file that is called CSV',
        () => ({ content: bytes('PK\x03\x04[Content_Types].xml'), fileName: 'data.csv' }),
        { status: 422, code: 'UNSUPPORTED_FORMAT', says: ['data.csv'] },
      ],
      [
        'JSON lines with a line that is none',
        () => ({ content: '{"a":1}\n{"a":2\n', fileName: 'data.jsonl' }),
        { status: 422, code: 'DATASET_UNREADABLE', says: ['line 2'] },
      ],
      [
        'JSON lines that are not objects',
        () => ({ content: '{"a":1}\n[2]\n', fileName: 'data.jsonl' }),
        { status: 422, code: 'DATASET_UNREADABLE', says: ['line 2', 'object'] },
      ],
      [
        'options that are not known',
        () => ({ content: GOOD, options: { separator: ';' } }),
        { status: 422, code: 'VALIDATION_FAILED', says: ['separator'] },
      ],
    ];
    for (const [what, file, refusal] of refusals) {
      it(`refuses ${what}: ${refusal.code}`, async () => refusedFile(file(), refusal));
    }

    it('refuses Parquet whose pages are damaged in the middle', async () => {
      const damaged = bytes(parquet);
      damaged.fill(0xff, 200, 2_000);
      await refusedFile(
        { content: damaged, fileName: 'data.parquet' },
        { status: 422, code: 'DATASET_UNREADABLE', says: ['data.parquet'] },
      );
    });

    it('refuses a form without a file, with two, or with a field it does not know', async () => {
      const before = kept();
      const form = (...entries: readonly (readonly [string, string | File])[]) => {
        const made = new FormData();
        for (const [name, value] of entries) made.append(name, value);
        return { body: made };
      };
      const file = new File([GOOD], 'a.csv');
      const refusal = (...says: string[]): Refusal => ({ status: 422, code: 'VALIDATION_FAILED', says });
      await api.refused('POST', '/datasets', refusal('/file'), form(['name', 'x']));
      await api.refused('POST', '/datasets', refusal('/file', 'more than once'), form(['file', file], ['file', file]));
      await api.refused('POST', '/datasets', refusal('/colour'), form(['file', file], ['colour', 'red']));
      await api.refused('POST', '/datasets', refusal('/name'), form(['file', file], ['name', ' ']));
      await api.refused(
        'POST',
        '/datasets',
        { status: 400, code: 'INVALID_JSON', says: ['options'] },
        form(['file', file], ['options', '{']),
      );
      await api.refused(
        'POST',
        '/datasets',
        { status: 400, code: 'BAD_REQUEST', says: ['boundary'] },
        {
          body: 'x',
          headers: { 'content-type': 'multipart/form-data' },
        },
      );
      expect(kept()).to.deep.equal(before);
    });

    it('keeps nothing of an upload that breaks off midway', async () => {
      const before = kept();
      const count = (await api.get('/datasets?limit=1000', pageOf(Dataset))).data.length;
      const { port } = new URL(platform.url);
      const head = `--b\r\nContent-Disposition: form-data; name="file"; filename="big.csv"\r\n\r\n`;
      const socket = net.connect(Number(port), '127.0.0.1');
      socket.write(
        `POST /api/v1/datasets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${platform.adminKey}\r\n` +
          `Content-Type: multipart/form-data; boundary=b\r\nContent-Length: ${10 * MIB}\r\n\r\n${head}a,b\n`,
      );
      const half = Buffer.from('1,2\n'.repeat(MIB / 4));
      socket.write(half);
      await until('a part of the upload to be in work', () => kept().length > before.length, 5_000);
      socket.destroy();
      await until('nothing to be left of it', () => kept().length === before.length, 10_000);
      expect(kept()).to.deep.equal(before);
      expect((await api.get('/datasets?limit=1000', pageOf(Dataset))).data).to.have.length(count);
      // The same from a client that ends the form too early but stays: it is told.
      const answer = await api.request('POST', '/datasets', {
        body: `${head}a,b\n1,2\n`,
        headers: { 'content-type': 'multipart/form-data; boundary=b' },
      });
      expect(answer.json).to.deep.include({ code: 'UPLOAD_INCOMPLETE', status: 400 });
      expect(kept()).to.deep.equal(before);
    });
  });

  describe('tables that are odd, but tables', () => {
    it('takes 10,000 columns', async () => {
      const names = Array.from({ length: 10_000 }, (_, index) => `c${index}`);
      const row = (seed: number) => names.map((_, index) => String((index * seed) % 97)).join(',');
      const datasetId = await api.dataset({ content: `${names.join(',')}\n${row(3)}\n${row(5)}\n${row(7)}\n` });
      expect(await api.get(`/datasets/${datasetId}`, Dataset)).to.include({ featureCount: 10_000, rowCount: 3 });
      const { columns, data } = await api.get(`/datasets/${datasetId}/rows?limit=1`, DatasetRows);
      expect(columns).to.deep.equal(names);
      expect(data[0]?.['c9999']).to.equal(String((9999 * 3) % 97));
    });

    it('takes a cell of 1 MB and gives it back whole', async () => {
      const cell = `${'ü'.repeat(MIB / 2 - 2)}"\n`;
      const datasetId = await api.dataset({
        content: csvText({
          columns: ['a', 'b'],
          rows: [
            ['1', cell],
            ['2', 'x'],
          ],
        }),
      });
      const { data } = await api.get(`/datasets/${datasetId}/rows`, DatasetRows);
      expect(data[0]?.['b'] === cell).to.be.true;
      expect(data[1]).to.deep.equal({ a: '2', b: 'x' });
    });

    it('takes many large cells: what is shown of them is bounded', async () => {
      const rows = Array.from({ length: 30 }, (_, index) => [String(index), `${index}${'x'.repeat(MIB)}`]);
      const datasetId = await api.dataset({ content: csvText({ columns: ['a', 'b'], rows }) });
      expect(await api.get(`/datasets/${datasetId}`, Dataset)).to.include({ rowCount: 30 });
      const sample = await api.request('GET', `/datasets/${datasetId}/rows`);
      expect(sample.bytes.length).to.be.within(MIB, 8 * MIB);
      expect((await api.request('GET', `/datasets/${datasetId}/features`)).bytes.length).to.be.lessThan(100_000);
    });

    it('takes one row, but does not model it', async () => {
      const datasetId = await api.dataset({ content: 'a,b\n1,2\n' });
      expect((await api.get(`/datasets/${datasetId}`, Dataset)).rowCount).to.equal(1);
      await refusedTarget(api, datasetId, { target: 'b' }, { status: 422, code: 'TARGET_CONSTANT', says: ['"b"'] });
    });

    it('leaves an all-null and a constant column out, and says so', async () => {
      const table = multiclassSample(60);
      const odd = {
        columns: ['nothing', 'same', ...table.columns],
        rows: table.rows.map((row) => [null, 'x', ...row]),
      };
      const run = await modelled(api, { content: csvText(odd) }, { target: 'kind', maxModels: 1 });
      const features = await featuresOf(run.datasetId);
      expect(features[0]).to.deep.include({ name: 'nothing', missingCount: 60, uniqueCount: 0, min: null, mean: null });
      expect(features[1]).to.deep.include({ name: 'same', type: 'constant', uniqueCount: 1 });
      const { data } = await api.get(`/datasets/${run.datasetId}/quality`, DatasetQuality);
      const said = data.map(({ feature, code, handling }) => ({ feature, code, out: handling.includes('left out') }));
      expect(said).to.deep.include.members([
        { feature: 'nothing', code: 'ALL_MISSING', out: true },
        { feature: 'same', code: 'CONSTANT', out: true },
      ]);
    });

    it('says of values what looks wrong with them, and what is done about it', async () => {
      const rows = Array.from({ length: 400 }, (_, row) => [
        row % 40 === 0 ? '-999' : String((row * 37) % 100),
        row % 3 === 0 ? String(((row * 7) % 101) + 0.5) : '0',
        row % 20 === 0 ? '?' : `level ${row % 4}`,
        row === 7 ? '1e6' : String((row * 13) % 97),
        row === 3 ? '2999-12-31' : `2024-01-${String(1 + (row % 28)).padStart(2, '0')}`,
      ]);
      const columns = ['mark', 'amount', 'word', 'far', 'day'];
      const datasetId = await api.dataset({ content: csvText({ columns, rows }) });
      const { data } = await api.get(`/datasets/${datasetId}/quality`, DatasetQuality);
      const said = data.map(({ feature, code }) => `${feature ?? ''} ${code}`);
      expect(said).to.include.members([
        'mark DISGUISED_MISSING',
        'amount EXCESS_ZEROS',
        'word DISGUISED_MISSING',
        'far OUTLIERS',
        'day FUTURE_DATES',
      ]);
      for (const { name, warnings } of await featuresOf(datasetId)) expect(warnings, name).to.not.deep.equal([]);
      const read = await api.dataset({ content: csvText({ columns, rows }), options: { nullMarkers: ['-999', '?'] } });
      const after = (await api.get(`/datasets/${read}/quality`, DatasetQuality)).data;
      expect(after.map(({ code }) => code)).to.not.include('DISGUISED_MISSING');
      expect((await featuresOf(read))[0]).to.include({ name: 'mark', missingCount: 10, min: 0 });
    });

    it('takes columns called __proto__ and constructor, and names used twice, through to predictions', async () => {
      const table = multiclassSample(60);
      const odd = {
        columns: ['__proto__', 'constructor', 'twice', 'twice', ' trimmed ', ''],
        rows: table.rows.map((row, index) => [
          row[0] ?? null,
          row[1] ?? null,
          row[2] ?? null,
          String(index),
          `t${index % 3}`,
          row[3] ?? null,
        ]),
      };
      const names = ['__proto__', 'constructor', 'twice', 'twice_2', 'trimmed', 'column_6'];
      const run = await modelled(api, { content: csvText(odd) }, { target: 'column_6', maxModels: 2, seed: 1 });
      const { columns, data } = await api.get(`/datasets/${run.datasetId}/rows?limit=2`, DatasetRows);
      expect(columns).to.deep.equal(names);
      expect(Object.entries(data[0] ?? {})).to.deep.equal(names.map((name, index) => [name, odd.rows[0]?.[index]]));
      const quality = await api.get(`/datasets/${run.datasetId}/quality`, DatasetQuality);
      expect(quality.data.map(({ feature, code }) => `${feature ?? ''} ${code}`)).to.include('twice_2 DUPLICATE_NAME');
      const { predictionUrl } = await deployed(api, run.modelId);
      // JSON text, since an object literal would set the prototype.
      const body = `[${data.map((row) => JSON.stringify(row)).join(',')}]`;
      const answer = await api.request('POST', predictionUrl, {
        body,
        headers: { 'content-type': 'application/json' },
      });
      expect(answer.status, answer.text).to.equal(200);
      const found = (answer.json as Awaited<ReturnType<typeof predict>>).data;
      expect(found[0]?.warnings?.join()).to.equal('column "column_6" is unknown: ignored');
      const passthroughColumns = ['__proto__', 'constructor', 'twice_2'];
      const resource = await batchPredicted(api, {
        modelId: run.modelId,
        input: { datasetId: run.datasetId },
        passthroughColumns,
      });
      const [header, ...records] = csvRecords((await batchRows(api, resource)).text);
      expect(header?.slice(0, 3)).to.deep.equal(passthroughColumns);
      expect(records.slice(0, 2).map((cells) => cells.slice(3))).to.deep.equal(
        found.map(({ prediction, probabilities }) => [prediction, ...Object.values(probabilities ?? {}).map(String)]),
      );
      expect(records.map((cells) => cells.slice(0, 3))).to.deep.equal(
        odd.rows.map((row) => [row[0] ?? '', row[1] ?? '', row[3]]),
      );
      const lines = (await batchRows(api, resource, 'application/x-ndjson')).text.trimEnd().split('\n');
      expect(Object.entries(JSON.parse(lines[0] ?? '') as object).slice(0, 2)).to.deep.equal([
        ['__proto__', odd.rows[0]?.[0]],
        ['constructor', odd.rows[0]?.[1]],
      ]);
    });

    it('takes infinite values of a feature, counts them and models them', async () => {
      const table = multiclassSample(60);
      const rows = table.rows.map((row, index) => [
        index < 3 ? (['inf', '-Infinity', '1e999'][index] ?? '') : (row[0] ?? null),
        ...row.slice(1),
      ]);
      const run = await modelled(
        api,
        { content: csvText({ columns: table.columns, rows }) },
        { target: 'kind', maxModels: 2 },
      );
      const [width] = await featuresOf(run.datasetId);
      expect(width).to.deep.include({ name: 'width', type: 'numeric', infiniteCount: 3 });
      expect(width?.max).to.be.lessThan(11);
      expect(width?.warnings.map(({ code }) => code)).to.include('INFINITE_VALUES');
      const { predictionUrl } = await deployed(api, run.modelId);
      const { data } = await predict(api, predictionUrl, [{ width: 'inf' }, { width: '1e308' }, { width: '-inf' }]);
      expect(data[0]?.probabilities).to.deep.equal(data[1]?.probabilities);
    });

    it('takes a date that is not one for text, and refuses it for a feature of dates', async () => {
      const table = multiclassSample(60);
      const withDay = (days: (index: number) => string) => ({
        columns: ['day', ...table.columns],
        rows: table.rows.map((row, index) => [days(index), ...row]),
      });
      const good = withDay((index) => `2026-01-${String(1 + (index % 28)).padStart(2, '0')}`);
      const run = await modelled(api, { content: csvText(good) }, { target: 'kind', maxModels: 2 });
      expect((await featuresOf(run.datasetId))[0]).to.include({ name: 'day', type: 'date' });
      const { predictionUrl } = await deployed(api, run.modelId);
      const refusal: Refusal = { status: 422, code: 'CELL_UNREADABLE', says: ['row 1', '"day"', '2026-02-30'] };
      await api.refused('POST', predictionUrl, refusal, { json: { day: '2026-02-30', width: 1 } });
      const bad = withDay((index) =>
        index === 7 ? '2026-02-30' : `2026-01-${String(1 + (index % 28)).padStart(2, '0')}`,
      );
      const datasetId = await api.dataset({ content: csvText(bad) });
      const [day] = await featuresOf(datasetId);
      expect(day?.type).to.not.equal('date');
      expect((await api.get(`/datasets/${datasetId}/rows`, DatasetRows)).data[7]?.['day']).to.equal('2026-02-30');
      const job = await api.final(
        (
          await api.call('POST', '/batch-predictions', 202, Job, {
            json: { modelId: run.modelId, input: { datasetId } },
          })
        ).id,
      );
      expect(job.state).to.equal('failed');
      await api.failed(job, { status: 422, code: 'CELL_UNREADABLE', says: ['row 8', '"day"'] });
      await api.refused('GET', `${job.resource ?? ''}/rows`, { status: 409, code: 'CONFLICT', says: ['row 8'] });
    });

    it('keeps typed values exactly: big integers, decimals, zoned times, empty string and null', async () => {
      const content = bytes(
        await parquetBy(
          `SELECT * FROM (VALUES
            (9007199254740993::BIGINT, 18446744073709551615::UBIGINT, 0.10::DECIMAL(18,2), TIMESTAMPTZ '2026-11-23 10:00:00+02', '', true),
            ((-9223372036854775808)::BIGINT, 0::UBIGINT, (-0.05)::DECIMAL(18,2), NULL, NULL, NULL)) t(big, huge, price, seen, word, flag)`,
        ),
      );
      const datasetId = await api.dataset({ content, fileName: 'typed.parquet' });
      const { data } = await api.get(`/datasets/${datasetId}/rows`, DatasetRows);
      expect(data).to.deep.equal([
        {
          big: '9007199254740993',
          huge: '18446744073709551615',
          price: '0.10',
          seen: '2026-11-23T08:00:00Z',
          word: '',
          flag: 'true',
        },
        { big: '-9223372036854775808', huge: '0', price: '-0.05', seen: null, word: null, flag: null },
      ]);
    });
  });

  describe('ids', () => {
    it('answers 404 to ids that cannot be or are not there', async () => {
      for (const id of ['ds_unknown', '0', '%00', '..', "'; DROP TABLE datasets; --", 'x'.repeat(500), '__proto__']) {
        for (const kind of ['datasets', 'projects', 'models', 'jobs', 'deployments', 'batch-predictions']) {
          const answer = await api.request('GET', `/${kind}/${id === '..' ? '%2e%2e%2f' : encodeURIComponent(id)}`);
          expect([404, 400], `${kind} ${id}: ${answer.text}`).to.include(answer.status);
        }
      }
    });
  });

  describe('a full disk', () => {
    const SIZE_MIB = 24;
    let mount = '';
    let mounted = '';
    let small: TestPlatform | null = null;

    before(async () => {
      mount = mkdtempSync(path.join(tmpdir(), 'trainyard-full-'));
      const { status, stderr, error } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE_MIB}m`, 'tmpfs', mount], {
        encoding: 'utf8',
      });
      mounted = status === 0 ? '' : (error?.message ?? stderr.trim());
      if (mounted === '')
        small = await startPlatform({
          dataDir: mount,
          flags: [`--server.uploadBytesMax=${12 * MIB}`, '--queue.backoffMs=100'],
        });
    });
    after(async () => {
      await small?.close();
      if (mounted === '') spawnSync('umount', ['-l', mount]);
      rmSync(mount, { recursive: true, force: true });
    });

    function platformOn(context: Mocha.Context): TestPlatform {
      if (small === null) skipBecause(context, `no small disk can be mounted: ${mounted}`);
      return small;
    }

    /** CSV of so many MiB that does not compress well. */
    function noise(mebibytes: number): string {
      const random = randomNumbers(mebibytes);
      const lines = ['a,b'];
      for (let left = mebibytes * MIB; left > 0;) {
        const line = `${Array.from({ length: 90 }, () => Math.floor(random() * 2 ** 32).toString(36)).join('')},1`;
        lines.push(line);
        left -= line.length + 1;
      }
      return `${lines.join('\n')}\n`;
    }

    it('refuses an upload that does not fit with 507 and keeps nothing of it', async function () {
      const here = platformOn(this);
      const on = new Api(here.url, here.adminKey);
      const before = kept(here);
      const ballast = path.join(here.dataDir, 'ballast');
      writeFileSync(ballast, Buffer.alloc((SIZE_MIB - 8) * MIB, 1));
      try {
        const answer = await on.upload({ content: 'a,b\n'.repeat(10 * (MIB / 4)) });
        expect(answer.json, answer.text).to.deep.include({ status: 507, code: 'DISK_FULL' });
        expect(kept(here)).to.deep.equal(before);
        expect(await healthStatus(here.url)).to.equal(200);
      } finally {
        rmSync(ballast);
      }
    });

    it('refuses more than server.uploadBytesMax with 413 and keeps nothing of it', async function () {
      const here = platformOn(this);
      const on = new Api(here.url, here.adminKey);
      const before = kept(here);
      const answer = await on.upload({ content: 'a,b\n'.repeat(13 * (MIB / 4)) });
      expect(answer.json, answer.text).to.deep.include({ status: 413, code: 'BODY_TOO_LARGE' });
      expect(kept(here)).to.deep.equal(before);
    });

    it('fails the ingest when there is no room for the snapshot, and works again when there is', async function () {
      const here = platformOn(this);
      const on = new Api(here.url, here.adminKey);
      const first = await on.upload({ content: noise(10) });
      expect(first.status, first.text).to.equal(202);
      const job = await on.final(parse(Job, first.json, 'job').id);
      await on.failed(job, { status: 507, code: 'DISK_FULL' });
      expect((await on.request('DELETE', `/datasets/${idOf(job)}`)).status).to.equal(204);
      await until('the room to be free again', () => kept(here).length === 0, 10_000);
      expect((await on.get(`/datasets/${await on.dataset({ content: GOOD })}`, Dataset)).rowCount).to.equal(60);
    });

    it('stays healthy when even its database has no room', async function () {
      const here = platformOn(this);
      const on = new Api(here.url, here.adminKey);
      const datasetId = await on.dataset({ content: GOOD });
      const ballast = path.join(here.dataDir, 'ballast');
      fill(ballast);
      try {
        const answer = await on.request('POST', '/projects', { json: { name: 'x'.repeat(200), datasetId } });
        // There may be a page left in the database file; what counts is an answer of the contract.
        expect([201, 507, 503], answer.text).to.include(answer.status);
        expect((await on.get(`/datasets/${datasetId}`, Dataset)).state).to.equal('ready');
      } finally {
        rmSync(ballast);
      }
      await newProject(on, datasetId, 'room again');
    });

    function fill(file: string): void {
      for (let bytesLeft = SIZE_MIB * MIB, chunk = MIB; chunk >= 512;) {
        try {
          writeFileSync(file, Buffer.alloc(chunk, 1), { flag: 'a' });
          bytesLeft -= chunk;
          if (bytesLeft < 0) throw new Error('the disk is larger than it was made');
        } catch (err) {
          if ((err as NodeJS.ErrnoException).code !== 'ENOSPC') throw err;
          chunk /= 2;
        }
      }
    }
  });
});
