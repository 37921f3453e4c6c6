import { expect } from 'chai';
import { isTextInPlace } from '../../../../../appserver/server/services/hdfs-sources.ts';

describe('text in HDFS', () => {
  const files = [{ sizeBytes: 600 }, { sizeBytes: 400 }];

  it('is read in place where all files together are larger than a snapshot may be', () => {
    expect(isTextInPlace(files, 'csv', { snapshotBytesMax: 1_000 })).to.be.false;
    expect(isTextInPlace(files, 'csv', { snapshotBytesMax: 999 })).to.be.true;
    expect(isTextInPlace(files, 'tsv', { snapshotBytesMax: 0 })).to.be.true;
  });

  it('is read in place in partition folders, however little it is', () => {
    expect(isTextInPlace([{ sizeBytes: 1, partition: { day: '1' } }], 'csv', { snapshotBytesMax: 1e9 })).to.be.true;
  });

  it('is copied as JSON lines; Parquet needs no such decision', () => {
    expect(isTextInPlace(files, 'jsonl', { snapshotBytesMax: 0 })).to.be.false;
    expect(isTextInPlace(files, 'parquet', { snapshotBytesMax: 0 })).to.be.false;
  });
});
