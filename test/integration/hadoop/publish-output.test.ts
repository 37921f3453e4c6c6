import { expect } from 'chai';
import type { HdfsOutput } from '#contracts';
import type { HttpTransport } from '#hadoop-auth';
import type { WebHdfsClient } from '#webhdfs';
import { clearStaging, publishOutput } from '../../../appserver/server/services/publish-output.ts';
import { stagingPathOf } from '../../../appserver/server/services/hdfs-outputs.ts';
import { appErrorOf } from '../../support/expect-error.ts';
import { hdfsClient, transportOf } from '../../support/hadoop/clients.ts';
import { sharedHadoopCluster, type HadoopCluster } from '../../support/hadoop/index.ts';

const PARENT = '/user/alice/outputs';
const ID = 'bp_1';

/** An output is put in place by one rename, however often that is asked for. */
describe('publishing an output', function () {
  this.timeout(120_000);
  let cluster: HadoopCluster;
  let transport: HttpTransport;
  let hdfs: WebHdfsClient;
  let count = 0;

  const names = async (folder: string): Promise<string[]> => {
    const found: string[] = [];
    for await (const { path } of hdfs.list(folder)) found.push(path.slice(folder.length + 1));
    return found;
  };
  const textOf = async (path: string): Promise<string> => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of hdfs.open(path)) chunks.push(chunk);
    return Buffer.concat(chunks).toString();
  };
  const place = (more: Partial<HdfsOutput> = {}): HdfsOutput => {
    count += 1;
    return { type: 'hdfs', path: `${PARENT}/${count}/place`, ...more };
  };
  /** A sealed attempt with one part of this text. */
  const staged = async (output: HdfsOutput, attemptName: string, text = attemptName) => {
    const stagingPath = stagingPathOf(output.path, ID);
    const path = `${stagingPath}/${attemptName}`;
    await hdfs.create(`${path}/part-00000.csv`, Buffer.from(text));
    await hdfs.create(`${path}/_SUCCESS`, Buffer.from(JSON.stringify({ batchPredictionId: ID })));
    const files = [{ name: 'part-00000.csv', sizeBytes: text.length, rowCount: 1 }];
    return { batchPredictionId: ID, output, stagingPath, folderName: attemptName, staged: { path, files } };
  };

  before(async () => {
    cluster = await sharedHadoopCluster('plain');
    transport = transportOf(cluster);
    hdfs = hdfsClient(cluster, { user: 'alice', transport });
  });
  after(() => transport.close());

  it('does it once for any number of attempts and askings', async () => {
    const output = place();
    const first = await staged(output, '1-a');
    const second = await staged(output, '2-b');
    await publishOutput(hdfs, first);
    for (const again of [first, second, first]) await publishOutput(hdfs, again);
    expect(await names(output.path)).to.deep.equal(['_SUCCESS', 'part-00000.csv']);
    expect(await textOf(`${output.path}/part-00000.csv`)).to.equal('1-a');
    await clearStaging(hdfs, first);
    await clearStaging(hdfs, first);
    expect(await names(output.path.slice(0, -'/place'.length))).to.deep.equal(['place']);
  });

  it('takes an empty folder’s place, and that of a folder of files only when told to', async () => {
    const empty = place();
    await hdfs.mkdirs(empty.path);
    await publishOutput(hdfs, await staged(empty, '1-a'));
    const full = place();
    await hdfs.create(`${full.path}/mine`, Buffer.from('mine'));
    const attempt = await staged(full, '1-a');
    await appErrorOf('HDFS_OUTPUT_EXISTS', () => publishOutput(hdfs, attempt));
    expect(await names(full.path)).to.deep.equal(['mine']);
    const told = { ...attempt, output: { ...full, overwrite: true } };
    await publishOutput(hdfs, told);
    expect(await textOf(`${full.path}/part-00000.csv`)).to.equal('1-a');
    expect(await names(attempt.stagingPath)).to.deep.equal(['replaced-1-a']);
    await clearStaging(hdfs, told);
    expect(await hdfs.find(attempt.stagingPath)).to.equal(null);
  });

  it('gives back what was put aside when nothing took its place', async () => {
    const output = place({ overwrite: true });
    await hdfs.create(`${output.path}/mine`, Buffer.from('mine'));
    const attempt = await staged(output, '1-a');
    // As an app server leaves it that is killed between both renames, of a job that fails then.
    await hdfs.rename(output.path, `${attempt.stagingPath}/replaced-1-a`);
    await clearStaging(hdfs, attempt);
    expect(await textOf(`${output.path}/mine`)).to.equal('mine');
    // Of a job that goes on, the next asking finds the place free.
    const other = await staged(output, '2-b');
    await hdfs.rename(output.path, `${other.stagingPath}/replaced-1-a`);
    await publishOutput(hdfs, other);
    expect(await textOf(`${output.path}/part-00000.csv`)).to.equal('2-b');
  });

  it('keeps what was put aside beside a folder that another has made meanwhile', async () => {
    const output = place({ overwrite: true });
    await hdfs.create(`${output.path}/mine`, Buffer.from('mine'));
    const attempt = await staged(output, '1-a');
    await hdfs.rename(output.path, `${attempt.stagingPath}/replaced-1-a`);
    await hdfs.create(`${output.path}/other`, Buffer.from('other'));
    await clearStaging(hdfs, attempt);
    expect(await textOf(`${output.path}/other`)).to.equal('other');
    expect(await textOf(`${output.path}.replaced-1-a/mine`)).to.equal('mine');
    expect(await hdfs.find(attempt.stagingPath)).to.equal(null);
  });

  it('never puts a folder in place that is not as it was sealed', async () => {
    const output = place();
    const attempt = await staged(output, '1-a');
    const part = { name: 'part-00000.csv', sizeBytes: 3, rowCount: 1 };
    const cases = [
      { ...attempt, staged: { ...attempt.staged, files: [{ ...part, sizeBytes: 4 }] } },
      { ...attempt, staged: { ...attempt.staged, files: [] } },
      { ...attempt, staged: { ...attempt.staged, files: [part, { ...part, name: 'part-00001.csv' }] } },
      { ...attempt, staged: { ...attempt.staged, path: '/user/alice' } },
      { ...attempt, folderName: '9-z', staged: { ...attempt.staged, path: `${attempt.stagingPath}/9-z` } },
    ];
    for (const wrong of cases) await appErrorOf('RESULT_MISMATCH', () => publishOutput(hdfs, wrong));
    expect(await hdfs.find(output.path)).to.equal(null);
  });

  it('says what HDFS refuses, naming the folder', async () => {
    const output = place();
    const attempt = await staged(output, '1-a');
    const parent = output.path.slice(0, output.path.lastIndexOf('/'));
    await hdfs.setPermission(parent, '555');
    const refused = await appErrorOf('HDFS_OUTPUT_REFUSED', () => publishOutput(hdfs, attempt));
    expect(refused.message).to.include(output.path).and.include('alice');
    await hdfs.setPermission(parent, '755');
  });
});
