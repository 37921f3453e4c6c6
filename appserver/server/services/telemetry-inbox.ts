import { AppError, TELEMETRY_INBOX } from '#contracts';
import type { ObjectStore } from '#object-store';

/** Segments that wait at most: each is an object, which a name service has in its memory. */
const SEGMENTS_MAX = 100_000;
/** A full inbox is looked at again after this time. */
const LOOK_MS = 10_000;

/** Bounds what waits for monitors, lest the object store be full of it where none runs. */
export interface TelemetryInbox {
  /**
   * Takes a segment into account that is about to be kept.
   * @throws DISK_FULL where there is no room: servers keep it, and try again
   */
  admit(sizeBytes: number): Promise<void>;
}

/**
 * An inbox is measured when it could be full: what was kept since it was last measured counts as if no monitor had taken anything. Each app server
 * knows of its own segments alone, so that several go beyond the bound until they measure.
 */
export function createTelemetryInbox(
  store: Pick<ObjectStore, 'list'>,
  { bytesMax, segmentsMax = SEGMENTS_MAX }: { readonly bytesMax: number; readonly segmentsMax?: number },
  now: () => number = () => performance.now(),
): TelemetryInbox {
  let size: Size | null = null;
  let measuredAt = -Infinity;
  let measuring: Promise<void> | null = null;
  const measure = async (): Promise<void> => {
    let [bytes, segments] = [0, 0];
    for await (const { sizeBytes } of store.list(TELEMETRY_INBOX))
      [bytes, segments] = [bytes + sizeBytes, segments + 1];
    size = { bytes, segments };
    measuredAt = now();
  };
  const isFull = (more: number): boolean =>
    size === null || size.bytes + more > bytesMax || size.segments + 1 > segmentsMax;
  return {
    async admit(sizeBytes) {
      if (isFull(sizeBytes) && now() - measuredAt >= LOOK_MS) {
        measuring ??= measure().finally(() => (measuring = null));
        await measuring;
      }
      if (size === null || isFull(sizeBytes)) throw full(size, bytesMax);
      size = { bytes: size.bytes + sizeBytes, segments: size.segments + 1 };
    },
  };
}

interface Size {
  readonly bytes: number;
  readonly segments: number;
}

const full = (size: Size | null, bytesMax: number): AppError =>
  new AppError(
    'DISK_FULL',
    `${size?.segments ?? 0} segments of telemetry (${size?.bytes ?? 0} bytes) wait in ${TELEMETRY_INBOX} of the object store, at most ${bytesMax} bytes and ${SEGMENTS_MAX} segments do; is a monitor running?`,
  );
