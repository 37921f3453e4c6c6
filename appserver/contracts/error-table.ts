/**
 * The one table of error codes. Every failure that a user, an operator or another process can see has its row here;
 * `docs/errors.md` is generated from it and a test holds the whole table.
 */

/** What kind of failure a code is; decides HTTP status family, retry and who acts (`docs/errors.md`). */
export type ErrorKind =
  | 'invalid'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'stale'
  | 'limited'
  | 'not_available'
  | 'capacity'
  | 'unavailable'
  | 'timeout'
  | 'cancelled'
  | 'bug';

/** One row of the table. `remedy` is a sentence for the person who acts. */
export interface ErrorRow {
  readonly kind: ErrorKind;
  readonly status: number;
  readonly retryable: boolean;
  readonly exitCode: number;
  readonly title: string;
  readonly remedy: string;
}

const row = (kind: ErrorKind, status: number, title: string, remedy: string): ErrorRow => ({
  kind,
  status,
  retryable: kind === 'unavailable' || kind === 'timeout' || kind === 'limited',
  exitCode: exitCodeOf(kind),
  title,
  remedy,
});

/** Exit code of a process that ends by an error of this kind: 10 never retry, 11 retry, 12 retry once larger, 20 bug. */
export function exitCodeOf(kind: ErrorKind): number {
  switch (kind) {
    case 'unavailable':
    case 'timeout':
      return 11;
    case 'capacity':
      return 12;
    case 'bug':
      return 20;
    case 'cancelled':
      return 13;
    case 'invalid':
    case 'unauthenticated':
    case 'forbidden':
    case 'not_found':
    case 'conflict':
    case 'stale':
    case 'limited':
    case 'not_available':
      return 10;
  }
}

