import { expect } from 'chai';
import { loadConfig } from '#runtime';
import { judgeAppServer } from '../../../../appserver/hadoop-setup/doctor/app-server.ts';
import { appErrorOf } from '../../../support/expect-error.ts';

const judge = (flags: Readonly<Record<string, string>>) => judgeAppServer(loadConfig({ env: {}, flags }).config);

describe('doctor: whether containers speak TLS to the app servers', () => {
  it('is content with HTTPS, and says who vouches for it', () => {
    const own = judge({ 'server.publicUrl': 'https://ml.test', 'server.caFile': '/etc/ca.pem' });
    expect(own).to.include({ state: 'ok', found: 'HTTPS: https://ml.test, by /etc/ca.pem' });
    expect(judge({ 'yarn.serverUrls': 'https://a.test,https://b.test' }).found).to.match(/a\.test.*b\.test.*Node/);
    const listener = judge({ 'server.certificateFile': '/c.pem', 'server.keyFile': '/k.pem' });
    expect(listener.found).to.include('HTTPS: https://127.0.0.1:8080');
  });

  it('warns of each address that others could listen to', () => {
    const found = judge({ 'yarn.serverUrls': 'https://a.test,http://b.test:8080' });
    expect(found.state).to.equal('warning');
    expect(found.found).to.include('http://b.test:8080').and.not.include('a.test');
    expect(found.remedy).to.include('server.certificateFile');
  });

  it('has nothing to say where nothing leaves the machine, and misses an address that nodes could call', async () => {
    expect(judge({}).found).to.equal('http://127.0.0.1:8080: this machine only');
    await appErrorOf('CONFIG_INVALID', () => judge({ 'server.host': '0.0.0.0', 'server.plainHttp': 'anywhere' }));
  });
});
