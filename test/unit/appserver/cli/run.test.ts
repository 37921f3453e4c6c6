import { expect } from 'chai';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { run } from '#cli';
import { PROBLEM_MEDIA_TYPE, toProblem, AppError } from '#contracts';

/** A server that answers what the test says and remembers what it was asked. */
async function fakeServer(answer: (request: IncomingMessage, body: string) => { status: number; json: unknown }) {
  const asked: { method: string; url: string; authorization: string; body: string }[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const body = Buffer.concat(parts).toString('utf8');
      asked.push({
        method: request.method ?? '',
        url: request.url ?? '',
        authorization: request.headers.authorization ?? '',
        body,
      });
      const { status, json } = answer(request, body);
      response
        .writeHead(status, { 'content-type': status >= 400 ? PROBLEM_MEDIA_TYPE : 'application/json' })
        .end(JSON.stringify(json));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // listen() on a port gives an AddressInfo
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, asked, close: () => new Promise((resolve) => server.close(resolve)) };
}

async function cli(argv: string[], env: Record<string, string> = {}) {
  const written = { out: '', err: '' };
  const code = await run(argv, {
    out: { write: (text: string) => (written.out += text) },
    err: { write: (text: string) => (written.err += text) },
    env,
    signal: new AbortController().signal,
  });
  return { code, ...written };
}

const job = (state: string, extra: object = {}) => ({
  id: 'j1',
  kind: 'ingest',
  state,
  progress: { fraction: 1, phase: 'profile', message: '' },
  resource: '/api/v1/datasets/d1',
  error: null,
  ...extra,
});

