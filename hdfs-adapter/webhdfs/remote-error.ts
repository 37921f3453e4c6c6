import { AppError, type ErrorCode } from '#contracts';
import { redact } from '#hadoop-auth';

/** What a call was about, for messages. */
export interface CallSubject {
  /** WebHDFS operation, e.g. `OPEN`. */
  readonly operation: string;
  readonly path: string;
  /** Who HDFS saw. */
  readonly user: string;
  /** Origin of the server that answered. */
  readonly origin: string;
}

interface RemoteException {
  readonly exception: string;
  readonly message: string;
}

/** What the message must look like for an exception to mean something else than its name alone. */
interface Meaning {
  readonly exception: RegExp;
  readonly message?: RegExp;
  readonly code: ErrorCode;
}

/** First match wins. Exceptions of Hadoop 3.3 to 3.5 as its WebHDFS and HttpFS answer them. */
const MEANINGS: readonly Meaning[] = [
  {
    exception: /./,
    message: /\bInvalidToken\b|token .*(can't be found in cache|has expired)/,
    code: 'HDFS_TOKEN_INVALID',
  },
  { exception: /^InvalidToken$/, code: 'HDFS_TOKEN_INVALID' },
  { exception: /./, message: /not allowed to impersonate/i, code: 'HDFS_IMPERSONATION_DENIED' },
  { exception: /./, message: /not allowed to do '(DECRYPT|GENERATE)_EEK'/, code: 'HDFS_ENCRYPTION_KEY_DENIED' },
  { exception: /./, message: /name ?node is in safe ?mode/i, code: 'HDFS_SAFE_MODE' },
  { exception: /^SafeModeException$/, code: 'HDFS_SAFE_MODE' },
  { exception: /QuotaExceededException$|^QuotaByStorageTypeExceeded/, code: 'HDFS_QUOTA_EXCEEDED' },
  { exception: /^(FileNotFoundException|PathNotFoundException)$/, code: 'HDFS_FILE_MISSING' },
  { exception: /^FileAlreadyExistsException$/, code: 'HDFS_FILE_EXISTS' },
  // HttpFS answers it with 500.
  { exception: /^PathIsNotEmptyDirectoryException$/, code: 'HDFS_REQUEST_INVALID' },
  { exception: /^(AlreadyBeingCreatedException|RecoveryInProgressException)$/, code: 'HDFS_FILE_BUSY' },
  { exception: /^(AccessControlException|AuthorizationException|SecurityException)$/, code: 'HDFS_PERMISSION_DENIED' },
  { exception: /^AuthenticationException$/, code: 'HADOOP_AUTH_FAILED' },
  {
    exception:
      /^(StandbyException|RetriableException|ObserverRetryOnActiveException|ConnectException|SocketException|EOFException|SocketTimeoutException|NoRouteToHostException|BlockMissingException|CannotObtainBlockLengthException)$/,
    code: 'HDFS_UNAVAILABLE',
  },
  {
    exception: /^(IOException|RemoteException|RuntimeException)$/,
    message:
      /failed to find datanode|could only be (replicated|written) to|all datanodes .* are bad|namenode .*(starting|not yet)|premature eof/i,
    code: 'HDFS_UNAVAILABLE',
  },
];

const MESSAGE_CHARS_MAX = 500;

/**
 * A refusal of WebHDFS or HttpFS as our error; names operation, path, user and server, and what HDFS said.
 *
 * @see WebHDFS REST API, "Error Responses": `{"RemoteException":{"exception","javaClassName","message"}}`
 */
export function remoteError(status: number, body: string, subject: CallSubject): AppError {
  const remote = readException(body);
  const said = remote === null ? wordless(status) : `${remote.exception}: ${shorten(remote.message)}`;
  return new AppError(
    codeOf(status, remote),
    `${subject.operation} ${subject.path} as ${subject.user} at ${subject.origin}: ${redact(said)}`,
    { details: { ...subject, status, ...(remote === null ? {} : { exception: remote.exception }) } },
  );
}

/** An answer that is not in the words of WebHDFS. */
function wordless(status: number): string {
  if (status === 401) return 'HTTP 401: it asks for a login';
  return status < 500
    ? `HTTP ${status} in other words than WebHDFS’s: is this a NameNode or HttpFS?`
    : `HTTP ${status}`;
}

function codeOf(status: number, remote: RemoteException | null): ErrorCode {
  const found = MEANINGS.find(
    ({ exception, message }) =>
      remote !== null && exception.test(remote.exception) && (message === undefined || message.test(remote.message)),
  );
  if (found !== undefined) return found.code;
  if (status >= 500 || status === 408 || status === 429) return 'HDFS_UNAVAILABLE';
  if (status === 401) return 'HADOOP_AUTH_FAILED';
  // A server of another kind, or one that is still starting, answers pages of its own.
  return remote === null ? 'HDFS_UNAVAILABLE' : 'HDFS_REQUEST_INVALID';
}

function readException(body: string): RemoteException | null {
  let document: unknown;
  try {
    document = JSON.parse(body);
  } catch {
    return null;
  }
  const remote = fieldOf(document, 'RemoteException');
  const exception = fieldOf(remote, 'exception');
  const message = fieldOf(remote, 'message');
  if (typeof exception !== 'string') return null;
  return { exception, message: typeof message === 'string' ? message : '' };
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (Reflect.get(value, name) as unknown) : undefined;
}

/** Java puts stack traces into messages. */
function shorten(message: string): string {
  const [first = ''] = message.split(/\n\s*at /);
  const line = first.replaceAll(/\s+/g, ' ').trim();
  return line.length > MESSAGE_CHARS_MAX ? `${line.slice(0, MESSAGE_CHARS_MAX)}...` : line;
}
