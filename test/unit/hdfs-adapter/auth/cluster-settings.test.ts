import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { loadClusterSettings, tokenServiceOf } from '#hadoop-auth';
import { appErrorOf } from '../../../support/expect-error.ts';

type Site = Readonly<Record<string, string>>;

describe('cluster settings', () => {
  let folder = '';
  beforeEach(() => (folder = mkdtempSync(path.join(tmpdir(), 'trainyard-conf-'))));
  afterEach(() => rmSync(folder, { recursive: true }));

  const raw = (name: string, text: string): void => writeFileSync(path.join(folder, name), text);
  const site = (name: string, properties: Site): void => {
    const all = Object.entries(properties).map(
      ([key, value]) => `<property><name>${key}</name><value>${value}</value></property>`,
    );
    raw(name, `<?xml version="1.0"?><configuration>${all.join('\n')}</configuration>`);
  };

  it('fill in Hadoop’s defaults: one NameNode and ResourceManager, HTTP', async () => {
    site('core-site.xml', { 'fs.defaultFS': 'hdfs://nn.example' });
    site('yarn-site.xml', { 'yarn.resourcemanager.hostname': 'rm.example' });
    const settings = loadClusterSettings(folder);
    expect(settings.security).to.equal('simple');
    expect(settings.nameservices).to.deep.equal([
      {
        authority: 'nn.example',
        highlyAvailable: false,
        nameNodes: [{ id: '', url: 'http://nn.example:9870', rpcAddress: 'nn.example:8020' }],
      },
    ]);
    expect(settings.resourceManagers).to.deep.equal([
      {
        id: '',
        url: 'http://rm.example:8088',
        rpcAddress: 'rm.example:8032',
        schedulerAddress: 'rm.example:8030',
      },
    ]);
    expect(settings.tokenRenewer).to.be.null;
  });

  it('find all NameNodes and ResourceManagers of a secured, highly available cluster', async () => {
    site('core-site.xml', { 'fs.defaultFS': 'hdfs://prod', 'hadoop.security.authentication': 'kerberos' });
    site('hdfs-site.xml', {
      'dfs.nameservices': 'prod,old',
      'dfs.ha.namenodes.prod': 'nn1, nn2',
      'dfs.namenode.rpc-address.prod.nn1': 'a.example:9000',
      'dfs.namenode.rpc-address.prod.nn2': 'b.example',
      'dfs.namenode.https-address.prod.nn1': '0.0.0.0:50470',
      'dfs.namenode.rpc-address.old': 'c.example:8020',
      'dfs.http.policy': 'HTTPS_ONLY',
    });
    site('yarn-site.xml', {
      'yarn.resourcemanager.ha.enabled': 'true',
      'yarn.resourcemanager.ha.rm-ids': 'rm1,rm2',
      'yarn.resourcemanager.hostname.rm1': 'R1.example',
      'yarn.resourcemanager.hostname.rm2': 'r2.example',
      'yarn.resourcemanager.webapp.https.address.rm2': 'r2.example:1234',
      'yarn.http.policy': 'HTTPS_ONLY',
      'yarn.resourcemanager.principal': 'yarn/_HOST@REALM',
    });
    site('ssl-client.xml', { 'ssl.client.truststore.location': '/etc/trust.jks' });
    const settings = loadClusterSettings(folder);
    expect(settings.security).to.equal('kerberos');
    expect(settings.defaultNameservice).to.deep.equal({
      authority: 'prod',
      highlyAvailable: true,
      nameNodes: [
        { id: 'nn1', url: 'https://a.example:50470', rpcAddress: 'a.example:9000' },
        { id: 'nn2', url: 'https://b.example:9871', rpcAddress: 'b.example:8020' },
      ],
    });
    expect(settings.nameservices.map(({ authority }) => authority)).to.deep.equal(['prod', 'old']);
    expect(settings.resourceManagers.map(({ url }) => url)).to.deep.equal([
      'https://R1.example:8090',
      'https://r2.example:1234',
    ]);
    expect(settings.tokenRenewer).to.equal('yarn/r1.example@REALM');
    expect(settings.trustStore).to.equal('/etc/trust.jks');
    expect(await tokenServiceOf(settings)).to.equal('ha-hdfs:prod');
  });

  it('name a token’s service by the address of the one NameNode', async () => {
    site('core-site.xml', { 'fs.defaultFS': 'hdfs://localhost:9000' });
    expect(await tokenServiceOf(loadClusterSettings(folder))).to.equal('127.0.0.1:9000');
    site('core-site.xml', { 'fs.defaultFS': 'hdfs://nn.x:9000', 'hadoop.security.token.service.use_ip': 'false' });
    expect(await tokenServiceOf(loadClusterSettings(folder))).to.equal('nn.x:9000');
  });

  it('substitute variables, obey final, follow includes and their fallback', () => {
    raw(
      'core-site.xml',
      `<configuration xmlns:xi="http://www.w3.org/2001/XInclude">
        <property><name>fs.defaultFS</name><value>hdfs://\${host}:\${port}</value><final>true</final></property>
        <property name="port" value="1\${unset}"/>
        <xi:include href="more.xml"/>
        <xi:include href="none.xml"><xi:fallback><property><name>f</name><value>fallback</value></property></xi:fallback></xi:include>
      </configuration>`,
    );
    raw('more.xml', '<configuration><property><name>host</name><value> inner </value></property></configuration>');
    site('hdfs-site.xml', { 'fs.defaultFS': 'hdfs://other', port: '9000', host: 'h' });
    const { configuration, defaultNameservice } = loadClusterSettings(folder);
    expect(defaultNameservice.authority).to.equal('h:9000');
    expect(configuration.get('f')).to.equal('fallback');
    expect(configuration.get('none')).to.be.undefined;
  });

  it('say which file and key are wrong, and what was found', async () => {
    const wrong = async (expected: RegExp): Promise<void> => {
      const err = await appErrorOf('HADOOP_CONFIG_INVALID', () => loadClusterSettings(folder));
      expect(err.message).to.match(expected);
    };
    await wrong(/core-site\.xml: expected a readable configuration file, found no such file/);
    site('core-site.xml', {});
    await wrong(/fs\.defaultFS: expected hdfs:.*found nothing/);
    site('core-site.xml', { 'fs.defaultFS': 's3a://bucket' });
    await wrong(/core-site\.xml, fs\.defaultFS: expected hdfs:.*found s3a:\/\/bucket/);
    site('core-site.xml', { 'fs.defaultFS': 'hdfs://ns', 'hadoop.security.authentication': 'ldap' });
    await wrong(/hadoop\.security\.authentication: expected simple or kerberos, found ldap/);
    site('core-site.xml', { 'fs.defaultFS': 'hdfs://ns' });
    site('hdfs-site.xml', { 'dfs.nameservices': 'ns', 'dfs.ha.namenodes.ns': 'n1' });
    await wrong(/dfs\.namenode\.rpc-address\.ns\.n1: expected host:port/);
    site('hdfs-site.xml', { 'dfs.nameservices': 'ns', 'dfs.namenode.rpc-address.ns': 'a b:c' });
    await wrong(/hdfs-site\.xml, dfs\.namenode\.rpc-address\.ns: expected host:port, found "a b:c"/);
    site('hdfs-site.xml', { a: '${b}', b: '${a}', 'dfs.nameservices': '${a}' });
    await wrong(/circle of variables/);
    raw('hdfs-site.xml', '<configuration>\n<property></configuration>');
    await wrong(/hdfs-site\.xml, line 2: /);
    raw('hdfs-site.xml', '<html/>');
    await wrong(/expected <configuration>, found <html>/);
    raw('hdfs-site.xml', '<configuration><include href="http://host/x.xml"/></configuration>');
    await wrong(/expected xi:include of a file, found "http:/);
    raw('hdfs-site.xml', '<configuration><include href="hdfs-site.xml"/></configuration>');
    await wrong(/at most 10 includes/);
    await appErrorOf('HADOOP_CONFIG_INVALID', () => loadClusterSettings(path.join(folder, 'none')));
    await appErrorOf('HADOOP_CONFIG_INVALID', () => loadClusterSettings(path.join(folder, 'core-site.xml')));
  });
});
