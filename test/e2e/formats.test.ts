import { gzipSync } from 'node:zlib';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { DuckDb } from '#tables';
import { Dataset, DatasetRows, FeaturePage, Job } from '#contracts';
import { Api, idOf } from '../support/api.ts';
import { startFileServer } from '../support/file-server.ts';
import { sharedPlatform, type SharedPlatform } from '../support/platform.ts';
import { csvText, hostileSample, jsonRow, type SampleTable } from '../support/sample-data.ts';

const SAMPLE = hostileSample(120);

/** Parquet in which every column is text, written by DuckDB from JSON, so that no cell is read in between. */
async function parquetOf(table: SampleTable, folder: string): Promise<Uint8Array<ArrayBuffer>> {
  const json = path.join(folder, 'rows.json');
  const parquet = path.join(folder, 'rows.parquet');
  writeFileSync(json, table.rows.map((row) => `${JSON.stringify(jsonRow(table, row))}\n`).join(''));
  const duckdb = await DuckDb.open({
    memoryLimitBytes: 500_000_000,
    threads: 1,
    tempDirectory: folder,
    tempDirectoryBytesMax: 100_000_000,
    allowedDirectories: [folder],
  });
  try {
    const columns = table.columns.map((name) => `'${name}': 'VARCHAR'`).join(', ');
    await duckdb.execute(
      `COPY (FROM read_json('${json}', format = 'newline_delimited', columns = {${columns}})) TO '${parquet}' (FORMAT parquet)`,
    );
  } finally {
    duckdb.close();
  }
  return new Uint8Array(readFileSync(parquet));
}

