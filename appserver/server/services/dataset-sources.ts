import { realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { AppError, type DatasetSource, type IngestTask } from '#contracts';
import type { Caller } from '../auth/caller.ts';
import type { AppContext } from '../context.ts';
import { registerHdfs } from './hdfs-sources.ts';

/** A source that was held against the allow-lists. */
export interface CheckedSource {
  /** As it is recorded. */
  readonly source: DatasetSource;
  /** What a worker is asked to read. */
  readonly input: IngestTask['input'];
}

export interface CheckOptions {
  /** JSON pointer of the source in the request, for complaints. @default /source */
  readonly pointer?: string;
  /** Larger csv and tsv in HDFS is read in place. @default ingest.hdfsSnapshotBytesMax */
  readonly hdfsSnapshotBytesMax?: number;
}

/**
 * @throws SOURCE_NOT_ALLOWED naming host or folder, SOURCE_NOT_FOUND, VALIDATION_FAILED, NOT_AVAILABLE; what `registerHdfs` throws
 */
export async function checkSource(
  source: DatasetSource,
  { config, hdfsAs }: Pick<AppContext, 'config' | 'hdfsAs'>,
  { userName }: Caller,
  options: CheckOptions = {},
): Promise<CheckedSource> {
  switch (source.type) {
    case 'url':
      return { source, input: { type: 'url', url: checkedUrl(source.url, config.ingest.urlHosts) } };
    case 'path':
      return { source, input: { type: 'path', path: await checkedPath(source.path, config.ingest.pathRoots) } };
    case 'hdfs': {
      if (hdfsAs === null)
        throw new AppError(
          'NOT_AVAILABLE',
          'source.type: hdfs needs compute.driver yarn: files in HDFS are read by their users’ own containers',
        );
      const { pointer = '/source', hdfsSnapshotBytesMax: snapshotBytesMax = config.ingest.hdfsSnapshotBytesMax } =
        options;
      const lookUp = { client: hdfsAs(userName), userName, allowedRoots: config.hadoop.allowedRoots };
      const { source: recorded, files } = await registerHdfs(source, { ...lookUp, pointer, snapshotBytesMax });
      const { format, inPlace } = recorded;
      const input: IngestTask['input'] = { type: 'hdfs', format, files: [...files] };
      return { source: recorded, input: inPlace === undefined ? input : { ...input, inPlace } };
    }
    case 'hive':
    case 'jdbc':
    case 's3':
      throw new AppError(
        'NOT_AVAILABLE',
        `source.type: ${source.type} is not built yet; upload the file, or use url, path or hdfs`,
      );
  }
}

function checkedUrl(text: string, hosts: readonly string[]): string {
  const url = URL.parse(text);
  const refuse = (message: string) =>
    new AppError('VALIDATION_FAILED', `source.url: ${message}`, { errors: [{ path: '/source/url', message }] });
  if (url === null) throw refuse('is not an absolute URL');
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw refuse(`expected http or https; found ${JSON.stringify(url.protocol)}`);
  if (url.username !== '' || url.password !== '') throw refuse('must not hold credentials');
  if (!hosts.some((entry) => allows(entry, url))) {
    throw new AppError(
      'SOURCE_NOT_ALLOWED',
      `source.url: host ${url.host} is not on the allow-list (ingest.urlHosts)`,
      {
        errors: [{ path: '/source/url', message: `host ${url.host} is not allowed` }],
      },
    );
  }
  return url.href;
}

/** An entry is `host` (any port), `host:port`, or `*.domain`; the worker that fetches checks again, addresses too. */
function allows(entry: string, url: URL): boolean {
  if (!entry.startsWith('*.')) return entry === url.host || entry === url.hostname;
  const below = entry.slice(1);
  return url.host.endsWith(below) || url.hostname.endsWith(below);
}

/** Symbolic links are followed first, so that none leads out of the allowed folders. */
async function checkedPath(text: string, roots: readonly string[]): Promise<string> {
  const refused = new AppError('SOURCE_NOT_ALLOWED', 'source.path: is not in an allowed folder (ingest.pathRoots)', {
    errors: [{ path: '/source/path', message: 'is not in an allowed folder' }],
  });
  if (!path.isAbsolute(text) || text.includes('\0') || !roots.some((root) => isWithin(root, path.resolve(text))))
    throw refused;
  const real = await realpath(text).catch((err: unknown) => notFound(text, err));
  const realRoots = await Promise.all(roots.map((root) => realpath(root).catch(() => root)));
  if (!realRoots.some((root) => isWithin(root, real))) throw refused;
  if (!(await stat(real)).isFile()) throw notFoundError(text, 'is not a file');
  return real;
}

function isWithin(root: string, file: string): boolean {
  const relative = path.relative(root, file);
  return relative !== '' && !relative.startsWith('..') && !path.isAbsolute(relative);
}

const notFoundError = (text: string, message: string, cause?: unknown) =>
  new AppError('SOURCE_NOT_FOUND', `source.path: ${path.basename(text)} ${message}`, {
    errors: [{ path: '/source/path', message }],
    ...(cause === undefined ? {} : { cause }),
  });

function notFound(text: string, cause: unknown): never {
  throw notFoundError(text, 'does not exist or cannot be read', cause);
}
