import { HdfsObjectStore, type ObjectStore } from '#object-store';
import { WebHdfsClient } from '#webhdfs';
import { HttpTransport } from '#hadoop-auth';
import { objectStoreSuite } from '../../contract/object-store/suite.ts';
import { sharedHadoopCluster } from '../../support/hadoop/index.ts';

let count = 0;
const transport = new HttpTransport();

async function openStore(): Promise<ObjectStore> {
  const cluster = await sharedHadoopCluster('plain');
  const client = new WebHdfsClient({
    urls: cluster.nameNodeUrls,
    transport,
    identity: { kind: 'simple', user: 'alice' },
  });
  count += 1;
  return new HdfsObjectStore(client, `/user/alice/store-${count}`);
}

describe('HDFS', function () {
  this.timeout(180_000);
  before(() => sharedHadoopCluster('plain'));
  after(() => transport.close());

  objectStoreSuite('hdfs', { open: openStore, close: () => Promise.resolve() });
});
