import { strict, TABLE_PARTS_MAX, type Static, type TObject, type TSchema } from '#contracts';
import { choice, GIB, HOUR_MS, integer, list, MIB, millis, port, text, type KeyOptions } from './schema-keys.ts';
import { SERVING_KEYS } from './schema-serving.ts';

/** The whole configuration of every program; each program reads its part. `docs/config.md` is generated from it. */
export const ConfigSchema = strict({
  dataDir: text({
    description: 'folder of everything that an embedded installation keeps',
    default: './trainyard-data',
  }),
  log: strict({
    level: choice(['debug', 'info', 'warn', 'error'], { description: 'least level that is logged', default: 'info' }),
  }),
  server: strict({
    host: text({
      description: 'address to listen on; plain HTTP is refused on others than loopback, see server.plainHttp',
      default: '127.0.0.1',
    }),
    port: port('port of the app server; 0 takes a free one', 8080),
    publicUrl: text({
      description: 'where clients and workers reach the app server; empty: http(s)://host:port',
      default: '',
    }),
    certificateFile: text({
      description:
        'PEM file of the app server’s certificate with those between it and its authority: HTTPS; empty: HTTP',
      default: '',
    }),
    keyFile: text({ description: 'PEM file of that certificate’s key, readable by the service alone', default: '' }),
    certificateReloadMs: millis('how often certificate and key are looked at and, if they changed, taken up', 60_000),
    caFile: text({
      description:
        'PEM file of the authorities by which workers, prediction servers and `up` know the app server; empty: those of Node and the system',
      default: '',
    }),
    plainHttp: choice(['loopback', 'anywhere'], {
      description: 'on which addresses HTTP without TLS is served; anywhere: keys and data can be read on the way',
      default: 'loopback',
    }),
    uploadBytesMax: integer({ description: 'largest upload', default: 10 * GIB, minimum: 1 }),
    bodyBytesMax: integer({ description: 'largest JSON body', default: 10 * MIB, minimum: 1 }),
    requestTimeoutMs: millis('longest time a request may take to arrive', 300_000),
    healthNeeds: list({
      description: 'what must answer beside the database before health is 200: worker, predictionServer',
      default: ['worker'],
    }),
    closeTimeoutMs: millis('longest wait for running requests at shut-down', 10_000),
    adminApiKey: text({
      description: 'key of the first administrator; empty: generated, printed once and kept in <dataDir>/admin.key',
      default: '',
      env: 'TRAINYARD_ADMIN_API_KEY',
      secret: true,
    }),
  }),
  database: strict({
    client: choice(['sqlite', 'postgres'], { description: 'database', default: 'sqlite' }),
    file: text({ description: 'SQLite file; empty: <dataDir>/trainyard.db', default: '' }),
    url: text({ description: 'PostgreSQL connection URL', default: '', secret: true }),
    poolMax: integer({ description: 'connections per app server', default: 10, minimum: 1, maximum: 200 }),
    statementTimeoutMs: millis('longest SQL statement', 30_000),
  }),
  objectStore: strict({
    driver: choice(['file', 'hdfs'], { description: 'kind of object store', default: 'file' }),
    root: text({
      description:
        'folder of the objects; file: empty for <dataDir>/objects; hdfs: /path or hdfs://nameservice/path, empty for /trainyard/objects',
      default: '',
    }),
  }),
  hadoop: strict({
    confDir: text({
      description: 'folder with the cluster’s core-site.xml, hdfs-site.xml, yarn-site.xml; empty: HADOOP_CONF_DIR',
      default: '',
    }),
    webHdfsUrls: list({
      description: 'WebHDFS or HttpFS servers to use instead of the NameNodes of hdfs-site.xml',
      default: [],
    }),
    user: text({ description: 'who the service is in a cluster without Kerberos', default: 'trainyard' }),
    principal: text({
      description: 'who the service is in a cluster with Kerberos; empty: first of the keytab',
      default: '',
    }),
    keytab: text({ description: 'keytab of the principal, readable by the service alone', default: '' }),
    caFile: text({
      description: 'PEM file of the authorities that signed the cluster’s certificates; empty: those of Node',
      default: '',
    }),
    tokenRefreshMs: millis(
      'age at which a user’s HDFS token is replaced by a new one for his workers; below the cluster’s renewal interval',
      6 * HOUR_MS,
    ),
    timeoutMs: millis('longest silence of a Hadoop service', 60_000),
    retryAttemptsMax: integer({
      description: 'attempts of one call to HDFS before it is given up',
      default: 60,
      minimum: 1,
      maximum: 100,
    }),
    retryMsMax: millis('longest time that one call to HDFS is tried again', 120_000),
    allowedRoots: list({
      description:
        'HDFS folders that datasets may lie in and predictions may be written to; HDFS’s own permissions hold too',
      default: ['/'],
    }),
  }),
  keys: strict({
    dir: text({
      description: 'folder of signing key, pool secret and prediction-server token; empty: <dataDir>/keys',
      default: '',
    }),
  }),
  queue: strict({
    leaseMs: millis('lease of a task', 30_000),
    beatMs: millis('interval of beats', 10_000),
    claimWaitMs: millis('how long a claim is held open', 20_000),
    pollMs: millis('how often a held claim looks for tasks of other replicas', 500),
    reaperIntervalMs: millis('how often expired leases are looked for', 1_000),
    reconcileMs: millis('how often states that cannot be are looked for', 30_000),
    chargedAttemptsMax: integer({
      description: 'attempts that fail by the task’s own fault before it is given up',
      default: 3,
      minimum: 1,
      maximum: 100,
    }),
    backoffMs: millis('first back-off after a failed attempt', 5_000),
    backoffMsMax: millis('longest back-off', 600_000),
    groupWaitMs: millis('how long the first member of a group waits for the others to be claimed', 60_000),
  }),
  compute: strict({
    driver: choice(['local', 'yarn'], {
      description:
        'where tasks run: workers that register by themselves, or YARN containers that the app server asks for',
      default: 'local',
    }),
  }),
  yarn: strict({
    queue: text({ description: 'YARN queue of pools when a request names none', default: 'default' }),
    runtimeDir: text({
      description: 'HDFS folder of the programs that containers run, filled by trainyard hadoop install',
      default: '/trainyard/runtime',
    }),
    serverUrls: list({
      description: 'addresses under which containers reach the app servers; empty: server.publicUrl',
      default: [],
    }),
    containersMax: integer({
      description: 'containers of workers of one user and queue at most',
      default: 8,
      minimum: 1,
      maximum: 2000,
    }),
    containerMemoryMb: integer({
      description: 'memory of a worker’s container, MB; larger ones are asked for where a task is predicted to need it',
      default: 4096,
      minimum: 512,
    }),
    containerMemoryMaxMb: integer({
      description: 'memory of the largest container of a worker that is asked for, MB; not below containerMemoryMb',
      default: 16_384,
      minimum: 512,
    }),
    containerVcores: integer({ description: 'vcores and threads of a worker’s container', default: 1, minimum: 1 }),
    masterMemoryMb: integer({ description: 'memory of an application master, MB', default: 512, minimum: 256 }),
    nodeLabel: text({ description: 'node label of all containers; empty: none', default: '' }),
    containerIdleMs: millis('how long a container may have nothing to do before it is given back', 60_000),
    applicationIdleMs: millis('how long a pool without work keeps its YARN application', 300_000),
    controlMs: millis('how often pools are looked at', 1_000),
    reconcileMs: millis('how often YARN’s applications are compared with ours', 30_000),
    orphanMs: millis('how long an application of ours that no row knows is left alone', 60_000),
    lifetimeMs: millis('YARN ends an application that no app server has prolonged for so long', 6 * HOUR_MS),
    viaJar: choice(['auto', 'always', 'never'], {
      description: 'submit by the application master’s jar instead of REST: auto when REST submission is switched off',
      default: 'auto',
    }),
    jarFolder: text({
      description:
        'folder of the application master’s jar and Hadoop’s client jars on this host, for submission by jar',
      default: '',
    }),
  }),
  retention: strict({
    sweepIntervalMs: millis('how often objects that nothing needs are looked for and deleted', 60_000),
    attemptMs: millis('how long the files of an ended attempt that are not its result are kept', HOUR_MS),
    orphanMs: millis('how long objects are kept that the database does not know', 24 * HOUR_MS),
    uploadDays: integer({
      description: 'days that a dataset’s file is kept as it was uploaded, once it was read or could not be',
      default: 7,
      minimum: 0,
    }),
    jobsDays: integer({
      description: 'days that ended jobs are kept whose dataset, project or batch prediction is gone',
      default: 90,
      minimum: 1,
    }),
    logDays: integer({ description: 'days that the lines of tasks’ logs are kept', default: 30, minimum: 1 }),
    binsBytesMax: integer({
      description:
        'large tables that are kept in bins for later models of their projects take so many bytes of the object store together, and those used last are kept; 0: none are',
      default: 64 * GIB,
      minimum: 0,
    }),
  }),
  autopilot: strict({
    workersMax: integer({
      description: 'tasks of one run that are planned at a time at most',
      default: 8,
      minimum: 1,
      maximum: 1000,
    }),
    threadsPerTask: integer({
      description: 'threads of one modelling task; in YARN at least as many as its container has vcores',
      default: 1,
      minimum: 1,
      maximum: 256,
    }),
    ranksMax: integer({
      description:
        'workers that fit one boosted model together at most, each with its part of the rows, where one has not the memory and the model is validated by one part of the rows; 1: none do',
      default: 1,
      minimum: 1,
      maximum: 64,
    }),
    workerBytesMax: integer({
      description:
        'memory of the largest worker that a model is planned for; 0: of the largest container in YARN, else worker.memoryBytes',
      default: 0,
      minimum: 0,
    }),
    insights: choice(['recommended', 'none'], {
      description: 'of which models feature impact and effects are computed after a run; of others when asked for',
      default: 'recommended',
    }),
  }),
  ingest: strict({
    urlHosts: list({
      description: 'hosts (host, host:port or *.domain) that datasets may be fetched from',
      default: [],
    }),
    pathRoots: list({ description: 'folders of this server that datasets may be read from', default: [] }),
    fetchTimeoutMs: millis('longest fetch of a URL', 600_000),
    fetchBytesMax: integer({ description: 'largest fetch of a URL', default: 10 * GIB, minimum: 1 }),
    columnsMax: integer({ description: 'most columns of a dataset', default: 10_000, minimum: 1 }),
    cellBytesMax: integer({ description: 'largest cell', default: 4 * MIB, minimum: 1 }),
    hdfsSnapshotBytesMax: integer({
      description:
        'csv and tsv files of a dataset in HDFS become a snapshot up to so many bytes together, as they lie there; more are read in place',
      default: 256 * MIB,
      minimum: 0,
    }),
  }),
  parts: strict({
    cellsMin: integer({
      description:
        'a table that is read in place in HDFS is worked on by several tasks when each of them has so many cells at least',
      default: 32 * 1024 * 1024,
      minimum: 1,
    }),
    countMax: integer({
      description: 'tasks at most that one table is cut up for; 1: none is cut up',
      default: 128,
      minimum: 1,
      maximum: TABLE_PARTS_MAX,
    }),
  }),
  worker: strict({
    serverUrl: text({ description: 'app server; empty: http://127.0.0.1:<server.port>', default: '' }),
    workDir: text({ description: 'folder for temporary files; empty: <dataDir>/work', default: '' }),
    memoryBytes: integer({ description: 'limit of the worker’s process tree', default: 4 * GIB, minimum: 256 * MIB }),
    threadCount: integer({ description: 'threads of the task process', default: 1, minimum: 1, maximum: 256 }),
    cacheBytes: integer({ description: 'decoded columns kept between tasks', default: 512 * MIB, minimum: 0 }),
    objectCacheBytes: integer({
      description: 'local copies kept of objects that the object store has no files for',
      default: 10 * GIB,
      minimum: 0,
    }),
    readAheadBytes: integer({
      description:
        'size of the pieces in which files in HDFS are read in place; two, or two row groups of Parquet, are on the disk at a time',
      default: 64 * MIB,
      minimum: MIB,
    }),
    groupHost: text({
      description:
        'address of this host at which other workers reach this one while they fit a model together; empty: that by which it reaches the app server',
      default: '',
    }),
    drainMs: millis('how long a stopping worker waits for its task', 5_000),
    childIdleMs: millis('how long a task process without a task, and with it the decoded columns, is kept', 60_000),
    checkpointMs: integer({
      description: 'shortest time between two checkpoints of a task, milliseconds; 0: wherever it can be resumed',
      default: 10_000,
      minimum: 0,
    }),
    stuckMs: millis('how long a task may go without any progress before it is ended', 600_000),
    pool: text({ description: 'pool that the worker belongs to', default: 'default' }),
    poolSecretFile: text({
      description: 'file with a secret of that pool; empty: pool.secret in keys.dir, which is one of the pool default',
      default: '',
    }),
    archiveSha256: text({
      description: 'SHA-256 of the archive that the worker runs from; empty: from source',
      default: '',
    }),
    lightgbmLibrary: text({
      description: 'path of lib_lightgbm.so (4.7)',
      default: '',
      env: 'TRAINYARD_LIGHTGBM_LIBRARY',
    }),
    xgboostLibrary: text({
      description: 'path of libxgboost.so (3.2), its libgomp beside it',
      default: '',
      env: 'TRAINYARD_XGBOOST_LIBRARY',
    }),
    libgompLibrary: text({
      description: 'path of libgomp.so.1; empty: the system’s',
      default: '',
      env: 'TRAINYARD_LIBGOMP_LIBRARY',
    }),
  }),
  ...SERVING_KEYS,
  up: strict({
    workers: integer({
      description: 'local workers; 0: one per processor, at most four',
      default: 0,
      minimum: 0,
      maximum: 64,
    }),
  }),
});
export type Config = Static<typeof ConfigSchema>;