describe('main job over HTTP: where data comes from', function () {
  this.timeout(60_000);
  let platform: SharedPlatform;
  let api: Api;
  let folder = '';

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-formats-'));
    platform = await sharedPlatform();
    api = new Api(platform.url, platform.adminKey);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** What a dataset says about the sample: its cells, and what each column was taken for. */
  async function described(datasetId: string) {
    const { columns, data } = await api.get(`/datasets/${datasetId}/rows?limit=1000`, DatasetRows);
    const features = await api.get(`/datasets/${datasetId}/features`, FeaturePage);
    return {
      columns,
      data,
      features: features.data.map(({ name, type, missingCount }) => ({ name, type, missingCount })),
    };
  }

  const cells = SAMPLE.rows.map((row) => jsonRow(SAMPLE, row));
  const csv = csvText(SAMPLE);
  const jsonLines = cells.map((row) => `${JSON.stringify(row)}\n`).join('');
  let reference: Awaited<ReturnType<typeof described>>;

  it('keeps every cell of a CSV file: 007, 1.0, TRUE, big integers, zoned times, empty and null', async () => {
    reference = await described(await api.dataset({ content: csv, fileName: 'sample.csv' }));
    expect(reference.columns).to.deep.equal(SAMPLE.columns);
    expect(reference.data).to.deep.equal(cells);
    const types = Object.fromEntries(reference.features.map(({ name, type }) => [name, type]));
    expect(types).to.include({
      amount: 'numeric',
      flag: 'boolean',
      day: 'date',
      word: 'categorical',
      price: 'numeric',
    });
  });

  const files: readonly (readonly [what: string, fileName: string, content: () => string | Uint8Array<ArrayBuffer>])[] =
    [
      ['tab-separated values', 'sample.tsv', () => csvText(SAMPLE, '\t')],
      ['CSV with semicolons and CR LF', 'sample.csv', () => csvText(SAMPLE, ';', '\r\n')],
      ['CSV with a byte-order mark', 'sample.csv', () => `\ufeff${csv}`],
      ['CSV without a final line end', 'sample.csv', () => csv.slice(0, -1)],
      ['gzipped CSV', 'sample.csv.gz', () => new Uint8Array(gzipSync(csv))],
      [
        'gzipped CSV of several members',
        'sample.csv.gz',
        () => new Uint8Array(Buffer.concat([gzipSync(csv.slice(0, 999)), gzipSync(csv.slice(999))])),
      ],
      ['JSON lines', 'sample.jsonl', () => jsonLines],
      ['gzipped JSON lines', 'sample.ndjson.gz', () => new Uint8Array(gzipSync(jsonLines))],
    ];
  for (const [what, fileName, content] of files) {
    it(`reads ${what} to the same cells and types`, async () => {
      expect(await described(await api.dataset({ content: content(), fileName }))).to.deep.equal(reference);
    });
  }

  it('reads Parquet to the same cells', async () => {
    const content = await parquetOf(SAMPLE, folder);
    const found = await described(await api.dataset({ content, fileName: 'sample.parquet' }));
    expect(found.data).to.deep.equal(reference.data);
    expect(found.columns).to.deep.equal(reference.columns);
  });

  it('reads UTF-16 and Windows-1252 when the options say so', async () => {
    const text = 'town,size\nKöln,1\nZürich,2\n';
    const utf16 = new Uint8Array(Buffer.from(text, 'utf16le'));
    const windows = new Uint8Array(Buffer.from(text, 'latin1'));
    for (const [content, encoding] of [
      [utf16, 'utf-16le'],
      [windows, 'windows-1252'],
    ] as const) {
      const { data } = await described(await api.dataset({ content, options: { encoding } }));
      expect(data).to.deep.equal([
        { town: 'Köln', size: '1' },
        { town: 'Zürich', size: '2' },
      ]);
    }
  });

  it('reads a file without a header, with its own null markers', async () => {
    const options = { header: false, delimiter: '|', nullMarkers: ['?'] };
    const { columns, data, features } = await described(await api.dataset({ content: '1|?\n2|b\n3|c\n', options }));
    expect(columns).to.have.length(2);
    expect(data.map((row) => Object.values(row))).to.deep.equal([
      ['1', '?'],
      ['2', 'b'],
      ['3', 'c'],
    ]);
    expect(features[1]?.missingCount).to.equal(1);
  });

  it('fetches a URL of an allowed host', async () => {
    const url = platform.files.put('sample.csv', csv);
    const source = { type: 'url', url };
    const job = await api.succeeded(
      await api.call('POST', '/datasets', 202, Job, { json: { name: 'from the web', source } }),
    );
    const dataset = await api.get(`/datasets/${idOf(job)}`, Dataset);
    expect(dataset).to.deep.include({ name: 'from the web', source });
    expect((await described(dataset.id)).data).to.deep.equal(cells);
  });

  it('refuses a host that is not on the allow-list without asking it', async () => {
    const other = await startFileServer();
    try {
      const url = other.put('sample.csv', csv);
      await api.refused(
        'POST',
        '/datasets',
        { status: 403, code: 'SOURCE_NOT_ALLOWED', says: [other.host] },
        {
          json: { name: 'no', source: { type: 'url', url } },
        },
      );
      expect(other.asked).to.deep.equal([]);
    } finally {
      await other.close();
    }
  });

  it('refuses other sources and addresses with the reason', async () => {
    const refusals = [
      [
        { type: 'url', url: 'ftp://127.0.0.1/x.csv' },
        { status: 422, code: 'VALIDATION_FAILED', says: ['http'] },
      ],
      [
        { type: 'url', url: 'file:///etc/passwd' },
        { status: 422, code: 'VALIDATION_FAILED', says: ['http'] },
      ],
      [
        { type: 'url', url: 'http://user:pw@127.0.0.1/x.csv' },
        { status: 422, code: 'VALIDATION_FAILED', says: ['credentials'] },
      ],
      [
        { type: 'path', path: '/etc/passwd' },
        { status: 403, code: 'SOURCE_NOT_ALLOWED', says: ['ingest.pathRoots'] },
      ],
      [
        { type: 'hdfs', path: '/x' },
        { status: 501, code: 'NOT_AVAILABLE', says: ['hdfs'] },
      ],
    ] as const;
    for (const [source, refusal] of refusals)
      await api.refused('POST', '/datasets', refusal, { json: { name: 'no', source } });
    await api.refused(
      'POST',
      '/datasets',
      { status: 422, code: 'VALIDATION_FAILED', says: [/source/] },
      {
        json: { name: 'no', source: { type: 'carrier pigeon' } },
      },
    );
  });

  it('says what an allowed host answered when it has no such file', async () => {
    const url = `http://${platform.files.host}/nothing.csv`;
    const job = await api.call('POST', '/datasets', 202, Job, { json: { name: 'gone', source: { type: 'url', url } } });
    await api.failed(job, { status: 422, code: 'SOURCE_NOT_FOUND', says: ['404'] });
    const dataset = await api.get(`/datasets/${idOf(await api.final(job.id))}`, Dataset);
    expect(dataset.state).to.equal('failed');
    expect(dataset.error).to.deep.include({ code: 'SOURCE_NOT_FOUND' });
  });
});
