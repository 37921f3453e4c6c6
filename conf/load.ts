import { readFileSync } from 'node:fs';
import path from 'node:path';
import { AppError, parse } from '#contracts';
import { KEY_FILES } from './secret-file.ts';
import { configKeys, ConfigSchema, type Config, type ConfigKey } from './schema.ts';

/** Where a value came from: later ones win. */
export type ConfigOrigin = 'default' | 'file' | 'environment' | 'flag';

/** Keys that were renamed or removed, with the sentence that an old configuration is answered with. */
export const RETIRED_KEYS: Readonly<Record<string, string>> = {};

/** Environment variables with our prefix that are not configuration keys. */
const OTHER_VARIABLES = new Set([
  'TRAINYARD_CACHE',
  'TRAINYARD_NODE',
  'TRAINYARD_CONFIG',
  'TRAINYARD_FAILPOINTS',
  'TRAINYARD_PARENT_WATCH',
  'TRAINYARD_API_KEY',
  'TRAINYARD_URL',
]);

export interface LoadOptions {
  /** Dotted keys with their values as text or typed; the strongest layer. */
  readonly flags?: Readonly<Record<string, unknown>>;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Configuration file; default TRAINYARD_CONFIG. A named file must exist. */
  readonly file?: string;
  readonly cwd?: string;
}

export interface LoadedConfig {
  readonly config: Config;
  readonly origins: ReadonlyMap<string, ConfigOrigin>;
}

/**
 * The configuration: defaults < file < environment < flags. Relative paths are resolved against `cwd`, empty ones get
 * their place under `dataDir`.
 *
 * @throws CONFIG_INVALID naming the key, its origin, what was found and what is allowed; also for unknown keys
 */
export function loadConfig(options: LoadOptions = {}): LoadedConfig {
  const env = options.env ?? process.env;
  const cwd = options.cwd ?? process.cwd();
  const keys = new Map(configKeys().map((entry) => [entry.key, entry]));
  const values = new Map<string, unknown>();
  const origins = new Map<string, ConfigOrigin>();
  const put = (key: string, value: unknown, origin: ConfigOrigin) => {
    const retired = RETIRED_KEYS[key];
    if (retired !== undefined) throw new AppError('CONFIG_INVALID', `${key} (${origin}): ${retired}`);
    const entry = keys.get(key);
    if (entry === undefined)
      throw new AppError('CONFIG_INVALID', `${key} (${origin}) is not a known key; see docs/config.md`);
    values.set(key, typeof value === 'string' ? fromText(entry, value, origin) : value);
    origins.set(key, origin);
  };
  for (const entry of keys.values()) put(entry.key, entry.default, 'default');
  const file = options.file ?? env['TRAINYARD_CONFIG'];
  if (file !== undefined && file !== '')
    for (const [key, value] of flatten(readFile(path.resolve(cwd, file)))) put(key, value, 'file');
  for (const [key, value] of fromEnvironment(env, keys)) put(key, value, 'environment');
  for (const [key, value] of Object.entries(options.flags ?? {})) put(key, value, 'flag');
  const config = parse(ConfigSchema, unflatten(values), 'configuration', 'CONFIG_INVALID');
  return { config: withPlaces(config, cwd), origins };
}

function fromEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  keys: ReadonlyMap<string, ConfigKey>,
): [string, string][] {
  const byVariable = new Map([...keys.values()].map((entry) => [entry.env, entry.key]));
  const found: [string, string][] = [];
  for (const [variable, value] of Object.entries(env)) {
    if (!variable.startsWith('TRAINYARD_') || value === undefined || OTHER_VARIABLES.has(variable)) continue;
    const key = byVariable.get(variable);
    if (key === undefined)
      throw new AppError('CONFIG_INVALID', `environment variable ${variable} is not a known key; see docs/config.md`);
    found.push([key, value]);
  }
  return found;
}

function readFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (err) {
    throw new AppError('CONFIG_INVALID', `configuration file ${file} cannot be read as JSON`, { cause: err });
  }
}

/** A nested document as dotted keys; arrays are leaves. */
function flatten(value: unknown, prefix = ''): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [[prefix, value]];
  return Object.entries(value).flatMap(([name, child]) => flatten(child, prefix === '' ? name : `${prefix}.${name}`));
}

function unflatten(values: ReadonlyMap<string, unknown>): unknown {
  const root: Record<string, unknown> = {};
  for (const [key, value] of values) {
    const parts = key.split('.');
    let node = root;
    for (const part of parts.slice(0, -1)) {
      node[part] ??= {};
      node = node[part] as Record<string, unknown>; // made one line above
    }
    node[parts.at(-1) ?? key] = value;
  }
  return root;
}

function fromText(entry: ConfigKey, text: string, origin: ConfigOrigin): unknown {
  switch (entry.type) {
    case 'string':
      return text;
    case 'list':
      return text === '' ? [] : text.split(',').map((item) => item.trim());
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      throw new AppError(
        'CONFIG_INVALID',
        `${entry.key} (${origin}) must be true or false; found ${JSON.stringify(text)}`,
      );
    case 'integer':
      if (/^-?\d+$/.test(text)) return Number(text);
      throw new AppError(
        'CONFIG_INVALID',
        `${entry.key} (${origin}) must be an integer; found ${JSON.stringify(text)}`,
      );
  }
}

