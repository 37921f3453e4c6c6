import { expect } from 'chai';
import type { ErrorCode } from '#contracts';
import { remoteError } from '../../../../hdfs-adapter/webhdfs/remote-error.ts';

const subject = { operation: 'OPEN', path: '/p', user: 'alice', origin: 'https://nn:9871' };
const body = (exception: string, message: string): string =>
  JSON.stringify({ RemoteException: { exception, message } });

/** Exceptions and messages of NameNodes, DataNodes, HttpFS and the KMS of Hadoop 3.4 and 3.5; some as their sources word them. */
const REFUSALS: readonly (readonly [number, string, string, ErrorCode])[] = [
  [404, 'FileNotFoundException', 'File does not exist: /p', 'HDFS_FILE_MISSING'],
  [403, 'FileAlreadyExistsException', '/p for client 127.0.0.1 already exists', 'HDFS_FILE_EXISTS'],
  [403, 'AccessControlException', 'Permission denied: user=alice, access=READ, inode="/p"', 'HDFS_PERMISSION_DENIED'],
  [403, 'AuthorizationException', 'User: trainyard is not allowed to impersonate hdfs', 'HDFS_IMPERSONATION_DENIED'],
  [
    403,
    'SecurityException',
    'Failed to obtain user group information: org.apache.hadoop.security.authorize.AuthorizationException: User: trainyard/h@R is not allowed to impersonate bob',
    'HDFS_IMPERSONATION_DENIED',
  ],
  [403, 'AuthorizationException', "User:hdfs not allowed to do 'DECRYPT_EEK' on 'zkey'", 'HDFS_ENCRYPTION_KEY_DENIED'],
  [
    403,
    'SecurityException',
    "Failed to obtain user group information: org.apache.hadoop.security.token.SecretManager$InvalidToken: Token for real user: , can't be found in cache",
    'HDFS_TOKEN_INVALID',
  ],
  [403, 'InvalidToken', 'token (token for alice) is expired', 'HDFS_TOKEN_INVALID'],
  [
    403,
    'NSQuotaExceededException',
    'The NameSpace quota (directories and files) of directory /p is exceeded',
    'HDFS_QUOTA_EXCEEDED',
  ],
  [403, 'DSQuotaExceededException', 'The DiskSpace quota of /p is exceeded', 'HDFS_QUOTA_EXCEEDED'],
  [403, 'SafeModeException', 'Cannot create file/p. Name node is in safe mode.', 'HDFS_SAFE_MODE'],
  [
    403,
    'RetriableException',
    'org.apache.hadoop.hdfs.server.namenode.SafeModeException: Name node is in safe mode',
    'HDFS_SAFE_MODE',
  ],
  [403, 'IOException', 'Cannot issue delegation token. Name node is in safe mode.', 'HDFS_SAFE_MODE'],
  [403, 'StandbyException', 'Operation category READ is not supported in state standby', 'HDFS_UNAVAILABLE'],
  [
    403,
    'IOException',
    'Failed to find datanode, suggest to check cluster health. excludeDatanodes=null',
    'HDFS_UNAVAILABLE',
  ],
  [403, 'IOException', 'File /p could only be written to 0 of the 1 minReplication nodes.', 'HDFS_UNAVAILABLE'],
  [403, 'AlreadyBeingCreatedException', 'Failed to APPEND_FILE /p for DFSClient', 'HDFS_FILE_BUSY'],
  [403, 'PathIsNotEmptyDirectoryException', '`/p is non empty', 'HDFS_REQUEST_INVALID'],
  [500, 'PathIsNotEmptyDirectoryException', '`/p is non empty', 'HDFS_REQUEST_INVALID'],
  [400, 'IllegalArgumentException', 'Invalid value for webhdfs parameter "op"', 'HDFS_REQUEST_INVALID'],
  [403, 'EOFException', 'End of File Exception between local host is: "vm/127.0.0.1"', 'HDFS_UNAVAILABLE'],
  [500, 'RuntimeException', 'anything', 'HDFS_UNAVAILABLE'],
];

describe('refusals of HDFS', () => {
  for (const [status, exception, message, code] of REFUSALS)
    it(`${exception}: ${message.slice(0, 50)} is ${code}`, () => {
      const err = remoteError(status, body(exception, message), subject);
      expect(err.code).to.equal(code);
      expect(err.message).to.contain('OPEN /p as alice at https://nn:9871: ').and.contain(exception);
    });

  it('that are no documents are told by their status', () => {
    expect(remoteError(503, '<html>', subject).code).to.equal('HDFS_UNAVAILABLE');
    expect(remoteError(404, 'nginx', subject).code).to.equal('HDFS_UNAVAILABLE');
    expect(remoteError(401, '', subject).code).to.equal('HADOOP_AUTH_FAILED');
    expect(remoteError(403, '{"RemoteException":{}}', subject).message).to.contain('HTTP 403');
  });

  it('are shortened, without stack traces and secrets', () => {
    const message = `wrong delegation=CANARY-1\n\tat org.apache.Foo\n\tat org.apache.Bar`;
    const err = remoteError(400, body('IllegalArgumentException', message), subject);
    expect(err.message).to.match(/wrong delegation=\(hidden\)$/);
    expect(remoteError(400, body('X', 'y'.repeat(9_000)), subject).message.length).to.be.lessThan(700);
  });
});