/** All codes. Keys are stable for ever: clients match on them. */
export const ERROR_TABLE = {
  // Requests
  BAD_REQUEST: row('invalid', 400, 'The request cannot be read', 'Send a well-formed HTTP request.'),
  INVALID_JSON: row('invalid', 400, 'The body is not valid JSON', 'Mend the JSON at the place named.'),
  VALIDATION_FAILED: row('invalid', 422, 'The request does not fit its schema', 'Correct the fields listed in errors.'),
  UNSUPPORTED_MEDIA_TYPE: row('invalid', 415, 'The content type is not supported', 'Send one of the types named.'),
  NOT_ACCEPTABLE: row('invalid', 406, 'No representation fits the Accept header', 'Ask for one of the types named.'),
  BODY_TOO_LARGE: row('capacity', 413, 'The body is too large', 'Send less, or raise the limit named.'),
  UPLOAD_INCOMPLETE: row('invalid', 400, 'The upload broke off', 'Send the whole file again; nothing was kept.'),
  UNAUTHENTICATED: row(
    'unauthenticated',
    401,
    'Authentication is missing or wrong',
    'Send Authorization: Bearer <api key>.',
  ),
  FORBIDDEN: row('forbidden', 403, 'This is not allowed', 'Ask an administrator for the role named.'),
  NOT_FOUND: row('not_found', 404, 'There is no such object', 'Check the id; objects you may not read look the same.'),
  METHOD_NOT_ALLOWED: row(
    'invalid',
    405,
    'The method is not allowed here',
    'Use one of the methods in the Allow header.',
  ),
  NOT_AVAILABLE: row('not_available', 501, 'Not available in this version', 'See the changelog for when it arrives.'),
  CONFLICT: row('conflict', 409, 'The object is in another state', 'Read it again and decide anew.'),
  STALE: row('stale', 412, 'The object changed meanwhile', 'Read it again and send its new ETag in If-Match.'),
  IDEMPOTENCY_KEY_REUSED: row(
    'conflict',
    409,
    'The Idempotency-Key was used with another request',
    'Use a new key for a new request.',
  ),
  RATE_LIMITED: row('limited', 429, 'Too many requests', 'Wait for Retry-After seconds.'),
  // Datasets
  UNSUPPORTED_FORMAT: row(
    'invalid',
    422,
    'The file format is not supported',
    'Send csv, tsv, json lines or parquet, plain or gzipped text.',
  ),
  DATASET_EMPTY: row('invalid', 422, 'The file is empty', 'Send a file with a header and rows.'),
  DATASET_NO_ROWS: row('invalid', 422, 'The file has a header but no rows', 'Send at least one row.'),
  DATASET_RAGGED: row(
    'invalid',
    422,
    'A row has another number of cells than the header',
    'Mend the row named, or set options.delimiter or quote.',
  ),
  DATASET_ENCODING: row(
    'invalid',
    422,
    'The file is not in the stated encoding',
    'Set options.encoding, or save the file as UTF-8.',
  ),
  DATASET_UNREADABLE: row(
    'invalid',
    422,
    'The file cannot be read',
    'Check that the file is whole and of the format its name says.',
  ),
  DATASET_TRUNCATED: row('invalid', 422, 'The file ends too early', 'Send the whole file again.'),
  DATASET_TOO_WIDE: row(
    'invalid',
    422,
    'The file has too many columns',
    'Send fewer columns, or raise the limit named.',
  ),
  DATASET_CELL_TOO_LARGE: row(
    'invalid',
    422,
    'A cell is too large',
    'Shorten the cell named, or raise the limit named.',
  ),
  DATASET_NOT_READY: row('conflict', 409, 'The dataset is not ready', 'Wait until its job has succeeded.'),
  DATASET_IN_USE: row('conflict', 409, 'The dataset is in use', 'Delete the projects that use it first.'),
  DATASET_CHANGED: row('conflict', 409, 'The data changed after registration', 'Register it again as a new version.'),
  SOURCE_NOT_ALLOWED: row(
    'forbidden',
    403,
    'The source is not on the allow-list',
    'Ask an administrator to allow the host or folder named.',
  ),
  SOURCE_NOT_FOUND: row('invalid', 422, 'The source does not exist', 'Check the address or path.'),
  SOURCE_UNAVAILABLE: row(
    'unavailable',
    503,
    'The source does not answer',
    'Try again later; the dependency is named.',
  ),
  CELL_UNREADABLE: row(
    'invalid',
    422,
    'A cell cannot be read as its feature’s type',
    'Correct the row and column named.',
  ),
  DATA_READ_TRUNCATED: row(
    'bug',
    500,
    'A read ended before the last row',
    'The stored data is damaged; restore it from backup.',
  ),
  // Projects and modelling
  FEATURE_UNKNOWN: row('invalid', 422, 'There is no such feature', 'Use one of the dataset’s feature names.'),
  TARGET_CONSTANT: row('invalid', 422, 'The target has one value only', 'Choose a target with at least two values.'),
  TARGET_HAS_MISSING: row(
    'invalid',
    422,
    'The target has missing values',
    'Remove the rows without a target and add a new dataset version.',
  ),
  TARGET_CLASS_TOO_SMALL: row(
    'invalid',
    422,
    'A class has too few rows',
    'Remove or merge the class named, or use fewer folds.',
  ),
  TARGET_TYPE_MISMATCH: row(
    'invalid',
    422,
    'The target does not fit the target type',
    'Choose another targetType or target.',
  ),
  TARGET_NOT_FINITE: row(
    'invalid',
    422,
    'The target has infinite values',
    'Remove or correct those rows and add a new dataset version.',
  ),
  METRIC_MISMATCH: row('invalid', 422, 'The metric does not fit the target', 'Choose one of the metrics named.'),
  TOO_FEW_ROWS: row(
    'invalid',
    422,
    'There are too few rows to model',
    'Send more rows, or ask for fewer folds and a smaller holdout.',
  ),
  NO_FEATURES: row('invalid', 422, 'No feature is left to model with', 'Exclude fewer features.'),
  PARTITION_INVALID: row('invalid', 422, 'The partitioning cannot be made', 'Change the partitioning field named.'),
  BUDGET_TOO_SMALL: row('invalid', 422, 'The budget is too small', 'Give at least the number of seconds named.'),
  PROJECT_TARGET_FIXED: row(
    'conflict',
    409,
    'The project’s target is fixed',
    'Make a new project for another target, metric or partitioning.',
  ),
  AUTOPILOT_RUNNING: row('conflict', 409, 'Autopilot is already running', 'Wait for it or stop it first.'),
  AUTOPILOT_NOT_RUNNING: row('conflict', 409, 'Autopilot is not running', 'Start it first.'),
  RECOMMENDED_MODEL_NOT_READY: row('not_found', 404, 'There is no recommended model yet', 'Wait for Autopilot’s job.'),
  HOLDOUT_ALREADY_UNLOCKED: row('conflict', 409, 'The holdout is already unlocked', 'Nothing to do.'),
  BLUEPRINT_UNKNOWN: row('invalid', 422, 'There is no such blueprint', 'Use one of the blueprint ids named.'),
  MODEL_NOT_READY: row('conflict', 409, 'The model is not ready', 'Wait until its job has succeeded.'),
  NO_MODEL_IN_TIME: row('timeout', 504, 'No model was ready within the budget', 'Give more time.'),
  // Jobs, tasks, workers
  JOB_NOT_FINISHED: row('conflict', 409, 'The job is not finished', 'Wait for the job named.'),
  JOB_FINISHED: row('conflict', 409, 'The job is finished', 'Nothing to cancel.'),
  JOB_CANCELLED: row('cancelled', 409, 'The job was cancelled', 'Start it again if it is still wanted.'),
  TASK_FENCED: row('conflict', 409, 'The lease is lost', 'Stop this attempt; another holder has the task.'),
  TASK_CANCELLED: row('cancelled', 409, 'The task was cancelled', 'Stop this attempt.'),
  TASK_POISONED: row('bug', 500, 'The task failed three times', 'See the last attempt’s log.'),
  TASK_CHILD_DIED: row(
    'bug',
    500,
    'The task process ended unexpectedly',
    'See the task’s log; a lack of memory is the usual cause.',
  ),
  TASK_MEMORY: row('capacity', 507, 'The task needs more memory', 'Give the worker more memory or use fewer columns.'),
  TASK_DEADLINE: row('timeout', 504, 'The task’s deadline passed', 'Give more time.'),
  DEPENDENCY_FAILED: row('conflict', 409, 'A task that this one needs did not succeed', 'Mend what failed first.'),
  GROUP_FAILED: row('conflict', 409, 'Another member of the group failed', 'See the reason of the member named.'),
  WORKER_DRAINING: row('conflict', 409, 'The worker is being drained', 'Let it end; start one of the new version.'),
  PROTOCOL_VERSION: row('invalid', 422, 'The protocol version is not accepted', 'Upgrade the older side.'),
  LEASE_TOKEN_INVALID: row('forbidden', 403, 'The lease token is not valid for this task', 'Claim again.'),
  POOL_SECRET_INVALID: row(
    'unauthenticated',
    401,
    'The pool secret is wrong',
    'Start the worker with its pool’s secret.',
  ),
  // Artefacts and results
  ARTIFACT_INVALID: row(
    'bug',
    500,
    'The artefact does not verify',
    'The file is damaged or was altered; it is not used.',
  ),
  ARTIFACT_SIGNATURE: row(
    'forbidden',
    403,
    'The artefact’s signature is wrong',
    'It is not used; deploy the model again.',
  ),
  ARTIFACT_VERSION: row('invalid', 422, 'The artefact’s format version is unknown', 'Upgrade this server.'),
  RESULT_MISMATCH: row(
    'bug',
    500,
    'The result does not match its files',
    'The attempt is thrown away and tried again.',
  ),
  // Predictions and deployments
  DEPLOYMENT_NOT_READY: row('unavailable', 503, 'The deployment is not ready', 'Wait for Retry-After seconds.'),
  DEPLOYMENT_UNKNOWN: row('not_found', 404, 'There is no such deployment here', 'Check the id.'),
  MODEL_MISMATCH: row('invalid', 422, 'The model does not fit the deployment', 'Use a model of the same project.'),
  PREDICTION_COLUMN_RESERVED: row(
    'invalid',
    422,
    'The pass-through column’s name is reserved',
    'Rename the column in the source.',
  ),
  COLUMN_UNKNOWN: row('invalid', 422, 'The input has no such column', 'Use one of the input’s columns.'),
  TOO_MANY_ROWS: row('capacity', 413, 'Too many rows in one request', 'Send fewer rows, or use batch predictions.'),
  OVERLOADED: row('limited', 429, 'The server is overloaded', 'Wait for Retry-After seconds.'),
  // Hadoop
  HADOOP_CONFIG_INVALID: row(
    'invalid',
    422,
    'The cluster’s configuration cannot be used',
    'Point hadoop.confDir at a folder with the cluster’s own XML files, or correct the file and key named.',
  ),
  HADOOP_UNAVAILABLE: row(
    'unavailable',
    503,
    'A Hadoop service does not answer',
    'Check that it runs at the address named.',
  ),
  HADOOP_TLS_UNTRUSTED: row(
    'invalid',
    422,
    'A Hadoop service’s certificate is not trusted',
    'Set hadoop.caFile to the PEM file of the authority that signed it, and call the service by a name in its certificate.',
  ),
  HADOOP_AUTH_FAILED: row(
    'unauthenticated',
    401,
    'A Hadoop service refused who we are',
    'Where it asks for Kerberos, hadoop.confDir must say so (hadoop.security.authentication=kerberos) and hadoop.keytab be set; else check the service’s HTTP principal, and that hadoop.principal is known in its realm.',
  ),
  HADOOP_TOKEN_FILE_INVALID: row(
    'invalid',
    422,
    'The token file cannot be read',
    'It must be the credentials file that YARN or hdfs fetchdt wrote.',
  ),
  HADOOP_INSTALLATION_INVALID: row(
    'invalid',
    422,
    'What is known of the installation cannot be read',
    'Put install.json or current.json of the folder named back, or remove the folder and install again.',
  ),
  KERBEROS_LOGIN_FAILED: row(
    'unauthenticated',
    401,
    'The Kerberos login failed',
    'Check hadoop.keytab and hadoop.principal with klist -kt and kinit -kt; ask for a new keytab if it is out of date, or for the principal to be unlocked.',
  ),
  KERBEROS_UNAVAILABLE: row(
    'unavailable',
    503,
    'The Kerberos server does not answer',
    'Check the KDC addresses in krb5.conf.',
  ),
  KERBEROS_CLOCK_SKEW: row(
    'unauthenticated',
    401,
    'The clocks differ too much for Kerberos',
    'Set the clocks of this host, of the KDC and of the service named by NTP (chronyc tracking): Kerberos allows five minutes. trainyard hadoop doctor shows whose differ.',
  ),
  KERBEROS_SERVICE_UNKNOWN: row(
    'invalid',
    422,
    'Kerberos does not know the service',
    'Call the service by the host name in its HTTP principal, or have that principal made.',
  ),
  // YARN
  YARN_UNAVAILABLE: row(
    'unavailable',
    503,
    'No active ResourceManager answers',
    'Check that one runs and is active; applications go on meanwhile.',
  ),
  YARN_UNAUTHENTICATED: row(
    'unauthenticated',
    401,
    'The ResourceManager does not know who asks',
    'Check the service’s Kerberos principal and keytab, or name the user on a cluster without Kerberos.',
  ),
  YARN_FORBIDDEN: row(
    'forbidden',
    403,
    'YARN does not allow this',
    'Ask the cluster’s administrator for the right named, or the owner of the application.',
  ),
  YARN_IMPERSONATION_REFUSED: row(
    'forbidden',
    403,
    'The service may not act for this user',
    'Have hadoop.proxyuser.<service>.hosts and .groups set in the ResourceManager’s core-site.xml.',
  ),
  YARN_REST_SUBMISSION_OFF: row(
    'not_available',
    501,
    'The cluster takes no applications over REST',
    'Submit through the application master’s jar, or have yarn.webapp.enable-rest-app-submissions set to true.',
  ),
  YARN_QUEUE_UNKNOWN: row(
    'invalid',
    422,
    'There is no such YARN queue',
    'Choose a leaf queue: those named, or of yarn queue -list.',
  ),
  YARN_QUEUE_FORBIDDEN: row(
    'forbidden',
    403,
    'The YARN queue takes no application of this user',
    'Have the queue named opened to the user (acl_submit_applications, in a FairScheduler aclSubmitApps) and started (state RUNNING), then yarn rmadmin -refreshQueues; or choose another.',
  ),
  YARN_CONTAINER_TOO_LARGE: row(
    'invalid',
    422,
    'The container is larger than YARN grants',
    'Ask for at most the size named, or have yarn.scheduler.maximum-allocation-mb and -vcores raised.',
  ),
  YARN_REQUEST_REFUSED: row('invalid', 422, 'YARN refused the request', 'Correct what its answer names.'),
  YARN_ANSWER_UNREADABLE: row(
    'bug',
    500,
    'The ResourceManager’s answer is not understood',
    'Report it with the version of Hadoop; the field is named.',
  ),
  YARN_RUNTIME_MISSING: row(
    'not_available',
    501,
    'The programs for YARN containers are not installed',
    'Run `trainyard hadoop install` of this version as an administrator.',
  ),
  YARN_SUBMITTER_FAILED: row(
    'unavailable',
    503,
    'The program that submits over RPC failed',
    'Check Java and the jars on the app server’s host; its words are in the message.',
  ),
  HDFS_PATH_INVALID: row('invalid', 422, 'This is no path in this HDFS', 'Give /path or hdfs://nameservice/path.'),
  HDFS_FILE_MISSING: row('not_found', 404, 'There is no such file in HDFS', 'Check the path named.'),
  HDFS_FILE_EXISTS: row('conflict', 409, 'The file exists already in HDFS', 'Choose another name, or delete it first.'),
  HDFS_FILE_BUSY: row(
    'conflict',
    409,
    'Another writer has the file open',
    'Wait until it is closed, or write another file.',
  ),
  HDFS_FILE_CHANGED: row('stale', 412, 'The file changed while it was read', 'Start again on the new content.'),
  HDFS_REQUEST_INVALID: row('invalid', 422, 'HDFS refused the request', 'Correct what the message names.'),
  HDFS_PERMISSION_DENIED: row(
    'forbidden',
    403,
    'HDFS denies access',
    'Have the user named given access to the path named: hdfs dfs -chmod, -chown or -setfacl.',
  ),
  HDFS_IMPERSONATION_DENIED: row(
    'forbidden',
    403,
    'The service may not act for this user',
    'Set hadoop.proxyuser.<service user>.hosts and .groups in core-site.xml of NameNode and ResourceManager.',
  ),
  HDFS_ENCRYPTION_KEY_DENIED: row(
    'forbidden',
    403,
    'The encryption zone’s key may not be used',
    'Let the user named use the key in kms-acls.xml; over REST it is the DataNode’s user, which the KMS must not blacklist.',
  ),
  HDFS_TOKEN_INVALID: row(
    'unauthenticated',
    401,
    'The delegation token is no longer valid',
    'Get a new token; it was cancelled, has expired or is of another cluster.',
  ),
  HDFS_QUOTA_EXCEEDED: row(
    'capacity',
    507,
    'The folder’s quota is used up',
    'Free space, or have the quota raised: hdfs dfsadmin -setSpaceQuota or -setQuota.',
  ),
  HDFS_SAFE_MODE: row(
    'unavailable',
    503,
    'HDFS is in safe mode',
    'Wait until the NameNode has heard of its blocks; hdfs dfsadmin -safemode get.',
  ),
  HDFS_UNAVAILABLE: row(
    'unavailable',
    503,
    'HDFS does not answer',
    'Check NameNodes and DataNodes, they are named. If only one that stands by is addressed, name all NameNodes in hdfs-site.xml of hadoop.confDir, or in hadoop.webHdfsUrls.',
  ),
  HDFS_READ_TRUNCATED: row(
    'unavailable',
    503,
    'A read from HDFS ended too early',
    'Check the file’s blocks: hdfs fsck PATH -files -blocks -locations.',
  ),
  HDFS_WRITE_FAILED: row('unavailable', 503, 'A write to HDFS broke off', 'Check the DataNodes, then try again.'),
  // Operation
  CONFIG_INVALID: row('invalid', 422, 'The configuration is not valid', 'Correct the key named.'),
  SCHEMA_TOO_NEW: row('conflict', 409, 'The database was written by a newer version', 'Run the newer version.'),
  BACKUP_INVALID: row(
    'invalid',
    422,
    'The backup is incomplete or damaged',
    'Restore another backup; what is missing or damaged is named.',
  ),
  DATABASE_UNAVAILABLE: row('unavailable', 503, 'The database does not answer', 'Check the database server.'),
  STORE_UNAVAILABLE: row('unavailable', 503, 'The object store does not answer', 'Check the object store.'),
  STORE_OBJECT_MISSING: row('not_found', 404, 'The object is not in the store', 'Restore it from backup.'),
  STORE_OBJECT_EXISTS: row(
    'conflict',
    409,
    'The object exists already',
    'Names are never used twice; retry under a new name.',
  ),
  DISK_FULL: row('capacity', 507, 'The disk is full', 'Free space in the folder named.'),
  NATIVE_LIBRARY: row(
    'unavailable',
    503,
    'A native library cannot be loaded',
    'Run scripts/bootstrap; the library is named.',
  ),
  SERVER_UNAVAILABLE: row('unavailable', 503, 'The server does not answer', 'Check that it runs at the address named.'),
  SERVER_CERTIFICATE_REFUSED: row(
    'unavailable',
    503,
    'The app server’s certificate is not accepted',
    'Set server.caFile (command line: --ca-file) to the PEM file of the authority that signed it, call the server by a name in it, or renew it.',
  ),
  SHUTTING_DOWN: row('unavailable', 503, 'The server is shutting down', 'Try again in a moment.'),
  TIMEOUT: row('timeout', 504, 'A time limit passed', 'Try again, or raise the limit named.'),
  INTERNAL: row('bug', 500, 'An invariant broke', 'Report it with the request id.'),
} as const satisfies Record<string, ErrorRow>;

/** A key of {@link ERROR_TABLE}. */
export type ErrorCode = keyof typeof ERROR_TABLE;