/** One key of the configuration, as the reference lists it. */
export interface ConfigKey {
  readonly key: string;
  readonly env: string;
  readonly type: 'string' | 'integer' | 'boolean' | 'list';
  readonly default: unknown;
  readonly description: string;
  readonly secret: boolean;
}

/** All keys of a schema in its order, dotted. */
export function configKeys(schema: TObject = ConfigSchema, prefix = ''): ConfigKey[] {
  return Object.entries(schema.properties as Record<string, TSchema>).flatMap(([name, child]) => {
    const key = prefix === '' ? name : `${prefix}.${name}`;
    if ('properties' in child) return configKeys(child as TObject, key); // has properties: it is an object schema
    const leaf = child as TSchema & Partial<KeyOptions> & { type: string }; // leaves are made by text/integer/list/choice above
    return [
      {
        key,
        env:
          leaf.env ??
          `TRAINYARD_${key
            .replaceAll('.', '_')
            .replaceAll(/([a-z])([A-Z])/g, '$1_$2')
            .toUpperCase()}`,
        type:
          leaf.type === 'array'
            ? 'list'
            : leaf.type === 'integer'
              ? 'integer'
              : leaf.type === 'boolean'
                ? 'boolean'
                : 'string',
        default: leaf.default,
        description: leaf.description ?? '',
        secret: leaf.secret === true,
      } satisfies ConfigKey,
    ];
  });
}
