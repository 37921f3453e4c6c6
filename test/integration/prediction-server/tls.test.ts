import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { HttpClient } from '#runtime';
import { makeAuthority, type IssuedCertificate, type TestAuthority } from '../../support/certificates.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { call, callRaw, until } from '../../support/serving/call.ts';
import { API_KEY, regression } from '../../support/serving/models.ts';
import { createServing, ROW, type Server, type Serving } from '../../support/serving/serving.ts';

describe('prediction server: TLS', () => {
  let folder = '';
  let authority: TestAuthority;
  let good: IssuedCertificate;
  let serving: Serving;

  before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'trainyard-prediction-tls-'));
    authority = await makeAuthority(folder);
    good = await authority.issue();
    serving = await createServing();
    serving.deploy(serving.model('mdl_1', regression()));
  });
  after(async () => {
    await serving.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const flagsOf = ({ certificateFile, keyFile }: IssuedCertificate) => ({
    'predictionServer.certificateFile': certificateFile,
    'predictionServer.keyFile': keyFile,
  });
  const ask = async ({ url }: Pick<Server, 'url'>, caFile = authority.caFile): Promise<unknown> => {
    const client = new HttpClient({ baseUrl: url, caFile, token: API_KEY, timeoutMs: 5_000 });
    try {
      return (await client.request({ method: 'POST', path: '/predict/dep_1', json: ROW })).json;
    } finally {
      client.close();
    }
  };

  it('predicts over HTTPS, on any address, for those who know its authority', async () => {
    const server = await serving.start({ ...flagsOf(good), 'predictionServer.host': '0.0.0.0' });
    try {
      const url = server.url.replace('0.0.0.0', '127.0.0.1');
      expect(url).to.match(/^https:/);
      const answer = await until('an answer', () => ask({ url }).catch(() => null));
      expect(answer).to.deep.include({ modelId: 'mdl_1', data: [{ rowIndex: 0, prediction: 111 }] });
      await until('a report of the address', () =>
        serving.app.reports.some(({ status }) => status.url.startsWith('https:') && status.deployments[0]?.ready),
      );
      const strangers = await makeAuthority(folder, 'strangers');
      await appErrorOf('SERVER_CERTIFICATE_REFUSED', () => ask({ url }, strangers.caFile));
    } finally {
      await server.close();
    }
  });

  it('tells who speaks HTTP to say https', async () => {
    const server = await serving.start(flagsOf(good));
    try {
      const text = await callRaw(server.port, 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n');
      expect(text).to.match(/^HTTP\/1\.1 400 /);
      expect(text).to.include('this port speaks HTTPS');
    } finally {
      await server.close();
    }
  });

  it('takes up a renewed certificate without a restart', async () => {
    const served = { certificateFile: path.join(folder, 'served.crt'), keyFile: path.join(folder, 'served.key') };
    const put = ({ certificateFile, keyFile }: IssuedCertificate) => {
      copyFileSync(certificateFile, served.certificateFile);
      copyFileSync(keyFile, served.keyFile);
    };
    put(await authority.issue({ fileName: 'expired', expired: true }));
    const server = await serving.start({ ...flagsOf(served), 'predictionServer.certificateReloadMs': '20' });
    try {
      expect(serving.log.some(({ event }) => event === 'certificate_expired')).to.equal(true);
      await appErrorOf('SERVER_CERTIFICATE_REFUSED', () => ask(server));
      put(good);
      await until('an answer', () => ask(server).catch(() => null));
    } finally {
      await server.close();
    }
  });

  it('refuses to start with what cannot serve', async () => {
    const refusal = async (flags: Readonly<Record<string, string>>) =>
      (await appErrorOf('CONFIG_INVALID', () => serving.start(flags))).message;
    const { certificateFile } = good;
    expect(await refusal({ 'predictionServer.certificateFile': certificateFile })).to.include(
      'predictionServer.keyFile: expected a PEM file',
    );
    expect(await refusal({ ...flagsOf(good), 'predictionServer.publicUrl': 'http://p.example.com' })).to.include(
      'predictionServer.publicUrl: expected https://',
    );
    expect(await refusal({ 'predictionServer.host': '0.0.0.0' })).to.include('predictionServer.certificateFile');
    const server = await serving.start();
    const port = String(server.port);
    expect(await refusal({ 'predictionServer.port': port })).to.include(`cannot listen on 127.0.0.1:${port}`);
    expect((await call(`${server.url}/health`)).status).to.equal(200);
  });
});