/** Paths made absolute; empty ones get their default place. */
function withPlaces(config: Config, cwd: string): Config {
  const dataDir = path.resolve(cwd, config.dataDir);
  const place = (value: string, name: string) => (value === '' ? path.join(dataDir, name) : path.resolve(cwd, value));
  const absolute = (value: string) => (value === '' ? '' : path.resolve(cwd, value));
  const keysDir = place(config.keys.dir, 'keys');
  const scheme = config.server.certificateFile === '' ? 'http' : 'https';
  const serverUrl =
    config.server.publicUrl === '' ? `${scheme}://127.0.0.1:${config.server.port}` : config.server.publicUrl;
  return {
    ...config,
    dataDir,
    server: {
      ...config.server,
      certificateFile: absolute(config.server.certificateFile),
      keyFile: absolute(config.server.keyFile),
      caFile: absolute(config.server.caFile),
    },
    database: { ...config.database, file: place(config.database.file, 'trainyard.db') },
    objectStore: { ...config.objectStore, root: objectRoot(config.objectStore, place) },
    hadoop: {
      ...config.hadoop,
      confDir: absolute(config.hadoop.confDir),
      keytab: absolute(config.hadoop.keytab),
      caFile: absolute(config.hadoop.caFile),
    },
    keys: { dir: keysDir },
    packages: { runtimeArchive: absolute(config.packages.runtimeArchive) },
    ingest: { ...config.ingest, pathRoots: config.ingest.pathRoots.map((root) => path.resolve(cwd, root)) },
    worker: {
      ...config.worker,
      serverUrl: config.worker.serverUrl === '' ? serverUrl : config.worker.serverUrl,
      workDir: place(config.worker.workDir, 'work'),
      poolSecretFile:
        config.worker.poolSecretFile === ''
          ? path.join(keysDir, KEY_FILES.poolSecret)
          : path.resolve(cwd, config.worker.poolSecretFile),
    },
    predictionServer: {
      ...config.predictionServer,
      appServerUrl: config.predictionServer.appServerUrl === '' ? serverUrl : config.predictionServer.appServerUrl,
      certificateFile: absolute(config.predictionServer.certificateFile),
      keyFile: absolute(config.predictionServer.keyFile),
      cacheDir: place(config.predictionServer.cacheDir, 'prediction-server'),
      packageDir: absolute(config.predictionServer.packageDir),
    },
    monitor: {
      ...config.monitor,
      database: { ...config.monitor.database, file: place(config.monitor.database.file, 'monitoring.db') },
    },
    telemetry: {
      ...config.telemetry,
      folder: place(config.telemetry.folder, 'telemetry'),
      spoolDir:
        config.telemetry.spoolDir === ''
          ? path.join(place(config.predictionServer.cacheDir, 'prediction-server'), 'telemetry')
          : path.resolve(cwd, config.telemetry.spoolDir),
      keyFile:
        config.telemetry.keyFile === ''
          ? path.join(keysDir, KEY_FILES.telemetryKeys)
          : path.resolve(cwd, config.telemetry.keyFile),
      kafka: {
        ...config.telemetry.kafka,
        caFile: absolute(config.telemetry.kafka.caFile),
        passwordFile: absolute(config.telemetry.kafka.passwordFile),
      },
    },
    alerts: alertPlaces(config.alerts, absolute),
  };
}

const alertPlaces = (alerts: Config['alerts'], absolute: (file: string) => string): Config['alerts'] => ({
  ...alerts,
  caFile: absolute(alerts.caFile),
  mail: { ...alerts.mail, passwordFile: absolute(alerts.mail.passwordFile) },
});

/** The root of the HDFS driver is no path of this machine. */
function objectRoot({ driver, root }: Config['objectStore'], place: (value: string, name: string) => string): string {
  if (driver === 'hdfs') return root === '' ? '/trainyard/objects' : root;
  return place(root, 'objects');
}

/**
 * Dotted flags of a program's command line: `--server.port 8080` or `--server.port=8080`, `--config FILE`.
 *
 * @throws CONFIG_INVALID for anything else
 */
export function configFlags(argv: readonly string[]): { flags: Record<string, string>; file?: string } {
  const flags: Record<string, string> = {};
  let file: string | undefined;
  for (let index = 0; index < argv.length; index += 1) {
    const word = argv[index] ?? '';
    const match = /^--([A-Za-z][A-Za-z.]*)(?:=(.*))?$/s.exec(word);
    if (match === null) throw new AppError('CONFIG_INVALID', `${word} is not a flag; flags are --key.name VALUE`);
    const name = match[1] ?? '';
    const value = match[2] ?? argv[(index += 1)];
    if (value === undefined) throw new AppError('CONFIG_INVALID', `--${name} needs a value`);
    if (name === 'config') file = value;
    else flags[name] = value;
  }
  return file === undefined ? { flags } : { flags, file };
}

/** Each effective value with its origin, one line a key, secrets hidden; programs print it at start. */
export function describeConfig({ config, origins }: LoadedConfig): string[] {
  const values = new Map(flatten(config));
  return configKeys().map(({ key, secret }) => {
    const value = values.get(key);
    const shown = secret ? (value === '' ? '""' : '(hidden)') : JSON.stringify(value);
    return `${key} = ${shown} (${origins.get(key) ?? 'default'})`;
  });
}
