import { expect } from 'chai';
import { loadConfig } from '../../../../../conf/index.ts';
import { poolSubmission, workerLaunch } from '../../../../../appserver/server/pools/launches.ts';

const MIB = 1024 ** 2;
const POOL = {
  ...{ name: 'yarn:ml:alice', userName: 'alice', queue: 'ml' },
  ...{ idleSince: null, failures: 0, notBefore: 0, waitReason: null },
};
const FILE = {
  name: 'worker',
  url: 'hdfs://nn:1/worker.tar.gz',
  sizeBytes: 1,
  modifiedAtMs: 1,
  type: 'ARCHIVE',
  visibility: 'PUBLIC',
} as const;

const RUNTIME = { archiveSha256: '', worker: FILE, master: [FILE], authorities: null, serverAuthorities: null };

function environmentOf(containerMemoryMb: number): Readonly<Record<string, string>> {
  const { config } = loadConfig({ env: {} });
  const options = { config, serverUrls: ['http://a:1'], tag: 'trainyard-test', serviceUser: 'trainyard' };
  return workerLaunch(options, POOL, RUNTIME, { memoryMb: containerMemoryMb, vcores: 1 }).environment;
}

describe('how a worker is started in a container', () => {
  for (const [memoryMb, cacheMb] of [
    [1536, 192],
    [2304, 288],
    [4096, 512],
    [65_536, 512],
  ] as const)
    it(`gives its cache ${cacheMb} MB in a container of ${memoryMb} MB`, () => {
      expect(environmentOf(memoryMb)).to.include({
        TRAINYARD_WORKER_CACHE_BYTES: String(cacheMb * MIB),
        TRAINYARD_WORKER_MEMORY_BYTES: String(Math.floor(memoryMb * MIB * 0.95)),
      });
    });

  it('is told where no bins are to be kept', () => {
    const name = 'TRAINYARD_RETENTION_BINS_BYTES_MAX';
    expect(environmentOf(4_096)).not.to.have.property(name);
    const { config } = loadConfig({ env: {}, flags: { 'retention.binsBytesMax': 0 } });
    const options = { config, serverUrls: ['http://a:1'], tag: 'trainyard-test', serviceUser: 'trainyard' };
    const { environment } = workerLaunch(options, POOL, RUNTIME, { memoryMb: 4_096, vcores: 1 });
    expect(environment[name]).to.equal('0');
    expect(loadConfig({ env: environment }).config.retention.binsBytesMax).to.equal(0);
  });

  it('is told by which authorities the app server is known, as is the master', () => {
    const { config } = loadConfig({ env: {} });
    const options = { config, serverUrls: ['https://a:1'], tag: 'trainyard-test', serviceUser: 'trainyard' };
    const serverAuthorities = { ...FILE, name: 'app-server-authorities.pem', type: 'FILE' } as const;
    const files = { ...RUNTIME, serverAuthorities };
    const size = { memoryMb: 4_096, vcores: 1 };
    const launch = workerLaunch(options, POOL, files, size);
    expect(launch.environment['TRAINYARD_SERVER_CA_FILE']).to.equal(serverAuthorities.name);
    expect(launch.resources).to.deep.equal([FILE, serverAuthorities]);
    expect(launch.launchId).not.to.equal(workerLaunch(options, POOL, RUNTIME, size).launchId);
    const secrets = { applicationId: 'application_1_0001', secret: 's', tokens: {} };
    const submission = poolSubmission(options, POOL, files, secrets);
    expect(submission.environment['TRAINYARD_CA_FILE']).to.equal(serverAuthorities.name);
    expect(submission.resources).to.deep.equal([FILE, serverAuthorities]);
    expect(poolSubmission(options, POOL, RUNTIME, secrets).environment).not.to.have.property('TRAINYARD_CA_FILE');
  });
});
