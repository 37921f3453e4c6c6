import path from 'node:path';
import type { IngestTask } from '#contracts';
import type { TaskContext } from '../../child/context.ts';
import type { Reporter } from '../../child/progress.ts';
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
  input: IngestTask['input'],
  { context, reporter, scratchDir }: { context: TaskContext; reporter: Reporter; scratchDir: string },
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
  }
}
