import path from 'node:path';
import type { DatasetOptions, TaskInput } from '#contracts';
import { DEFAULT_INGEST_LIMITS, hdfsFiles } from '#tables';
import type { TaskRun } from '../../child/task-run.ts';
import { fetchHdfsText } from './fetch-hdfs-text.ts';
import { fetchUrl } from './fetch-url.ts';
import { allowedFile } from './local-path.ts';

/** The received bytes as a local file that the table reader may read. */
export interface ReceivedInput {
  readonly path: string;
  /** Name that tells the format and appears in messages. */
  readonly fileName: string;
}

/** Part of the whole ingest that fetching is shown as. */
export const FETCH_SHARE = 0.2;

/**
 * Brings an ingest task's input here: an upload lies in the object store, a path is read where it is, a URL is fetched.
 *
 * @throws SOURCE_NOT_ALLOWED, SOURCE_NOT_FOUND, SOURCE_UNAVAILABLE, BODY_TOO_LARGE, DISK_FULL
 */
export async function receiveInput(
  input: TaskInput,
  options: DatasetOptions,
  { context, reporter, scratchDir }: Pick<TaskRun, 'context' | 'reporter' | 'scratchDir'>,
): Promise<ReceivedInput> {
  const { ingest } = context.configuration;
  switch (input.type) {
    case 'upload':
      return { path: await context.objects.file(input.objectPath), fileName: input.fileName };
    case 'path': {
      const file = await allowedFile(input.path, ingest.pathRoots);
      return { path: file, fileName: path.basename(input.path) };
    }
    case 'url': {
      const target = path.join(scratchDir, 'fetched');
      const { fileName } = await fetchUrl({
        url: input.url,
        allowedHosts: ingest.urlHosts,
        bytesMax: ingest.fetchBytesMax,
        timeoutMs: ingest.fetchTimeoutMs,
        target,
        onBytes: (received, total) =>
          reporter.progress({
            fraction: total === null || total === 0 ? 0 : (FETCH_SHARE * received) / total,
            phase: 'fetching',
            message: `${received} bytes`,
          }),
      });
      return { path: target, fileName };
    }
    case 'hdfs': {
      const target = path.join(scratchDir, 'fetched');
      await fetchHdfsText({
        files: input.files,
        format: input.format,
        source: hdfsFiles(context.hdfs()),
        header: options.header !== false,
        bytesMax: DEFAULT_INGEST_LIMITS.textBytesMax,
        target,
        onBytes: (received, total) =>
          reporter.progress({
            fraction: (FETCH_SHARE * received) / Math.max(1, total),
            phase: 'fetching',
            message: `${received} of ${total} bytes`,
          }),
      });
      return { path: target, fileName: `${nameOf(input.files)}.${input.format}` };
    }
  }
}

/** Name of the file, or of the folder of several, without what tells the format. */
function nameOf([first, second]: readonly { readonly path: string }[]): string {
  const parts = (first?.path ?? '').split('/');
  const name = (second === undefined ? parts.at(-1) : parts.at(-2)) ?? '';
  return name.replace(/\.(csv|tsv|jsonl|ndjson|json|txt)?(\.gz)?$/i, '') || 'data';
}