describe('trainyard command line', () => {
  it('shows its commands and exits 0 when asked, 10 for a word it does not know', async () => {
    const help = await cli([]);
    expect([help.code, help.out.includes('datasets add')]).to.deep.equal([0, true]);
    const unknown = await cli(['explode']);
    expect([unknown.code, unknown.err.includes('no command "explode"')]).to.deep.equal([10, true]);
  });

  it('says where it looked for a key', async () => {
    const { code, err } = await cli(['datasets', 'list', '--data-dir', '/nowhere']);
    expect(code).to.equal(10);
    expect(err).to.contain('/nowhere/admin.key').and.contain('UNAUTHENTICATED');
  });

  it('names a server that does not answer and exits 11', async () => {
    const { code, err } = await cli(['datasets', 'list', '--url', 'http://127.0.0.1:1', '--api-key', 'k']);
    expect(code).to.equal(11);
    expect(err).to.contain('http://127.0.0.1:1/api/v1/datasets').and.contain('SERVER_UNAVAILABLE');
  });

  it('follows pages of a list', async () => {
    const server = await fakeServer((request) => ({
      status: 200,
      json:
        request.url?.includes('cursor') === true
          ? { data: [{ id: 'd2' }], next: null }
          : { data: [{ id: 'd1' }], next: '/api/v1/datasets?cursor=x' },
    }));
    const { code, out } = await cli(['datasets', 'list', '--json', '--url', server.url, '--api-key', 'secret-1']);
    await server.close();
    expect([code, JSON.parse(out)]).to.deep.equal([0, [{ id: 'd1' }, { id: 'd2' }]]);
    expect(server.asked[0]?.authorization).to.equal('Bearer secret-1');
  });

  it('uploads a file as it is and waits for its job', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-cli-'));
    const file = path.join(folder, 'rows "quoted".csv');
    writeFileSync(file, 'a,b\r\n1,2\r\n');
    const server = await fakeServer((request) => {
      if (request.method === 'POST') return { status: 202, json: job('queued') };
      return {
        status: 200,
        json: request.url === '/api/v1/jobs/j1' ? job('succeeded') : { id: 'd1', rowCount: 1, featureCount: 2 },
      };
    });
    const { code, out } = await cli([
      'datasets',
      'add',
      file,
      '--delimiter',
      ',',
      '--url',
      server.url,
      '--api-key',
      'k',
    ]);
    await server.close();
    rmSync(folder, { recursive: true });
    expect([code, out]).to.deep.equal([0, 'dataset d1: 1 rows x 2 features\n']);
    const body = server.asked[0]?.body ?? '';
    expect(body)
      .to.contain('filename="rows %22quoted%22.csv"')
      .and.contain('\r\n\r\na,b\r\n1,2\r\n\r\n--')
      .and.contain('{"delimiter":","}');
  });

  it('shows a problem with its fields and remedy, and as JSON with --json', async () => {
    const problem = toProblem(
      new AppError('TARGET_CONSTANT', 'target "y" has one value', {
        errors: [{ path: '/target', message: 'is constant' }],
      }),
      'r1',
    );
    const server = await fakeServer(() => ({ status: 422, json: problem }));
    const argv = ['autopilot', 'run', '--project', 'p1', '--target', 'y', '--url', server.url, '--api-key', 'k'];
    const people = await cli(argv);
    const json = await cli([...argv, '--json']);
    await server.close();
    expect(people.code).to.equal(10);
    expect(people.err)
      .to.contain('target "y" has one value (TARGET_CONSTANT)')
      .and.contain('/target: is constant')
      .and.contain('at least two values');
    expect((JSON.parse(json.err) as { code: string }).code).to.equal('TARGET_CONSTANT');
  });

  it('asks for what is to be done about rare classes', async () => {
    const server = await fakeServer(() => ({ status: 202, json: job('queued') }));
    const argv = ['autopilot', 'run', '--project', 'p1', '--target', 'y', '--url', server.url, '--api-key', 'k'];
    for (const [flags, imbalance] of [
      [['--imbalance', 'weights'], { method: 'weights' }],
      [['--ratio', '4'], { method: 'downsampling', ratio: 4 }],
      [['--imbalance', 'downsampling', '--ratio', '1.5'], { method: 'downsampling', ratio: 1.5 }],
      [[], undefined],
    ] as const) {
      expect((await cli([...argv, ...flags])).code).to.equal(0);
      const { body } = server.asked.at(-1) ?? {};
      expect((JSON.parse(body ?? '') as { imbalance?: unknown }).imbalance).to.deep.equal(imbalance);
    }
    await server.close();
  });

  it('fails with the error of a job that failed', async () => {
    const problem = toProblem(new AppError('DATASET_RAGGED', 'row 3: expected 2 cells, found 3'), null);
    const server = await fakeServer((request) => ({
      status: 200,
      json: request.method === 'POST' ? job('queued') : job('failed', { error: problem }),
    }));
    const { code, err } = await cli(['datasets', 'add', 'http://h/f.csv', '--url', server.url, '--api-key', 'k']);
    await server.close();
    expect(code).to.equal(10);
    expect(err).to.contain('row 3: expected 2 cells, found 3 (DATASET_RAGGED)');
  });

  it('replays a run, shows which models differ and fails if any does', async () => {
    for (const isEqual of [true, false]) {
      const models = [true, isEqual].map((same, index) => ({
        ...{ key: `search-${index}`, of: { modelId: `m${index}`, contentHash: 'aa' }, modelId: `n${index}` },
        ...{ contentHash: same ? 'aa' : 'bb', isEqual: same, isRecommended: index === 0 },
      }));
      const server = await fakeServer(({ method, url = '' }) => {
        if (method === 'POST') return { status: 202, json: job('queued') };
        if (url.startsWith('/api/v1/jobs/')) return { status: 200, json: job('succeeded', { projectId: 'p2' }) };
        return { status: 200, json: { replay: { isEqual, models } } };
      });
      const words = ['autopilot', 'replay', '--project', 'p1', '--name', 'again', '--wait'];
      const { code, out, err } = await cli([...words, '--url', server.url, '--api-key', 'key']);
      expect(code, err).to.equal(isEqual ? 0 : 10);
      expect(out).to.match(/search-0 +n0 +aa +equal, recommended/);
      expect(out).to.match(isEqual ? /search-1 +n1 +aa +equal/ : /search-1 +n1 +bb +differs/);
      if (!isEqual) expect(err).to.contain('not all models are those of the run');
      const [first] = server.asked;
      expect(first).to.include({ url: '/api/v1/projects/p1/autopilot/replay', body: '{"name":"again"}' });
      expect(server.asked.at(-1)?.url).to.equal('/api/v1/projects/p2/autopilot');
      await server.close();
    }
  });

  it('models export, parity and certify ask for a home, and write what it answers', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-cli-'));
    const measured = path.join(folder, 'measured.csv');
    writeFileSync(measured, 'parity_row\n0\n');
    const server = await fakeServer(() => ({ status: 200, json: { engine: 'e' } }));
    const end = ['--url', server.url, '--api-key', 'k'];
    const certificate = path.join(folder, 'certificate.json');
    const runs = [
      ['export', 'm/1', '--to', 'postgresql', '--table', 'a.b', '--keep', 'id,x y'],
      ['parity', 'm/1', '--to', 'onnx', '--output', path.join(folder, 'parity.zip')],
      ['certify', 'm/1', '--to', 'onnx', '--measured', measured, '--output', certificate],
    ];
    for (const words of runs) expect((await cli(['models', ...words, ...end])).code).to.equal(0);
    expect(server.asked.map(({ method, url }) => `${method} ${url}`)).to.deep.equal([
      'GET /api/v1/models/m%2F1/exports/postgresql?table=a.b&keep=id%2Cx+y',
      'GET /api/v1/models/m%2F1/exports/onnx/parity',
      'POST /api/v1/models/m%2F1/exports/onnx/certificates',
    ]);
    expect(JSON.parse(server.asked[2]?.body ?? '')).to.deep.equal({ measured: 'parity_row\n0\n' });
    expect(JSON.parse(readFileSync(certificate, 'utf8'))).to.deep.equal({ engine: 'e' });
    expect((await cli(['models', 'export', 'm', ...end])).err).to.contain('--to is missing');
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('models report writes the report to a new file and never over another', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-cli-'));
    const file = path.join(folder, 'report.html');
    const server = await fakeServer(() => ({ status: 200, json: 'the report' }));
    const words = ['models', 'report', 'm/1', '--output', file, '--url', server.url, '--api-key', 'k'];
    const first = await cli(words);
    expect([first.code, readFileSync(file, 'utf8')]).to.deep.equal([0, '"the report"']);
    expect(first.err).to.contain(file);
    expect(server.asked[0]).to.include({ method: 'GET', url: '/api/v1/models/m%2F1/compliance-report' });
    expect((await cli(words)).code).to.not.equal(0);
    await server.close();
    rmSync(folder, { recursive: true });
  });

  it('batch-predict tells what was odd about the input beside its rows', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'trainyard-cli-'));
    const file = path.join(folder, 'rows.csv');
    const resource = '/api/v1/batch-predictions/b1';
    const warnings = [
      { code: 'COLUMN_IGNORED', message: 'the model does not use column "a\u001b"', handling: 'Ignored.' },
    ];
    const server = await fakeServer(({ method, url = '' }) => {
      if (method === 'POST') return { status: 202, json: job('queued') };
      if (url.startsWith('/api/v1/jobs/')) return { status: 200, json: job('succeeded', { resource }) };
      return { status: 200, json: url === resource ? { warnings } : 'rows' };
    });
    const words = ['batch-predict', '--model', 'm1', '--dataset', 'd1', '--output', file];
    const { code, err } = await cli([...words, '--url', server.url, '--api-key', 'k']);
    await server.close();
    expect(code, err).to.equal(0);
    expect(err).to.contain('warning: the model does not use column "a\\x1b". Ignored.\n');
    expect(readFileSync(file, 'utf8')).to.equal('"rows"');
    rmSync(folder, { recursive: true });
  });

  it('hadoop doctor shows what is broken with its remedy, and exits 1', async () => {
    const flags = ['hadoop', 'doctor', '--hadoop.confDir', '/nowhere/at-all'];
    const { code, out } = await cli([...flags, '--no-probe']);
    expect(code).to.equal(1);
    expect(out).to.match(/^problem\s+configuration\s+hadoop\.confDir \/nowhere\/at-all/m);
    expect(out).to.match(/problem configuration: Point hadoop\.confDir at/);
    const json = await cli([...flags, '--json']);
    expect((JSON.parse(json.out) as { counts: object }).counts).to.deep.include({ problem: 1, ok: 0 });
  });

  it('hadoop install and uninstall say which flag is missing', async () => {
    const install = await cli(['hadoop', 'install', '--dry-run', '--json']);
    expect([install.code, install.err.includes('--archive is missing')]).to.deep.equal([10, true]);
    const unknown = await cli(['hadoop', 'uninstall', '--yess=true']);
    expect([unknown.code, unknown.err.includes('yess')]).to.deep.equal([10, true]);
  });
});
