import { strict, TELEMETRY_TRANSPORTS } from '#contracts';
import { choice, GIB, HOUR_MS, integer, list, MIB, millis, port, text } from './schema-keys.ts';

/** Keys of prediction servers, of what leaves with them, and of what they tell. */
export const SERVING_KEYS = {
  predictionServer: strict({
    host: text({
      description: 'address to listen on; plain HTTP is refused on others than loopback',
      default: '127.0.0.1',
    }),
    port: port('port of the prediction server; 0 takes a free one', 8081),
    publicUrl: text({ description: 'where clients reach it; empty: http(s)://host:port', default: '' }),
    certificateFile: text({
      description:
        'PEM file of the prediction server’s certificate with those between it and its authority: HTTPS; empty: HTTP',
      default: '',
    }),
    keyFile: text({ description: 'PEM file of that certificate’s key, readable by the service alone', default: '' }),
    certificateReloadMs: millis('how often certificate and key are looked at and, if they changed, taken up', 60_000),
    appServerUrl: text({ description: 'app server; empty: http://127.0.0.1:<server.port>', default: '' }),
    cacheDir: text({
      description: 'verified artefacts and the last feed; empty: <dataDir>/prediction-server',
      default: '',
    }),
    packageDir: text({
      description: 'folder of an unpacked package of a deployment, which then stands for the app server; empty: none',
      default: '',
    }),
    group: text({ description: 'group of servers that share assignments', default: 'default' }),
    bodyBytesMax: integer({ description: 'largest request body', default: 50 * MIB, minimum: 1 }),
    rowsMax: integer({ description: 'most rows of one request', default: 100_000, minimum: 1 }),
    columnsMax: integer({ description: 'most columns of one row', default: 10_000, minimum: 1 }),
    depthMax: integer({
      description: 'how deep objects and arrays of a JSON body may lie in one another; {"data": [rows]} lies 3 deep',
      default: 32,
      minimum: 3,
      maximum: 1_000,
    }),
    requestsMax: integer({
      description: 'requests under way at a time; more are answered 429',
      default: 1_000,
      minimum: 1,
    }),
    waitMsMax: millis('how long requests may wait for those before them; later ones are answered 429', 10),
    processes: integer({
      description: 'processes that answer requests on one port; limits of bodies and requests are of each',
      default: 1,
      minimum: 1,
      maximum: 256,
    }),
    drainMs: integer({
      description:
        'how long a server that closes says that it is not ready, before it takes no more connections: longer than balancers take to see it, milliseconds',
      default: 0,
      minimum: 0,
      maximum: 600_000,
    }),
    statusMs: millis('how often the server reports what it serves', 5_000),
  }),
  packages: strict({
    runtimeArchive: text({
      description:
        'archive of scripts/bundle --package-runtime, its record beside it, that packages of deployments are made with; empty: the one beside the programs, or built from the source tree when it is first needed',
      default: '',
    }),
  }),
  telemetry: strict({
    transport: choice(TELEMETRY_TRANSPORTS, {
      description:
        'how prediction servers tell of their predictions: http: to the app server; folder: into telemetry.folder, to be carried to trainyard telemetry import; off: nothing is recorded',
      default: 'http',
    }),
    folder: text({
      description:
        'folder of the transport of that name; as large as telemetry.spoolBytesMax at most; empty: <dataDir>/telemetry',
      default: '',
    }),
    spoolDir: text({
      description:
        'folder in which a prediction server keeps events until they are delivered, of its processes alone; empty: telemetry in predictionServer.cacheDir',
      default: '',
    }),
    spoolBytesMax: integer({
      description: 'size of each process’s events there; those beyond it are lost, and counted',
      default: GIB,
      minimum: 4 * MIB,
    }),
    inboxBytesMax: integer({
      description:
        'what waits in the object store for monitors, at most, by each app server; beyond it prediction servers keep their events',
      default: 10 * GIB,
      minimum: MIB,
    }),
    segmentMs: millis('how long events wait for others before they are delivered together', 2_000),
    keyFile: text({
      description:
        'file with the keys that events are signed with, one a line: the first signs, all are accepted; empty: telemetry.keys in keys.dir, made by app servers when it is not there; a prediction server without it asks the app server for keys of its own',
      default: '',
    }),
    kafka: strict({
      brokers: list({ description: 'host:port of Kafka brokers to begin with', default: [] }),
      topic: text({ description: 'topic of the events', default: 'trainyard-telemetry' }),
      groupId: text({ description: 'consumer group of the monitors', default: 'trainyard-monitor' }),
      tls: choice(['on', 'off'], {
        description:
          'whether connections to brokers are encrypted; off is refused for brokers that are not on loopback',
        default: 'on',
      }),
      caFile: text({
        description: 'PEM file of the authorities by which brokers are known; empty: those of Node and the system',
        default: '',
      }),
      mechanism: choice(['none', 'PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'], {
        description: 'how the program logs in to brokers',
        default: 'none',
      }),
      username: text({ description: 'name to log in with', default: '' }),
      passwordFile: text({ description: 'file with the password of that name', default: '' }),
    }),
  }),
  monitor: strict({
    database: strict({
      client: choice(['sqlite', 'postgres'], { description: 'database of the monitoring store', default: 'sqlite' }),
      file: text({
        description: 'SQLite file of the monitoring store, of one host; empty: <dataDir>/monitoring.db',
        default: '',
      }),
      url: text({
        description: 'PostgreSQL connection URL of the monitoring store, a database of its own',
        default: '',
        secret: true,
      }),
    }),
    archive: choice(['on', 'off'], {
      description: 'whether each event is kept as a row of a Parquet file in the object store, beside the counts',
      default: 'on',
    }),
    archiveMs: millis('how long events wait for others before a file of the archive is written', HOUR_MS),
    archiveBytesMax: integer({
      description:
        'events that wait for the archive in the monitoring store, compressed; beyond it monitors take no more',
      default: GIB,
      minimum: 64 * MIB,
    }),
    archiveDays: integer({ description: 'days for which the archive keeps events', default: 90, minimum: 1 }),
    countDays: integer({ description: 'days for which the hourly counts are kept', default: 800, minimum: 1 }),
    retentionMs: millis('how often monitors look for what is to be forgotten', HOUR_MS),
    deletedMs: millis(
      'how long the app server must not know a deployment before what it has predicted is forgotten',
      24 * HOUR_MS,
    ),
    pollMs: millis('how often a monitor looks for telemetry in the object store when there was none', 1_000),
  }),
  alerts: strict({
    checkMs: millis('how often it is looked whether an hour of a deployment is over', 60_000),
    graceMs: millis('how long after its end an hour is looked at: what is told of it takes a while to arrive', 300_000),
    webhookHosts: list({
      description: 'hosts (host, host:port or *.domain) that users may have alerts sent to; others are refused',
      default: [],
    }),
    kafkaTopic: text({
      description: 'topic that users may have alerts sent to, at the brokers of telemetry.kafka; empty: none',
      default: '',
    }),
    caFile: text({
      description:
        'PEM file of the authorities by which receivers of alerts and the mail server are known; empty: those of Node and the system',
      default: '',
    }),
    mail: strict({
      host: text({ description: 'SMTP server that alerts are sent by; empty: users can have no mail', default: '' }),
      port: port('port of the SMTP server', 587),
      tls: choice(['starttls', 'on', 'off'], {
        description:
          'whether the connection is encrypted from its beginning (on) or before anything is said (starttls); off is refused for servers that are not on loopback',
        default: 'starttls',
      }),
      from: text({ description: 'address that alerts come from, such as trainyard@example.org', default: '' }),
      username: text({ description: 'name to log in with; empty: no log-in', default: '' }),
      passwordFile: text({ description: 'file with the password of that name', default: '' }),
    }),
  }),
};
